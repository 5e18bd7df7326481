#pragma once
#include <algorithm>
#include <cmath>
#include <limits>

#include "../core/error.hpp"
#include "charsmap.hpp"
#include "unigram.hpp"

namespace anser {

ANSER_INLINE PieceTrie::PieceTrie(std::vector<std::pair<std::string, std::int32_t>> keys) {
  std::stable_sort(keys.begin(), keys.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  // A node is the run [low, high) of sorted keys that share their first `depth` bytes.
  struct Run {
    std::size_t low, high, depth;
  };
  std::vector<Run> runs{{0, keys.size(), 0}};
  first_.clear();
  for (std::size_t n = 0; n < runs.size(); ++n) {
    auto [low, high, depth] = runs[n];
    longest_ = std::max(longest_, depth);
    for (; low < high && keys[low].first.size() == depth; ++low)
      if (depth > 0) value_[n] = keys[low].second;
    first_.push_back(std::uint32_t(runs.size()));
    while (low < high) {
      const auto byte = static_cast<unsigned char>(keys[low].first[depth]);
      std::size_t end = low + 1;
      while (end < high && static_cast<unsigned char>(keys[end].first[depth]) == byte) ++end;
      if (n == 0) root_[byte] = std::uint32_t(runs.size());
      runs.push_back({low, end, depth + 1});
      label_.push_back(byte);
      value_.push_back(-1);
      low = end;
    }
  }
  first_.push_back(std::uint32_t(runs.size()));
}

ANSER_INLINE std::optional<std::int32_t> PieceTrie::find(std::string_view key) const {
  std::uint32_t node = 0;
  for (char c : key) {
    node = child(node, static_cast<unsigned char>(c));
    if (node == 0) return std::nullopt;
  }
  if (value_[node] < 0) return std::nullopt;
  return value_[node];
}

ANSER_INLINE Unigram::Unigram(std::vector<Piece> pieces, int unknown, bool byte_fallback, const std::string& source)
    : pieces_(std::move(pieces)), unknown_(unknown), byte_fallback_(byte_fallback), source_(source) {
  check(!pieces_.empty(), source, ": the vocabulary has no pieces");
  check(unknown >= -1 && unknown < size(), source, ": unk_id ", unknown, " is not among the ", size(), " pieces");
  std::vector<std::pair<std::string, std::int32_t>> keys;
  keys.reserve(pieces_.size());
  double worst = std::numeric_limits<double>::infinity();
  for (const Piece& p : pieces_) {
    const auto id = std::int32_t(keys.size());
    check(p.text.size() <= max_piece, source, ": piece ", id, " is longer than ", max_piece, " bytes");
    check(std::isfinite(p.score) && std::abs(p.score) < 1e30, source, ": piece ", id, " has the score ", p.score);
    worst = std::min(worst, p.score);
    keys.emplace_back(p.text, id);
  }
  unknown_score_ = worst - unknown_penalty;
  trie_ = PieceTrie(std::move(keys));
}

ANSER_INLINE void Unigram::append_unknown(std::string_view text, std::vector<std::int32_t>& ids) const {
  if (byte_fallback_) {
    const std::size_t start = ids.size();
    for (char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      const char digits[] = "0123456789ABCDEF";
      const auto found = id(std::string("<0x") + digits[byte >> 4] + digits[byte & 15] + ">");
      if (!found) break;
      ids.push_back(*found);
    }
    if (ids.size() == start + text.size()) return;
    ids.resize(start);
  }
  check(unknown_ >= 0, source_, ": the text has a character that no piece covers, and the vocabulary has no unk_id");
  ids.push_back(unknown_);
}

ANSER_INLINE void Unigram::encode(std::string_view word, std::vector<std::int32_t>& ids) const {
  constexpr std::uint32_t unreached = std::numeric_limits<std::uint32_t>::max();
  struct Best {  // the best way to reach a byte
    double score = 0;
    std::uint32_t start = unreached;
    std::int32_t id = -1;  // -1: an unknown character
  };
  check(word.size() < unreached, source_, ": a text of 4 GB or more cannot be encoded");
  std::vector<Best> best(word.size() + 1);
  const auto offer = [&](std::size_t start, std::size_t end, double score, std::int32_t id) {
    Best& b = best[end];
    if (b.start == unreached || score > b.score) b = {score, std::uint32_t(start), id};
  };
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t step = utf8_length(word.substr(at));
    const double here = best[at].score;
    bool covered = false;
    trie_.prefixes(word.substr(at), [&](std::size_t length, std::int32_t id) {
      offer(at, at + length, here + pieces_[std::size_t(id)].score, id);
      covered |= length == step;
    });
    if (!covered) offer(at, at + step, here + unknown_score_, -1);
    at += step;
  }
  // Back from the end. Neighbouring unknown characters, and the piece <unk> itself, are one text to look up again.
  std::vector<std::pair<std::size_t, std::size_t>> cuts;  // [start, end), last first
  bool was_unknown = false;
  for (std::size_t end = word.size(); end > 0; end = best[end].start) {
    const bool is_unknown = best[end].id < 0 || best[end].id == unknown_;
    if (is_unknown && was_unknown)
      cuts.back().first = best[end].start;
    else
      cuts.emplace_back(best[end].start, end);
    was_unknown = is_unknown;
  }
  for (auto cut = cuts.rbegin(); cut != cuts.rend(); ++cut) {
    const std::string_view text = word.substr(cut->first, cut->second - cut->first);
    if (const auto found = id(text))
      ids.push_back(*found);
    else
      append_unknown(text, ids);
  }
}

}  // namespace anser
