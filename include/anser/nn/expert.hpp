#pragma once
#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../core/activation.hpp"
#include "../tensor/stored.hpp"

namespace anser {

/// One expert of a pool as modules and routers see it: who it is, its tensors by site, and what routers may read.
struct Expert {
  std::string name;                                              // the folder's
  std::string kind;                                              // "LORA", "IA3" or "ANSER_ADAPTER"
  std::string origin;                                            // the directory, for messages
  std::shared_ptr<const Source> tensors;                         // "<site>.lora_A.weight" and so on
  std::shared_ptr<const Source> gates;                           // "<site>" [d_in]; null where there are none
  std::shared_ptr<const Source> activations;                     // likewise
  std::optional<Stored> embeddings;                              // [n, width]
  std::function<double(std::string_view site, int rank)> scale;  // LoRA's: alpha / r, or alpha / sqrt(r)
  Activation activation = Activation::none;                      // an adapter's
  std::vector<std::string> sites;                                // sorted: the module paths that this expert changes

  bool has(std::string_view site) const { return std::binary_search(sites.begin(), sites.end(), site); }
};

/// Places in the pool of the experts that a site has.
inline std::vector<std::int32_t> experts_at(std::string_view site, std::span<const Expert> pool) {
  std::vector<std::int32_t> who;
  for (std::size_t e = 0; e < pool.size(); ++e)
    if (pool[e].has(site)) who.push_back(std::int32_t(e));
  return who;
}

}  // namespace anser
