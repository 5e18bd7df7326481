#pragma once
#include <vector>

#include "concept.hpp"

namespace anser {

/// One expert per example and site, drawn anew at every pass while training; in evaluation all are heard alike. What a
/// router has to beat. Trained jointly with the experts.
struct RandomRouter {
  template <Backend B>
  struct On;
};

template <Backend B>
struct RandomRouter::On {
  B* device;
  Site site;
  std::vector<std::int32_t> who;  // those that the site has

  On(B& device_, RandomRouter, const Site& s) : device(&device_), site(s) {}
  static void visit(auto&, auto&&) {}
  void prepare(const Site& s, std::span<const Expert> experts) { who = experts_at(s.name, experts); }

  OutputRouting<B> route(const Context<B>&, const Tensor<B>&, const Batch<B>& batch) const {
    using R = typename B::real;
    if (who.empty()) return {};
    const int n = int(who.size());
    if (!batch.training)
      return {Index<B>(*device, {1, n}, who), Real<B>(*device, {1, n}, std::vector<R>(who.size(), R(1) / R(n)))};
    const Random draw = router_draws(batch, site, RouterDraws::expert);
    std::vector<std::int32_t> chosen;
    for (int b = 0; b < batch.examples; ++b) chosen.push_back(who[draw.draw(std::uint64_t(b))[0] % who.size()]);
    return {Index<B>(*device, {batch.examples, 1}, chosen),
            Real<B>(*device, {batch.examples, 1}, std::vector<R>(chosen.size(), 1))};
  }
  OutputRouting<B> plan(const Context<B>& cx, const Batch<B>& batch) const { return route(cx, {}, batch); }
};
static_assert(Router<RandomRouter>);

}  // namespace anser
