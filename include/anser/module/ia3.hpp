#pragma once
#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "../core/random.hpp"
#include "../nn/expert.hpp"
#include "../nn/targets.hpp"
#include "../ops/rescale.hpp"
#include "concept.hpp"

namespace anser {

/// Element-wise scaling (Liu et al. 2022, T-Few): y = g * W x, or of a feed-forward's inner activation, y = W (g * x).
/// Routed, a weight counts the expert's part: 1 + sum w (g - 1).
struct Ia3 {
  /// New experts scale the input of the linears whose names end so, and the output of the others.
  std::string feedforward = "wo";  // a comma list
  template <Backend B>
  struct On;
};

template <Backend B>
struct Ia3::On {
  static constexpr std::string_view kind = "IA3";
  static constexpr int parts = 1;  // one vector: no second part that another expert could bring

  B* device;
  std::vector<std::string> names;  // of all experts of the pool
  std::vector<Real<B>> vectors;    // [1, in] or [out, 1]; undefined where an expert does not act
  bool scales_input = false;

  On(B& device_, Ia3, const Site&) : device(&device_) {}

  /// The experts of a pool. Throws Error where a vector does not fit the site, or two experts differ in what they
  /// scale.
  void load(const Site& site, std::span<const Expert> pool) {
    std::string first;
    for (const Expert& e : pool) {
      check(e.kind == kind, e.origin, ": a ", e.kind, " expert; the module here is IA3");
      names.push_back(e.name);
      const auto l = e.tensors->find(site.name + ".ia3_l");
      if (!l) {
        vectors.emplace_back();
        continue;
      }
      const bool input = l->shape == Shape{1, site.in} && (site.in != 1 || site.out != 1);
      check(input || l->shape == Shape{site.out, 1}, l->origin, " has the shape ", l->shape, "; the linear is [",
            site.out, ", ", site.in, "] in this model, and its input is scaled by [1, in], its output by [out, 1]");
      check(first.empty() || input == scales_input, l->origin, " scales the ", input ? "input" : "output", ", and ",
            first, "'s the ", input ? "output" : "input", "; such experts cannot be in one pool");
      scales_input = input;
      first = e.name;
      vectors.emplace_back(*device, *l);
    }
  }

  /// Named as PEFT names them in memory: ia3_l.<expert>.
  static void visit(auto& self, auto&& f) {
    for (std::size_t e = 0; e < self.vectors.size(); ++e)
      if (self.vectors[e]) f("ia3_l." + self.names[e], self.vectors[e]);
  }

  bool changes_input() const { return scales_input; }

  /// y (1 + sum over the chosen of w (g - 1)). Cost per row: 2 k n.
  Real<B> forward(const Context<B>& cx, const Host<B>& host, const Tensor<B>& x, const OutputRouting<B>& r) const {
    return rescaled(cx, host, x, r.expert, r.weight);
  }
  /// The same: an average of scalings is the scaling by the average, where the weights sum to 1.
  Real<B> forward(const Context<B>& cx, const Host<B>& host, const Tensor<B>& x, const ParameterRouting<B>& r) const {
    return rescaled(cx, host, x, r.expert, r.weight);
  }

 private:
  Real<B> rescaled(const Context<B>& cx, const Host<B>& host, const Tensor<B>& x, const Index<B>& expert,
                   const Real<B>& weight) const {
    if (!expert) return host(x);
    if (scales_input) return host(rescale<typename B::element>(cx, x, vectors, expert, weight));
    return rescale<typename B::real>(cx, host(x), vectors, expert, weight);
  }
};

/// A new expert for these sites, of which nothing is in a file yet: ones, so that it starts as the base. Throws Error
/// where no site is given.
inline Expert create_expert(std::string name, std::span<const Site> sites, const Ia3& o, Random) {
  check(!sites.empty(), "ia3: no linear of the model is among the targets");
  const auto tensors = std::make_shared<MemorySource>("the new expert " + name);
  const Targets feedforward = Targets::parse(o.feedforward);
  Expert e;
  for (const Site& site : sites) {
    const bool input = feedforward.match(site.name);
    const int n = input ? site.in : site.out;
    tensors->add(site.name + ".ia3_l", input ? Shape{1, n} : Shape{n, 1}, std::vector<float>(std::size_t(n), 1.f));
    e.sites.push_back(site.name);
  }
  std::sort(e.sites.begin(), e.sites.end());
  e.name = std::move(name);
  e.kind = "IA3";
  e.origin = tensors->origin();
  e.tensors = tensors;
  return e;
}

}  // namespace anser
