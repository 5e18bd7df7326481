#pragma once
#include <vector>

#include "concept.hpp"

namespace anser {

/// AdaMix (Wang et al. 2022): per example and site one random expert's first half (A; down and its bias) meets another
/// random one's second half (B; up) while training; every step passes twice, and both passes are to agree
/// (LossOptions::consistency). In evaluation the average of all parameters. Nothing is learned by the router.
struct AdaMix {
  static constexpr bool consistent = true;  // trains with two passes a step
  template <Backend B>
  struct On;
};

template <Backend B>
struct AdaMix::On {
  static constexpr int parts = 2;  // of an expert, which are chosen apart
  B* device;
  Site site;
  std::vector<std::int32_t> who;  // those that the site has

  On(B& device_, AdaMix, const Site& s) : device(&device_), site(s) {}
  static void visit(auto&, auto&&) {}
  void prepare(const Site& s, std::span<const Expert> experts) { who = experts_at(s.name, experts); }

  ParameterRouting<B> route(const Context<B>&, const Tensor<B>&, const Batch<B>& batch) const {
    return who.empty() ? ParameterRouting<B>{} : batch.training ? drawn(batch) : averaged(batch.examples);
  }
  ParameterRouting<B> plan(const Context<B>& cx, const Batch<B>& batch) const { return route(cx, {}, batch); }

 private:
  using R = typename B::real;

  ParameterRouting<B> drawn(const Batch<B>& batch) const {
    const int n = batch.examples;
    const Real<B> one(*device, {n, 1}, std::vector<R>(std::size_t(n), R(1)));
    const auto chosen = [&](RouterDraws part) {
      const Random draw = router_draws(batch, site, part);
      std::vector<std::int32_t> v;
      for (int b = 0; b < n; ++b) v.push_back(who[draw.draw(std::uint64_t(b))[0] % who.size()]);
      return Index<B>(*device, {n, 1}, v);
    };
    return {chosen(RouterDraws::expert), one, chosen(RouterDraws::second_part), one};
  }
  ParameterRouting<B> averaged(int n) const {
    std::vector<std::int32_t> all;
    for (int b = 0; b < n; ++b) all.insert(all.end(), who.begin(), who.end());
    const int e = int(who.size());
    return {Index<B>(*device, {n, e}, all), Real<B>(*device, {n, e}, std::vector<R>(all.size(), R(1) / R(e))), {}, {}};
  }
};
static_assert(Router<AdaMix>);

}  // namespace anser
