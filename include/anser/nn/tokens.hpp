#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

namespace anser {

/// Token ids on the host: examples x tokens, padded; mask 0 where padding stands.
struct Tokens {
  int examples = 0, tokens = 0;
  std::vector<std::int32_t> ids, mask;

  /// Rows of unequal length, padded at the end. An empty mask means nothing is padded.
  static Tokens pad(const std::vector<std::vector<std::int32_t>>& rows, std::int32_t padding) {
    Tokens t{int(rows.size()), 0, {}, {}};
    bool ragged = false;
    for (const auto& r : rows) {
      ragged = ragged || r.size() != rows[0].size();
      t.tokens = std::max(t.tokens, int(r.size()));
    }
    t.ids.assign(std::size_t(t.examples) * std::size_t(t.tokens), padding);
    if (ragged) t.mask.assign(t.ids.size(), 0);
    for (std::size_t b = 0; b < rows.size(); ++b) {
      std::copy(rows[b].begin(), rows[b].end(), t.ids.begin() + std::ptrdiff_t(b) * t.tokens);
      if (ragged) std::fill_n(t.mask.begin() + std::ptrdiff_t(b) * t.tokens, rows[b].size(), 1);
    }
    return t;
  }

  /// Of each example a number that its tokens make, padding left out: equal for equal texts wherever they stand.
  std::vector<std::uint64_t> hashes() const {
    std::vector<std::uint64_t> all;
    for (int b = 0; b < examples; ++b) {
      std::uint64_t h = 14695981039346656037u;  // FNV-1a (Fowler, Noll, Vo), a token at a time
      for (int t = 0; t < tokens; ++t)
        if (const auto i = std::size_t(b) * std::size_t(tokens) + std::size_t(t); mask.empty() || mask[i])
          h = (h ^ std::uint64_t(std::uint32_t(ids[i]))) * 1099511628211u;
      all.push_back(h);
    }
    return all;
  }
};

}  // namespace anser
