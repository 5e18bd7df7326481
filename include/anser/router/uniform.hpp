#pragma once
#include <vector>

#include "concept.hpp"

namespace anser {

/// Merged experts: every expert that a site has, with equal weights: W + (1/E) sum_e s_e B_e A_e. The products are
/// averaged, never A and B apart.
struct Uniform {
  template <Backend B>
  struct On;
};

template <Backend B>
struct Uniform::On {
  B* device;
  OutputRouting<B> all;  // [1, candidates]

  On(B& device_, Uniform, const Site&) : device(&device_) {}
  static void visit(auto&, auto&&) {}
  void prepare(const Site& site, std::span<const Expert> experts) {
    const auto who = experts_at(site.name, experts);
    if (who.empty()) return;
    const int n = int(who.size());
    const std::vector<typename B::real> equal(who.size(), typename B::real(1) / typename B::real(n));
    all.expert = Index<B>(*device, {1, n}, who);
    all.weight = Real<B>(*device, {1, n}, equal);
  }
  OutputRouting<B> route(const Context<B>&, const Tensor<B>&, const Batch<B>&) const { return all; }
};
static_assert(Router<Uniform>);

}  // namespace anser
