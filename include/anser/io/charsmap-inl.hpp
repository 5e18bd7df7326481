#pragma once
#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "../core/error.hpp"
#include "charsmap.hpp"

namespace anser {

ANSER_INLINE int utf8_character(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char a = byte(0);
  if (a < 0x80) return 1;
  const int length = a >= 0xf0 ? 4 : a >= 0xe0 ? 3 : 2;
  if (a < 0xc2 || a > 0xf4 || text.size() < std::size_t(length)) return 0;
  for (int i = 1; i < length; ++i)
    if ((byte(std::size_t(i)) & 0xc0) != 0x80) return 0;
  const unsigned char b = byte(1);
  if ((a == 0xe0 && b < 0xa0) || (a == 0xed && b > 0x9f) || (a == 0xf0 && b < 0x90) || (a == 0xf4 && b > 0x8f))
    return 0;
  return length;
}

ANSER_INLINE char32_t utf8_code(std::string_view text) {
  const int length = utf8_character(text);
  if (length == 0) return 0xfffd;
  const auto byte = [&](int i) { return char32_t(static_cast<unsigned char>(text[std::size_t(i)])); };
  char32_t code = length == 1 ? byte(0) : byte(0) & (0xffu >> (length + 1));
  for (int i = 1; i < length; ++i) code = code << 6 | (byte(i) & 0x3f);
  return code;
}

ANSER_INLINE bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const int n = utf8_character(text);
    if (n == 0) return false;
    text.remove_prefix(std::size_t(n));
  }
  return true;
}

ANSER_INLINE std::string to_utf8(std::string_view text) {
  if (is_utf8(text)) return std::string(text);
  std::string whole;
  while (!text.empty()) {
    const int n = utf8_character(text);
    whole += n > 0 ? text.substr(0, std::size_t(n)) : std::string_view("\xef\xbf\xbd");
    text.remove_prefix(utf8_length(text));
  }
  return whole;
}

ANSER_INLINE bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

