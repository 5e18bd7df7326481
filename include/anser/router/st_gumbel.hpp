#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "../nn/example_scores.hpp"
#include "../ops/choose.hpp"
#include "../ops/softmax.hpp"
#include "concept.hpp"

namespace anser {

/// Straight-through Gumbel-Softmax (Jang et al. 2017): while training an expert is drawn per example and site by adding
/// Gumbel noise to the scores; it counts 1, and its gradient is that of softmax(. / t). In evaluation the best alone.
/// Trained jointly with the experts.
struct StGumbel {
  double temperature = 10;  // at the start
  double least = 0.5;       // in the end
  double annealing = 1e-6;  // every 5,000 steps t becomes max(t exp(-annealing step), least)
  std::uint64_t seed = 0;   // of new rows
  template <Backend B>
  struct On;
};

template <Backend B>
struct StGumbel::On {
  StGumbel options;
  ExampleScores<B> scores;

  On(B& device, StGumbel o, const Site& s) : options(o), scores(device, s) {}
  static void visit(auto& self, auto&& f) { ExampleScores<B>::visit(self.scores, f); }
  void prepare(const Site& s, std::span<const Expert> experts) { scores.prepare(s, experts, options.seed); }

  OutputRouting<B> route(const Context<B>& cx, const Tensor<B>& x, const Batch<B>& batch) const {
    return scores.empty() ? OutputRouting<B>{} : decide(cx, scores.score(cx, scores.read(cx, x, batch)), batch);
  }
  OutputRouting<B> plan(const Context<B>& cx, const Batch<B>& batch) const { return route(cx, {}, batch); }

 private:
  double temperature(int step) const {
    double t = options.temperature;
    for (int at = 5000; at <= step && t > options.least; at += 5000)
      t = std::max(t * std::exp(-options.annealing * at), options.least);
    return t;
  }
  OutputRouting<B> decide(const Context<B>& cx, const Real<B>& s, const Batch<B>& batch) const {
    using R = typename B::real;
    const Context<B> untaped{cx.device};
    const std::vector<R> ones(std::size_t(s.rows()), R(1));
    const Real<B> one(cx.device, {s.rows(), 1}, ones);
    if (!batch.training) return {name_columns(cx, arg_max(cx, s), scores.candidate), one};
    std::vector<R> noise(s.shape().size());
    const Random draw = router_draws(batch, scores.site, RouterDraws::expert);
    for (std::size_t i = 0; i < noise.size(); ++i)
      noise[i] = R(-std::log(-std::log((double(draw.uniform(i)) + 1e-10) / (1 + 2e-10))));
    const auto p = softmax(cx, add(cx, s, Real<B>(cx.device, s.shape(), noise)), temperature(batch.step));
    const auto column = arg_max(cx, p);
    const auto rest = add(untaped, one, take_column(untaped, p, column), -1);  // no gradient: 1 - p + p
    return {name_columns(cx, column, scores.candidate), add(cx, take_column(cx, p, column), rest)};
  }
};
static_assert(Router<StGumbel>);

}  // namespace anser
