#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>

#include "../backend/cpu_threads-inl.hpp"
#include "../core/random.hpp"
#include "entries.hpp"

namespace anser {

namespace detail {

/// FNV-1a, 64 bits.
inline std::uint64_t hash_text(std::string_view text, std::uint64_t hash = 14695981039346656037ull) {
  for (const char c : text) hash = (hash ^ std::uint8_t(c)) * 1099511628211ull;
  return hash;
}

/// One entry's values in all experts, merged.
class EntryMerge {
 public:
  EntryMerge(std::span<const Delta> deltas, const MergeOptions& o) : sign_(o.sign), elects_(rule_of(o.method).elects) {
    const double rescale = rule_of(o.method).kept == MergeRule::random ? 1 / o.density : 1;
    for (const Delta& d : deltas) weights_.push_back(d.weight * o.lambda * rescale);
  }
  /// values[e * stride]
  float operator()(const float* values, std::size_t stride) const {
    return float(elects_ ? mean_of_agreeing(values, stride) : sum(values, stride));
  }

 private:
  double sum(const float* values, std::size_t stride) const {
    double total = 0;
    for (std::size_t e = 0; e < weights_.size(); ++e) total += weights_[e] * double(values[e * stride]);
    return total;
  }
  double mean_of_agreeing(const float* values, std::size_t stride) const {
    double votes = 0;
    for (std::size_t e = 0; e < weights_.size(); ++e) {
      const float v = values[e * stride];
      votes += sign_ == MajoritySign::total ? double(v) : double(v > 0) - double(v < 0);
    }
    double total = 0;
    int agreeing = 0;
    for (std::size_t e = 0; e < weights_.size(); ++e) {
      const float v = values[e * stride];
      if (votes >= 0 ? v > 0 : v < 0) {
        total += weights_[e] * double(v);
        ++agreeing;
      }
    }
    return agreeing ? total / agreeing : 0;
  }

  std::vector<double> weights_;
  MajoritySign sign_;
  bool elects_;
};

}  // namespace detail

ANSER_INLINE LargestEntries find_largest(std::span<const float> values, std::size_t count) {
  if (count >= values.size()) return {0};
  if (count == 0) return {std::numeric_limits<float>::infinity(), 0};
  // Bits are ordered as magnitudes are, whatever the values.
  const auto bits = [](float v) { return std::bit_cast<std::uint32_t>(v) & 0x7fffffffu; };
  std::vector<std::uint32_t> magnitudes(values.size());
  std::transform(values.begin(), values.end(), magnitudes.begin(), bits);
  const auto nth = magnitudes.begin() + std::ptrdiff_t(count - 1);
  std::nth_element(magnitudes.begin(), nth, magnitudes.end(), std::greater<>());
  const std::uint32_t least = *nth;
  std::size_t equal = count - std::size_t(std::count_if(magnitudes.begin(), nth, [&](auto m) { return m > least; }));
  std::size_t end = 0;
  while (equal) equal -= bits(values[end++]) == least;
  return {std::bit_cast<float>(least), end};
}

ANSER_INLINE void drop_entries(std::span<float> values, std::size_t first, double density, std::uint64_t seed,
                               std::string_view expert, std::string_view site) {
  const Random random{seed, detail::hash_text(site, detail::hash_text("\n", detail::hash_text(expert)))};
  const auto below = std::uint64_t(std::llround(density * 0x1p32));  // 2^32 keeps every word
  constexpr int draws = 16;
  constexpr std::size_t chunk = 4 * draws;
  std::uint32_t words[draws][4];
  for (std::size_t i = 0; i < values.size();) {
    const std::size_t index = first + i, start = index / chunk * chunk;
    random.draw<draws>(start / 4, words);
    for (std::size_t j = index - start; j < chunk && i < values.size(); ++j, ++i)
      if (words[j / 4][j % 4] >= below) values[i] = 0;
  }
}

ANSER_INLINE DenseMatrix merge_entries(std::span<const Delta> deltas, std::string_view site, const MergeOptions& o) {
  check(!deltas.empty(), "merge: no delta at ", site);
  check(o.density > 0 && o.density <= 1, "merge: a density of ", o.density, "; it is above 0 and at most 1");
  const MergeRule& rule = rule_of(o.method);
  const int out = deltas[0].product->out, in = deltas[0].product->in;
  const std::size_t cols = std::size_t(in), size = std::size_t(out) * cols;
  const bool parallel = cpu::worth_threads(double(size) * double(deltas.size()));
  std::vector<LargestEntries> largest(deltas.size());
  if (rule.kept == MergeRule::largest && o.density < 1)
    cpu::for_units(int(deltas.size()), parallel, [&](int e) {
      largest[std::size_t(e)] =
          find_largest(multiply(*deltas[std::size_t(e)].product).values, std::size_t(o.density * double(size)));
    });

  DenseMatrix merged{out, in, std::vector<float>(size)};
  const detail::EntryMerge merge(deltas, o);
  const int block = int(std::clamp<std::size_t>(16384 / cols, 1, 64));  // rows whose deltas stay in the cache
  cpu::for_units((out + block - 1) / block, parallel, [&](int unit) {
    const int first = unit * block, last = std::min(out, first + block);
    const std::size_t from = std::size_t(first) * cols, count = std::size_t(last - first) * cols;
    std::vector<float> values(deltas.size() * count);
    for (std::size_t e = 0; e < deltas.size(); ++e) {
      const std::span own(values.data() + e * count, count);
      multiply_rows(*deltas[e].product, first, last, own.data());
      if (o.density == 1) continue;
      if (rule.kept == MergeRule::random) drop_entries(own, from, o.density, o.seed, deltas[e].expert, site);
      if (rule.kept == MergeRule::largest)
        for (std::size_t i = 0; i < count; ++i)
          if (!largest[e].keeps(own[i], from + i)) own[i] = 0;
    }
    for (std::size_t i = 0; i < count; ++i) merged.values[from + i] = merge(values.data() + i, count);
  });
  return merged;
}

}  // namespace anser