namespace graphemes {

struct Range {
  char32_t first, last;
};

inline bool contains(const Range* begin, const Range* end, char32_t c) {
  const Range* after = std::upper_bound(begin, end, c, [](char32_t code, const Range& r) { return code < r.first; });
  return after != begin && c <= (after - 1)->last;
}

/// Characters that continue a cluster: Extend, ZWJ and SpacingMark of Unicode's GraphemeBreakProperty. Of those with
/// four bytes, which fit a short cluster only behind ASCII, just the skin tones and the variation selectors.
inline bool continues(char32_t c) {
  static constexpr Range ranges[] = {
      {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd},   {0x05bf, 0x05bf},  {0x05c1, 0x05c2}, {0x05c4, 0x05c5},
      {0x05c7, 0x05c9}, {0x0610, 0x061a}, {0x064b, 0x065f},   {0x0670, 0x0670},  {0x06d6, 0x06dc}, {0x06df, 0x06e4},
      {0x06e7, 0x06e8}, {0x06ea, 0x06ed}, {0x0711, 0x0711},   {0x0730, 0x074a},  {0x07a6, 0x07b0}, {0x07eb, 0x07f3},
      {0x07fd, 0x07fd}, {0x0816, 0x0819}, {0x081b, 0x0823},   {0x0825, 0x0827},  {0x0829, 0x082d}, {0x0859, 0x085b},
      {0x0897, 0x089f}, {0x08ca, 0x08e1}, {0x08e3, 0x0903},   {0x093a, 0x093c},  {0x093e, 0x094f}, {0x0951, 0x0957},
      {0x0962, 0x0963}, {0x0981, 0x0983}, {0x09bc, 0x09bc},   {0x09be, 0x09c4},  {0x09c7, 0x09c8}, {0x09cb, 0x09cd},
      {0x09d7, 0x09d7}, {0x09e2, 0x09e3}, {0x09fe, 0x09fe},   {0x0a01, 0x0a03},  {0x0a3c, 0x0a3c}, {0x0a3e, 0x0a42},
      {0x0a47, 0x0a48}, {0x0a4b, 0x0a4d}, {0x0a51, 0x0a51},   {0x0a70, 0x0a71},  {0x0a75, 0x0a75}, {0x0a81, 0x0a83},
      {0x0abc, 0x0abc}, {0x0abe, 0x0ac5}, {0x0ac7, 0x0ac9},   {0x0acb, 0x0acd},  {0x0ae2, 0x0ae3}, {0x0afa, 0x0aff},
      {0x0b01, 0x0b03}, {0x0b3c, 0x0b3c}, {0x0b3e, 0x0b44},   {0x0b47, 0x0b48},  {0x0b4b, 0x0b4d}, {0x0b53, 0x0b57},
      {0x0b62, 0x0b63}, {0x0b82, 0x0b82}, {0x0bbe, 0x0bc2},   {0x0bc6, 0x0bc8},  {0x0bca, 0x0bcd}, {0x0bd7, 0x0bd7},
      {0x0c00, 0x0c04}, {0x0c3c, 0x0c3c}, {0x0c3e, 0x0c44},   {0x0c46, 0x0c48},  {0x0c4a, 0x0c4d}, {0x0c55, 0x0c56},
      {0x0c62, 0x0c63}, {0x0c81, 0x0c83}, {0x0cbc, 0x0cbc},   {0x0cbe, 0x0cc4},  {0x0cc6, 0x0cc8}, {0x0cca, 0x0ccd},
      {0x0cd5, 0x0cd6}, {0x0ce2, 0x0ce3}, {0x0cf3, 0x0cf3},   {0x0d00, 0x0d03},  {0x0d3b, 0x0d3c}, {0x0d3e, 0x0d44},
      {0x0d46, 0x0d48}, {0x0d4a, 0x0d4d}, {0x0d57, 0x0d57},   {0x0d62, 0x0d63},  {0x0d81, 0x0d83}, {0x0dca, 0x0dca},
      {0x0dcf, 0x0dd4}, {0x0dd6, 0x0dd6}, {0x0dd8, 0x0ddf},   {0x0df2, 0x0df3},  {0x0e31, 0x0e31}, {0x0e33, 0x0e3a},
      {0x0e47, 0x0e4e}, {0x0eb1, 0x0eb1}, {0x0eb3, 0x0ebc},   {0x0ec8, 0x0ece},  {0x0f18, 0x0f19}, {0x0f35, 0x0f35},
      {0x0f37, 0x0f37}, {0x0f39, 0x0f39}, {0x0f3e, 0x0f3f},   {0x0f71, 0x0f84},  {0x0f86, 0x0f87}, {0x0f8d, 0x0f97},
      {0x0f99, 0x0fbc}, {0x0fc6, 0x0fc6}, {0x102d, 0x1037},   {0x1039, 0x103e},  {0x1056, 0x1059}, {0x105e, 0x1060},
      {0x1071, 0x1074}, {0x1082, 0x1082}, {0x1084, 0x1086},   {0x108d, 0x108d},  {0x109d, 0x109d}, {0x135d, 0x135f},
      {0x1712, 0x1715}, {0x1732, 0x1734}, {0x1752, 0x1753},   {0x1772, 0x1773},  {0x17b4, 0x17d3}, {0x17dd, 0x17dd},
      {0x180b, 0x180d}, {0x180f, 0x180f}, {0x1885, 0x1886},   {0x18a9, 0x18a9},  {0x1920, 0x192b}, {0x1930, 0x193b},
      {0x1a17, 0x1a1b}, {0x1a55, 0x1a5e}, {0x1a60, 0x1a60},   {0x1a62, 0x1a62},  {0x1a65, 0x1a7c}, {0x1a7f, 0x1a7f},
      {0x1ab0, 0x1af0}, {0x1b00, 0x1b04}, {0x1b34, 0x1b44},   {0x1b6b, 0x1b73},  {0x1b80, 0x1b82}, {0x1ba1, 0x1bad},
      {0x1be6, 0x1bf3}, {0x1c24, 0x1c37}, {0x1cd0, 0x1cd2},   {0x1cd4, 0x1ce8},  {0x1ced, 0x1ced}, {0x1cf4, 0x1cf4},
      {0x1cf7, 0x1cf9}, {0x1dc0, 0x1dff}, {0x200c, 0x200d},   {0x20d0, 0x20f0},  {0x2cef, 0x2cf1}, {0x2d7f, 0x2d7f},
      {0x2de0, 0x2dff}, {0x302a, 0x302f}, {0x3099, 0x309a},   {0xa66f, 0xa672},  {0xa674, 0xa67d}, {0xa69e, 0xa69f},
      {0xa6f0, 0xa6f1}, {0xa802, 0xa802}, {0xa806, 0xa806},   {0xa80b, 0xa80b},  {0xa823, 0xa827}, {0xa82c, 0xa82c},
      {0xa880, 0xa881}, {0xa8b4, 0xa8c5}, {0xa8e0, 0xa8f1},   {0xa8ff, 0xa8ff},  {0xa926, 0xa92d}, {0xa947, 0xa953},
      {0xa980, 0xa983}, {0xa9b3, 0xa9c0}, {0xa9e5, 0xa9e5},   {0xaa29, 0xaa36},  {0xaa43, 0xaa43}, {0xaa4c, 0xaa4d},
      {0xaa7c, 0xaa7c}, {0xaab0, 0xaab0}, {0xaab2, 0xaab4},   {0xaab7, 0xaab8},  {0xaabe, 0xaabf}, {0xaac1, 0xaac1},
      {0xaaeb, 0xaaef}, {0xaaf5, 0xaaf6}, {0xabe3, 0xabea},   {0xabec, 0xabed},  {0xfb1e, 0xfb1e}, {0xfe00, 0xfe0f},
      {0xfe20, 0xfe2f}, {0xff9e, 0xff9f}, {0x1f3fb, 0x1f3ff}, {0xe0100, 0xe01ef}};
  return c >= 0x300 && contains(std::begin(ranges), std::end(ranges), c);
}

/// Characters that begin the cluster of the next one (Prepend), up to three bytes each.
inline bool prepends(char32_t c) {
  return (c >= 0x600 && c <= 0x605) || c == 0x6dd || c == 0x70f || c == 0x890 || c == 0x891 || c == 0x8e2 || c == 0xd4e;
}

/// Characters that are always alone (Control, CR and LF).
inline bool alone(char32_t c) {
  static constexpr Range ranges[] = {{0x0000, 0x001f},   {0x007f, 0x009f},   {0x00ad, 0x00ad},   {0x061c, 0x061c},
                                     {0x180e, 0x180e},   {0x200b, 0x200b},   {0x200e, 0x200f},   {0x2028, 0x202e},
                                     {0x2060, 0x206f},   {0xfeff, 0xfeff},   {0xfff0, 0xfffb},   {0x13430, 0x1343f},
                                     {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe001f}, {0xe0080, 0xe00ff},
                                     {0xe01f0, 0xe0fff}};
  return contains(std::begin(ranges), std::end(ranges), c);
}

}  // namespace graphemes

