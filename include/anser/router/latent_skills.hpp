#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

#include "../core/function.hpp"
#include "../ops/elementwise.hpp"
#include "../ops/gather.hpp"
#include "../ops/matmul.hpp"
#include "concept.hpp"

namespace anser {

/// Latent Skills (Ponti et al. 2022): each task mixes the experts' parameters by which of them it switches on, a draw
/// of relaxed Bernoulli variables while training and their probabilities in evaluation. Batch::task says whose they
/// are. Trained jointly with the experts.
struct LatentSkills {
  int tasks = 1;
  std::uint64_t seed = 0;  // of new logits
  double rate = 10;        // at which the logits learn, as a multiple of the experts' learning rate
  template <Backend B>
  struct On;
};

template <Backend B>
struct LatentSkills::On {
  using R = typename B::real;
  LatentSkills options;
  B* device;
  Site site;
  std::vector<std::int32_t> who;  // those that the site has
  Real<B> skills;                 // [tasks, candidates] logits

  On(B& device_, LatentSkills o, const Site& s) : options(o), device(&device_), site(s) {}
  static void visit(auto& self, auto&& f) {
    if (self.skills) f("router.skills", self.skills);
  }
  /// New logits, uniform between -1e-3 and 1e-3.
  void prepare(const Site& s, std::span<const Expert> experts) {
    check(options.tasks > 0, "latent skills: ", options.tasks, " tasks; at least 1");
    who = experts_at(s.name, experts);
    if (who.empty()) return;
    const Random draw = Random::of(options.seed, Draws::routers).fork(std::uint64_t(s.index));
    std::vector<R> v(std::size_t(options.tasks) * who.size());
    for (std::size_t i = 0; i < v.size(); ++i) v[i] = R(1e-3) * (2 * R(draw.uniform(i)) - 1);
    skills = Real<B>(*device, {options.tasks, int(who.size())}, v);
  }

  /// Throws Error where the examples' tasks are not known, or one is none of those that were trained.
  ParameterRouting<B> route(const Context<B>& cx, const Tensor<B>&, const Batch<B>& batch) const {
    if (who.empty()) return {};
    check(int(batch.task.size()) == batch.examples, "routing: ", batch.task.size(), " tasks are given for ",
          batch.examples, " examples; Batch::task has one for each");
    std::vector<std::int32_t> tasks, all;
    for (const int t : batch.task) {
      check(t >= 0 && t < options.tasks, "routing: the task ", t, " is given, and ", options.tasks, " were trained");
      tasks.push_back(t);
      all.insert(all.end(), who.begin(), who.end());
    }
    const int n = int(tasks.size()), e = int(who.size());
    const auto on = gather(cx, switched_on(cx, batch), Index<B>(*device, {n}, tasks));
    const auto total = matmul_t(cx, on, Real<B>(*device, {1, e}, std::vector<R>(who.size(), R(1))));
    const auto weight = multiply(cx, on, map<R>(cx, total, function::Reciprocal{1e-12}));
    return {Index<B>(*device, {n, e}, all), weight, {}, {}};
  }
  ParameterRouting<B> plan(const Context<B>& cx, const Batch<B>& batch) const { return route(cx, {}, batch); }

 private:
  /// RelaxedBernoulli(logits, temperature 1): one draw for all examples of a task.
  Real<B> switched_on(const Context<B>& cx, const Batch<B>& batch) const {
    if (!batch.training) return sigmoid(cx, skills);
    const Random draw = router_draws(batch, site, RouterDraws::skills);
    std::vector<R> logistic(skills.shape().size());
    for (std::size_t i = 0; i < logistic.size(); ++i) {
      const double u = (double(draw.uniform(i)) + 1e-7) / (1 + 2e-7);
      logistic[i] = R(std::log(u / (1 - u)));
    }
    return sigmoid(cx, add(cx, skills, Real<B>(*device, skills.shape(), logistic)));
  }
};
static_assert(Router<LatentSkills>);

}  // namespace anser
