#pragma once
#include <cstdint>
#include <vector>

#include "concept.hpp"

namespace anser {

/// One expert per example and site, as a hash of the example's own tokens, the site and the seed says (after Roller et
/// al. 2021): nothing is learned, and unseen inputs have one too. Trained jointly with the experts.
struct Hash {
  std::uint64_t seed = 0;
  template <Backend B>
  struct On;
};

template <Backend B>
struct Hash::On {
  Hash options;
  B* device;
  Site site;
  std::vector<std::int32_t> who;  // those that the site has

  On(B& device_, Hash o, const Site& s) : options(o), device(&device_), site(s) {}
  static void visit(auto&, auto&&) {}
  void prepare(const Site& s, std::span<const Expert> experts) { who = experts_at(s.name, experts); }

  /// Throws Error where the batch does not know its texts.
  OutputRouting<B> route(const Context<B>&, const Tensor<B>&, const Batch<B>& batch) const {
    if (who.empty()) return {};
    const int n = int(batch.text.size());
    check(n == batch.examples, "the router hash needs to know the ", batch.examples, " texts, and knows ", n);
    const Random own = Random::of(options.seed, Draws::routers).fork(std::uint64_t(site.index));
    std::vector<std::int32_t> chosen;
    for (const std::uint64_t text : batch.text) chosen.push_back(who[own.fork(text).draw(0)[0] % who.size()]);
    return {Index<B>(*device, {n, 1}, chosen),
            Real<B>(*device, {n, 1}, std::vector<typename B::real>(std::size_t(n), 1))};
  }
  OutputRouting<B> plan(const Context<B>& cx, const Batch<B>& batch) const { return route(cx, {}, batch); }
};
static_assert(Router<Hash>);

}  // namespace anser