// Conjoining jamo, flags, emoji joined by ZWJ and Indic conjuncts have six bytes and more, so their rules are not here.
ANSER_INLINE std::size_t grapheme_length(std::string_view text) {
  std::size_t end = utf8_length(text);
  char32_t last = utf8_code(text);
  if (last == '\r') return text.size() > 1 && text[1] == '\n' ? 2 : 1;
  if (graphemes::alone(last)) return std::min(end, text.size());
  while (end < text.size()) {
    const char32_t c = utf8_code(text.substr(end));
    if (!graphemes::continues(c) && (!graphemes::prepends(last) || graphemes::alone(c))) break;
    end += utf8_length(text.substr(end));
    last = c;
  }
  return std::min(end, text.size());
}

ANSER_INLINE Charsmap::Charsmap(std::string_view blob, const std::string& source) {
  if (blob.empty()) return;
  check(blob.size() <= (4u << 20), source, ": the character map has ", blob.size(), " bytes; 4 MB is the limit");
  const auto word = [&](std::size_t at) {
    std::uint32_t v = 0;
    for (std::size_t i = 4; i-- > 0;) v = v << 8 | static_cast<unsigned char>(blob[at + i]);
    return v;
  };
  check(blob.size() > 4, source, ": the character map is cut short; fetch the file again");
  const std::uint32_t bytes = word(0);
  check(bytes > 0 && bytes % 4 == 0 && bytes < blob.size() - 4, source, ": the character map says that its trie has ",
        bytes, " bytes of its ", blob.size());
  units_.resize(bytes / 4);
  for (std::size_t i = 0; i < units_.size(); ++i) units_[i] = word(4 + 4 * i);
  texts_ = blob.substr(4 + bytes);
  check(texts_.back() == '\0', source, ": the texts of the character map do not end in NUL");
  check_units(source);
}

