#pragma once
/// The Unigram segmentation model (Kudo 2018): the most probable way to cut a word into pieces.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../core/config.hpp"

namespace anser {

/// A set of byte strings, each with a number, that finds all of them that begin a text.
class PieceTrie {
 public:
  PieceTrie() = default;
  /// Of equal keys the last one counts, as in a dictionary that is filled in order.
  explicit PieceTrie(std::vector<std::pair<std::string, std::int32_t>> keys);

  /// Calls found(length, number) for every key that begins `text`, shortest first.
  template <class F>
  void prefixes(std::string_view text, F&& found) const {
    std::uint32_t node = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      node = child(node, static_cast<unsigned char>(text[i]));
      if (node == 0) return;
      if (value_[node] >= 0) found(i + 1, value_[node]);
    }
  }
  std::optional<std::int32_t> find(std::string_view key) const;
  std::size_t longest() const { return longest_; }

 private:
  /// The child of `node` along `byte`; 0, the root, where there is none.
  std::uint32_t child(std::uint32_t node, unsigned char byte) const {
    if (node == 0) return root_[byte];
    std::uint32_t low = first_[node], high = first_[node + 1];
    while (low < high) {
      const std::uint32_t middle = low + (high - low) / 2;
      if (label_[middle] < byte)
        low = middle + 1;
      else
        high = middle;
    }
    return low < first_[node + 1] && label_[low] == byte ? low : 0;
  }

  // Nodes in breadth-first order, so that the children of node n are first_[n] .. first_[n + 1].
  std::vector<std::uint32_t> first_{1, 1};
  std::vector<unsigned char> label_{0};
  std::vector<std::int32_t> value_{-1};
  std::array<std::uint32_t, 256> root_{};
  std::size_t longest_ = 0;
};

/// The model of a tokenizer.json, with the arithmetic and the tie rule of Hugging Face's tokenizers: doubles, and of
/// equal scores the cut that was found first.
class Unigram {
 public:
  struct Piece {
    std::string text;
    double score = 0;  ///< log-probability
  };
  static constexpr double unknown_penalty = 10;   ///< an unknown character scores this much below the worst piece
  static constexpr std::size_t max_piece = 1000;  ///< bytes; keeps the search linear in the text

  Unigram() = default;
  /// `unknown` is the id of characters without a piece, -1 for none; `byte_fallback` spells those as <0x00> to <0xFF>
  /// where all the bytes have a piece. Throws Error, beginning with `source`, for pieces that cannot be searched.
  Unigram(std::vector<Piece> pieces, int unknown, bool byte_fallback, const std::string& source);

  /// Appends the ids of `word`, which must be UTF-8. Neighbouring unknown characters become one id.
  void encode(std::string_view word, std::vector<std::int32_t>& ids) const;

  int size() const { return int(pieces_.size()); }
  int unknown() const { return unknown_; }
  const Piece& piece(int id) const { return pieces_[std::size_t(id)]; }
  std::optional<std::int32_t> id(std::string_view piece) const { return trie_.find(piece); }

 private:
  void append_unknown(std::string_view text, std::vector<std::int32_t>& ids) const;

  std::vector<Piece> pieces_;
  PieceTrie trie_;
  int unknown_ = -1;
  bool byte_fallback_ = false;
  double unknown_score_ = 0;
  std::string source_;
};

}  // namespace anser

#ifndef ANSER_COMPILED
#include "unigram-inl.hpp"
#endif
