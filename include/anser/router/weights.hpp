#pragma once
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "concept.hpp"

namespace anser {

/// A fixed mix: the experts named, each with its own weight, everywhere and for every row; the others are nobody. One
/// expert of weight 1 is that expert alone; LoraHub (Huang et al. 2023) is such a mix that was searched for.
struct Weights {
  std::vector<std::pair<std::string, double>> weights;  // expert's name and weight; the products are summed as they are
  template <Backend B>
  struct On;
};

template <Backend B>
struct Weights::On {
  Weights options;
  B* device;
  OutputRouting<B> mix;  // [1, those named that the site has]

  On(B& device_, Weights o, const Site&) : options(std::move(o)), device(&device_) {}
  static void visit(auto&, auto&&) {}

  /// Throws Error for a name that no expert has, or two weights of one, and for a weight that is not finite.
  void prepare(const Site& site, std::span<const Expert> experts) {
    std::vector<std::int32_t> who;
    std::vector<typename B::real> weight;
    for (const auto& [name, w] : options.weights) {
      std::size_t e = 0;
      while (e < experts.size() && experts[e].name != name) ++e;
      check(e < experts.size(), "weights: the pool has no expert ", name);
      check(std::isfinite(w), "weights: that of ", name, " is ", w);
      if (!experts[e].has(site.name) || w == 0) continue;
      for (const std::int32_t other : who) check(other != std::int32_t(e), "weights: ", name, " is there twice");
      who.push_back(std::int32_t(e));
      weight.push_back(typename B::real(w));
    }
    if (who.empty()) return;
    const Shape shape{1, int(who.size())};
    mix.expert = Index<B>(*device, shape, who);
    mix.weight = Real<B>(*device, shape, weight);
  }
  OutputRouting<B> route(const Context<B>&, const Tensor<B>&, const Batch<B>&) const { return mix; }
};
static_assert(Router<Weights>);

}  // namespace anser
