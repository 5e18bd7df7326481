#pragma once
#include <algorithm>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "../core/error.hpp"
#include "shuffle.hpp"

namespace anser {

/// What is measured to put examples of like lengths together.
struct Lengths {
  int input = 0, target = 0;  // tokens
};

/// How examples become batches.
struct Batching {
  int examples = 32;     // at most, per batch
  long long tokens = 0;  // at most, per batch, padding included, input and target each; 0: no limit
  int window = 64;       // batches' worth of examples that are sorted by length together

  void validate() const {
    check(examples > 0 && tokens >= 0 && window > 0, "batching: ", examples, " examples, ", tokens,
          " tokens and a window of ", window, "; at least 1 example and 1 batch");
  }
};

/// A window of examples cut into batches of like lengths, in an order drawn by `random`. An example that is longer than
/// `tokens` on its own makes a batch of its own. Each batch lists positions in the window. Throws Error for settings
/// out of range.
inline std::vector<std::vector<std::size_t>> cut_batches(const std::vector<Lengths>& lengths, const Batching& o,
                                                         Random random) {
  o.validate();
  std::vector<std::size_t> order(lengths.size());
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const auto key = [&](std::size_t i) { return std::pair(lengths[i].input, lengths[i].target); };
    return key(a) < key(b);
  });
  std::vector<std::vector<std::size_t>> batches;
  Lengths most;
  for (const std::size_t i : order) {
    const Lengths with{std::max(most.input, lengths[i].input), std::max(most.target, lengths[i].target)};
    const auto n = batches.empty() ? 0ll : (long long)(batches.back().size()) + 1;
    const bool full =
        batches.empty() || n > o.examples || (o.tokens > 0 && std::max(with.input, with.target) * n > o.tokens);
    if (full) {
      batches.emplace_back();
      most = lengths[i];
    } else {
      most = with;
    }
    batches.back().push_back(i);
  }
  const Shuffle shuffle(batches.size(), random);
  std::vector<std::vector<std::size_t>> shuffled;
  for (std::size_t i = 0; i < batches.size(); ++i) shuffled.push_back(std::move(batches[std::size_t(shuffle(i))]));
  return shuffled;
}

}  // namespace anser
