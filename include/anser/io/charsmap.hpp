#pragma once
/// UTF-8, and sentencepiece's precompiled character map, which turns text into its normal form (NFKC for T5).
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../core/config.hpp"

namespace anser {

/// The bytes of the UTF-8 character that begins the text, 1 to 4; 0 where it is malformed or the text is empty.
/// Overlong forms, surrogates and numbers past U+10FFFF are malformed.
int utf8_character(std::string_view text);
/// The same, but a malformed byte counts as a character of its own: a way through any text.
inline std::size_t utf8_length(std::string_view text) {
  const int n = utf8_character(text);
  return n > 0 ? std::size_t(n) : 1;
}
/// The number of the character that begins the text; U+FFFD where it is malformed.
char32_t utf8_code(std::string_view text);
bool is_utf8(std::string_view text);
/// The text with every malformed byte replaced by U+FFFD.
std::string to_utf8(std::string_view text);
/// White space as Unicode defines it (the property White_Space).
bool is_space(char32_t c);
/// The bytes of the extended grapheme cluster that begins the text, exact for clusters of up to five bytes: longer ones
/// may be cut short, where Charsmap treats whole and cut alike.
std::size_t grapheme_length(std::string_view text);

/// The map: a double-array trie (Darts) of UTF-8 keys, and the NUL-ended texts that replace them. Empty: nothing is
/// replaced.
class Charsmap {
 public:
  Charsmap() = default;
  /// `blob` is a uint32 size, the trie's uint32 units, then the texts. Every unit that a text can reach is checked
  /// here, so that no later look-up can leave the arrays: throws Error, beginning with `source`, for unit or text
  /// out of bounds, cycles, maps over 4 MB, keys over 256 bytes or more than 32 nested keys (the sentencepiece library,
  /// which reads the same blob, has room for no more), and replacements over 256 bytes or not UTF-8.
  Charsmap(std::string_view blob, const std::string& source);

  bool empty() const { return units_.empty(); }
  /// The replacement of the shortest key that begins the text.
  std::optional<std::string_view> find(std::string_view text) const;
  /// As Hugging Face's `Precompiled` does it: each grapheme cluster of up to five bytes is looked up, and replaced
  /// whole; longer ones, and those not found, character by character.
  std::string normalize(std::string_view text) const;

 private:
  static bool has_leaf(std::uint32_t unit) { return (unit >> 8) & 1; }
  static std::uint32_t offset(std::uint32_t unit) { return (unit >> 10) << ((unit & (1u << 9)) >> 6); }
  static std::uint32_t label(std::uint32_t unit) { return unit & ((1u << 31) | 0xff); }
  void check_units(const std::string& source) const;

  std::vector<std::uint32_t> units_;
  std::string texts_;
};

}  // namespace anser

#ifndef ANSER_COMPILED
#include "charsmap-inl.hpp"
#endif