/// Walks all nodes that a key can reach, depth first. A node is the position that its children's labels are XORed with.
ANSER_INLINE void Charsmap::check_units(const std::string& source) const {
  constexpr int max_bytes = 256, max_keys = 32;
  enum : unsigned char { fresh, open, done };
  struct Node {
    unsigned char state = fresh;
    std::uint16_t bytes = 0, keys = 0;  // of the longest path below
  };
  struct Visit {
    std::uint32_t node, next = 0;  // next: the label to try
  };
  const auto fits = [&](std::uint32_t node) {
    check((node | 255u) < units_.size(), source, ": the character map's trie points out of itself, to unit ", node);
  };
  std::vector<Node> nodes(units_.size());
  std::vector<Visit> path;
  const auto enter = [&](std::uint32_t node) { nodes[node].state = open, path.push_back({node}); };
  const std::uint32_t root = offset(units_[0]);
  fits(root);
  enter(root);
  while (!path.empty()) {
    Visit& visit = path.back();
    Node& node = nodes[visit.node];
    for (; visit.next < 256; ++visit.next) {
      const std::uint32_t position = visit.node ^ visit.next, unit = units_[position];
      if (label(unit) != visit.next) continue;
      const std::uint32_t below = position ^ offset(unit);
      fits(below);
      if (nodes[below].state == fresh) break;
      check(nodes[below].state == done, source, ": the character map's trie has a cycle at unit ", below);
      if (has_leaf(unit)) {
        const std::uint32_t value = units_[below] & 0x7fffffffu;
        check(value < texts_.size(), source, ": the character map's text ", value, " of ", texts_.size(),
              " is missing");
        const std::string_view text(texts_.c_str() + value);
        check(text.size() <= 256 && is_utf8(text), source, ": the character map's text ", value, " is not valid");
      }
      node.bytes = std::max<std::uint16_t>(node.bytes, std::uint16_t(nodes[below].bytes + 1));
      node.keys = std::max<std::uint16_t>(node.keys, std::uint16_t(nodes[below].keys + has_leaf(unit)));
    }
    if (visit.next < 256) {
      const std::uint32_t position = visit.node ^ visit.next;
      check(path.size() <= max_bytes, source, ": the character map has keys over ", max_bytes, " bytes");
      enter(position ^ offset(units_[position]));
    } else {
      check(node.bytes <= max_bytes && node.keys <= max_keys, source, ": the character map has keys over ", max_bytes,
            " bytes, or more than ", max_keys, " inside one another");
      node.state = done;
      path.pop_back();
    }
  }
}

ANSER_INLINE std::optional<std::string_view> Charsmap::find(std::string_view text) const {
  if (units_.empty()) return std::nullopt;
  std::uint32_t node = offset(units_[0]);
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) break;
    const std::uint32_t position = node ^ byte, unit = units_[position];
    if (label(unit) != byte) break;
    node = position ^ offset(unit);
    if (has_leaf(unit)) return std::string_view(texts_.c_str() + (units_[node] & 0x7fffffffu));
  }
  return std::nullopt;
}

ANSER_INLINE std::string Charsmap::normalize(std::string_view text) const {
  if (empty()) return std::string(text);
  std::string normal;
  normal.reserve(text.size());
  while (!text.empty()) {
    std::string_view cluster = text.substr(0, grapheme_length(text));
    text.remove_prefix(cluster.size());
    if (cluster.size() < 6) {
      if (const auto found = find(cluster)) {
        normal += *found;
        continue;
      }
    }
    while (!cluster.empty()) {
      const std::string_view character = cluster.substr(0, utf8_length(cluster));
      cluster.remove_prefix(character.size());
      normal += find(character).value_or(character);
    }
  }
  return normal;
}

}  // namespace anser
