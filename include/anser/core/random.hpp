#pragma once
#include <array>
#include <cmath>
#include <cstdint>

#include "config.hpp"

namespace anser {

/// What is drawn from a seed: each use has a stream of its own, so that no two see the same numbers.
enum class Draws : std::uint64_t {
  mixture = 1,    // which file's example comes next
  batches = 2,    // the order of a window's batches
  steps = 3,      // dropout and a router's noise
  weights = 4,    // a model's first
  experts = 5,    // theirs
  routers = 6,    // theirs
  texts = 7,      // spans that are left out
  held_out = 8,   // and those of validation
  search = 9,     // trials of a search without gradients
  resample = 10,  // bootstrap
  made_up = 11,   // the data of a miniature
};

/// Counter-based random numbers (Philox 4x32-10; Salmon et al., SC 2011): the same (seed, stream, counter) draws the
/// same number on every backend, in any order. A copy of 16 bytes goes into kernels.
struct Random {
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;

  static Random of(std::uint64_t seed, Draws what) { return {seed, std::uint64_t(what)}; }

  /// An independent sequence, e.g. one per site and step.
  ANSER_HD Random fork(std::uint64_t n) const {
    const auto words = draw(n ^ 0x9e3779b97f4a7c15ull);
    return {seed, (std::uint64_t(words[0]) << 32 | words[1]) ^ stream};
  }

  ANSER_HD std::array<std::uint32_t, 4> draw(std::uint64_t counter) const {
    std::uint32_t c0 = std::uint32_t(counter), c1 = std::uint32_t(counter >> 32);
    std::uint32_t c2 = std::uint32_t(stream), c3 = std::uint32_t(stream >> 32);
    std::uint32_t k0 = std::uint32_t(seed), k1 = std::uint32_t(seed >> 32);
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t a = std::uint64_t(0xD2511F53u) * c0, b = std::uint64_t(0xCD9E8D57u) * c2;
      const std::uint32_t n0 = std::uint32_t(b >> 32) ^ c1 ^ k0, n2 = std::uint32_t(a >> 32) ^ c3 ^ k1;
      c1 = std::uint32_t(b);
      c3 = std::uint32_t(a);
      c0 = n0;
      c2 = n2;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    return {c0, c1, c2, c3};
  }

  /// n draws from `first` on, side by side as the host's vectors make them: words[i] is draw(first + i).
  template <int n>
  ANSER_HD void draw(std::uint64_t first, std::uint32_t (&words)[n][4]) const {
    std::uint32_t c0[n], c1[n], c2[n], c3[n];
    ANSER_SIMD()
    for (int i = 0; i < n; ++i) {
      c0[i] = std::uint32_t(first + std::uint64_t(i));
      c1[i] = std::uint32_t((first + std::uint64_t(i)) >> 32);
      c2[i] = std::uint32_t(stream);
      c3[i] = std::uint32_t(stream >> 32);
    }
    std::uint32_t k0 = std::uint32_t(seed), k1 = std::uint32_t(seed >> 32);
    for (int round = 0; round < 10; ++round) {
      ANSER_SIMD()
      for (int i = 0; i < n; ++i) {
        const std::uint64_t a = std::uint64_t(0xD2511F53u) * c0[i], b = std::uint64_t(0xCD9E8D57u) * c2[i];
        c0[i] = std::uint32_t(b >> 32) ^ c1[i] ^ k0;
        c2[i] = std::uint32_t(a >> 32) ^ c3[i] ^ k1;
        c1[i] = std::uint32_t(b);
        c3[i] = std::uint32_t(a);
      }
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    ANSER_SIMD()
    for (int i = 0; i < n; ++i) {
      words[i][0] = c0[i];
      words[i][1] = c1[i];
      words[i][2] = c2[i];
      words[i][3] = c3[i];
    }
  }

  /// In [0, 1), 24 bits: exact in float.
  ANSER_HD float uniform(std::uint64_t counter) const { return float(draw(counter)[0] >> 8) * 0x1p-24f; }
  /// In [0, 1), 53 bits.
  ANSER_HD double uniform_double(std::uint64_t counter) const {
    const auto w = draw(counter);
    return double((std::uint64_t(w[0]) << 32 | w[1]) >> 11) * 0x1p-53;
  }
  /// Standard normal by Box-Muller.
  ANSER_HD float normal(std::uint64_t counter) const {
    const auto w = draw(counter);
    const double u = (double(w[0]) + 0.5) * 0x1p-32, v = double(w[1]) * 0x1p-32;
    return float(std::sqrt(-2 * std::log(u)) * std::cos(6.283185307179586 * v));
  }
};

}  // namespace anser
