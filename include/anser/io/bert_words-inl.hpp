#pragma once
#include <algorithm>
#include <iterator>

#include "bert_characters-inl.hpp"
#include "bert_words.hpp"
#include "charsmap.hpp"

namespace anser {

namespace detail {

template <std::size_t n>
bool is_in(const CharacterRange (&ranges)[n], char32_t c) {
  const auto next = std::upper_bound(std::begin(ranges), std::end(ranges), c,
                                     [](char32_t a, const CharacterRange& r) { return a < r.first; });
  return next != std::begin(ranges) && c <= std::prev(next)->last;
}

/// What c becomes by the tables; c itself where they do not name it.
template <std::size_t n, std::size_t m>
char32_t changed(const CharacterRun (&runs)[n], const CharacterPair (&pairs)[m], char32_t c) {
  const auto next = std::upper_bound(std::begin(runs), std::end(runs), c,
                                     [](char32_t a, const CharacterRun& r) { return a < r.first; });
  if (next != std::begin(runs)) {
    const CharacterRun& r = *std::prev(next);
    if (c <= r.last && (c - r.first) % char32_t(r.stride) == 0) return r.to + char32_t(r.slope) * (c - r.first);
  }
  const auto pair = std::lower_bound(std::begin(pairs), std::end(pairs), c,
                                     [](const CharacterPair& p, char32_t a) { return p.from < a; });
  return pair != std::end(pairs) && pair->from == c ? pair->to : c;
}

inline bool is_bert_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  return is_in(bert_spaces, c);
}
inline bool is_bert_punctuation(char32_t c) {
  if (c < 0x80)
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
  return is_in(bert_punctuation, c);
}
inline bool is_bert_control(char32_t c) {
  if (c < 0x80) return (c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
  return is_in(bert_removed, c);
}

inline void append_utf8(std::string& to, char32_t c) {
  if (c < 0x80) {
    to += char(c);
  } else if (c < 0x800) {
    to += {char(0xc0 | c >> 6), char(0x80 | (c & 0x3f))};
  } else if (c < 0x10000) {
    to += {char(0xe0 | c >> 12), char(0x80 | (c >> 6 & 0x3f)), char(0x80 | (c & 0x3f))};
  } else {
    to += {char(0xf0 | c >> 18), char(0x80 | (c >> 12 & 0x3f)), char(0x80 | (c >> 6 & 0x3f)), char(0x80 | (c & 0x3f))};
  }
}

/// Calls use(character) for the canonical decomposition of c, marks left out.
template <class F>
void each_bare(char32_t c, F&& use) {
  constexpr char32_t hangul = 0xac00, syllables = 11172;
  if (c < 0x80) return use(c);
  if (c - hangul < syllables) {  // two or three letters, by arithmetic (Unicode, section 3.12)
    const char32_t i = c - hangul;
    use(0x1100 + i / 588);
    use(0x1161 + i / 28 % 21);
    if (i % 28) use(0x11a7 + i % 28);
    return;
  }
  if (is_in(bert_marks, c)) return;
  for (const CharacterText& t : bert_bare_texts)
    if (t.from == c) {
      for (char32_t part : t.to)
        if (part) use(part);
      return;
    }
  use(changed(bert_bare_runs, bert_bare_pairs, c));
}

}  // namespace detail

ANSER_INLINE std::string BertWords::normalize(std::string_view text) const {
  using namespace detail;
  std::string normal;
  normal.reserve(text.size());
  const auto lowered = [&](char32_t c) {
    if (!lower) return append_utf8(normal, c);
    if (c < 0x80) return append_utf8(normal, c >= 'A' && c <= 'Z' ? c + 32 : c);
    append_utf8(normal, c == 0x130 ? U'i' : changed(bert_lower_runs, bert_lower_pairs, c));
    if (c == 0x130) append_utf8(normal, 0x307);  // the only one that becomes two: I with a dot
  };
  const auto bare = [&](char32_t c) { strip_accents ? each_bare(c, lowered) : lowered(c); };
  while (!text.empty()) {
    char32_t c = utf8_code(text);
    text.remove_prefix(utf8_length(text));
    if (clean) {
      if (is_bert_control(c)) continue;
      if (is_bert_space(c)) c = ' ';
    }
    const bool alone = chinese && c >= 0x80 && is_in(bert_chinese, c);
    if (alone) normal += ' ';
    bare(c);
    if (alone) normal += ' ';
  }
  return normal;
}

ANSER_INLINE std::vector<std::string> BertWords::split(std::string_view text) const {
  std::vector<std::string> words;
  bool open = false;  // the last word may go on
  const std::string normal = normalize(text);
  for (std::string_view rest = normal; !rest.empty();) {
    const char32_t c = utf8_code(rest);
    const std::string_view character = rest.substr(0, utf8_length(rest));
    rest.remove_prefix(character.size());
    if (detail::is_bert_space(c)) {
      open = false;
    } else if (detail::is_bert_punctuation(c)) {
      words.emplace_back(character);
      open = false;
    } else if (open) {
      words.back() += character;
    } else {
      words.emplace_back(character);
      open = true;
    }
  }
  return words;
}

}  // namespace anser
