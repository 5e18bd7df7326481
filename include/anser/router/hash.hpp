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

  /// Throws Error where the batch has no input ids.
  OutputRouting<B> route(const Context<B>&, const Tensor<B>&, const Batch<B>& batch) const {
    if (who.empty()) return {};
    check(bool(batch.input_ids), "the router hash needs the input's ids");
    const int n = batch.input_ids.rows(), tokens = batch.input_ids.cols();
    const auto ids = batch.input_ids.host();
    const auto mask = batch.encoder_mask ? batch.encoder_mask.host() : std::vector<std::int32_t>(ids.size(), 1);
    std::vector<std::int32_t> chosen;
    for (int b = 0; b < n; ++b) {
      Random h = Random::of(options.seed, Draws::routers).fork(std::uint64_t(site.index));
      for (int t = 0; t < tokens; ++t)
        if (const auto i = std::size_t(b) * std::size_t(tokens) + std::size_t(t); mask[i])
          h = h.fork(std::uint64_t(ids[i]));
      chosen.push_back(who[h.draw(0)[0] % who.size()]);
    }
    return {Index<B>(*device, {n, 1}, chosen),
            Real<B>(*device, {n, 1}, std::vector<typename B::real>(std::size_t(n), 1))};
  }
  OutputRouting<B> plan(const Context<B>& cx, const Batch<B>& batch) const { return route(cx, {}, batch); }
};
static_assert(Router<Hash>);

}  // namespace anser
