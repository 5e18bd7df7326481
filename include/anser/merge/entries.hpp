#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "../core/config.hpp"
#include "low_rank.hpp"
#include "method.hpp"

namespace anser {

/// One expert's delta at a site.
struct Delta {
  std::string_view expert;
  const FactoredProduct* product = nullptr;
  double weight = 1;
};

/// Which entries of a matrix are its largest by magnitude; among equal ones the first.
struct LargestEntries {
  float least = 0;                                            // the smallest magnitude that is kept
  std::size_t end = std::numeric_limits<std::size_t>::max();  // entries of just that magnitude count before this one
  bool keeps(float value, std::size_t index) const {
    const float magnitude = value < 0 ? -value : value;
    return magnitude > least || (magnitude == least && index < end);
  }
};
/// Keeps `count` of them.
LargestEntries find_largest(std::span<const float> values, std::size_t count);

/// Sets entries to 0 at random: each stays with the probability `density`. `values` are those from `first` on; an
/// entry's fate depends on its index, the expert, the site and the seed, and on nothing else.
void drop_entries(std::span<float> values, std::size_t first, double density, std::uint64_t seed,
                  std::string_view expert, std::string_view site);

/// What the method makes of the deltas of one site, entry by entry: prunes each, and adds them up, or elects a sign and
/// takes the mean of those that have it; times lambda. Deltas are formed a few rows at a time, in float, and added in
/// double; the largest entries need one whole matrix per thread before.
DenseMatrix merge_entries(std::span<const Delta> deltas, std::string_view site, const MergeOptions& options);

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "entries-inl.hpp"
#endif
