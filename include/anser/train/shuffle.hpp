#pragma once
#include <bit>

#include "../core/random.hpp"

namespace anser {

/// A permutation of 0 .. n-1 that takes no memory, so that files of any length are shuffled whole and a stopped run
/// goes on from a number: a Feistel network over a power of four, walked until it lands below n (Black and Rogaway
/// 2002, "Ciphers with arbitrary finite domains").
class Shuffle {
 public:
  Shuffle(std::uint64_t n, Random random) : n_(n), random_(random) {
    half_ = n > 1 ? (std::bit_width(n - 1) + 1) / 2 : 1;
  }

  /// What comes at place i, which must be below n.
  std::uint64_t operator()(std::uint64_t i) const {
    do i = mix(i);
    while (i >= n_);
    return i;
  }

 private:
  static constexpr int rounds = 6;

  std::uint64_t mix(std::uint64_t i) const {
    const std::uint64_t mask = (std::uint64_t(1) << half_) - 1;
    std::uint64_t left = i >> half_, right = i & mask;
    for (int r = 0; r < rounds; ++r) {
      const auto words = random_.fork(std::uint64_t(r)).draw(right);
      const std::uint64_t next = left ^ ((std::uint64_t(words[0]) << 32 | words[1]) & mask);
      left = right;
      right = next;
    }
    return left << half_ | right;
  }

  std::uint64_t n_;
  Random random_;
  int half_;  // bits
};

}  // namespace anser
