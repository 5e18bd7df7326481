#pragma once
#include <algorithm>
#include <map>

#include "../io/bert_words.hpp"
#include "../io/charsmap.hpp"
#include "metrics.hpp"

namespace anser {

namespace detail {

/// White space to Python's str.split.
inline bool is_python_space(char32_t c) {
  return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/// Whether a word may go on with it, to Python's \b: letters and digits. Marks beyond ASCII are told by their blocks,
/// where articles stand beside them: Latin-1, combining accents, from general punctuation to dingbats, CJK punctuation.
inline bool is_word_character(char32_t c) {
  if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  if (c < 0xc0)
    return c == 0xaa || c == 0xb2 || c == 0xb3 || c == 0xb5 || c == 0xb9 || c == 0xba || (c >= 0xbc && c <= 0xbe);
  if (c == 0xd7 || c == 0xf7 || (c >= 0x300 && c <= 0x36f) || is_python_space(c)) return false;
  if (c >= 0x2000 && c <= 0x27bf)
    return c == 0x2071 || c == 0x2070 || (c >= 0x2074 && c <= 0x2079) || (c >= 0x207f && c <= 0x2089) ||
           (c >= 0x2150 && c <= 0x2189) || (c >= 0x2460 && c <= 0x249b) || (c >= 0x2776 && c <= 0x2793);
  if (c >= 0x3000 && c <= 0x3030) return (c >= 0x3005 && c <= 0x3007) || (c >= 0x3021 && c <= 0x3029);
  return c < 0xff01 || c > 0xff65 || (c >= 0xff10 && c <= 0xff19) || (c >= 0xff21 && c <= 0xff3a) ||
         (c >= 0xff41 && c <= 0xff5a);
}

inline bool is_ascii_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

/// Words between white space.
inline std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  bool open = false;
  while (!text.empty()) {
    const char32_t c = utf8_code(text);
    const std::size_t length = utf8_length(text);
    if (is_python_space(c)) {
      open = false;
    } else {
      if (!open) words.emplace_back();
      words.back() += text.substr(0, length);
      open = true;
    }
    text.remove_prefix(length);
  }
  return words;
}

inline std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& w : words) text += (text.empty() ? "" : " ") + w;
  return text;
}

inline std::string lowered(std::string_view text) {
  return BertWords{.clean = false, .chinese = false, .strip_accents = false, .lower = true}.normalize(text);
}

/// Each article that stands as a word of its own becomes a blank.
inline std::string without_articles(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::size_t end = 0;
    while (end < text.size() && is_word_character(utf8_code(text.substr(end)))) end += utf8_length(text.substr(end));
    const std::string_view word = text.substr(0, end);
    if (end == 0) {
      out += text.substr(0, end = utf8_length(text));
    } else if (word == "a" || word == "an" || word == "the") {
      out += ' ';
    } else {
      out += word;
    }
    text.remove_prefix(end);
  }
  return out;
}

/// 2 p r / (p + r), of a match among so many predicted and wanted.
inline double f_measure(double match, double predicted, double wanted) {
  return match > 0 ? 2 * match / (predicted + wanted) : 0;
}

}  // namespace detail

ANSER_INLINE double exact_match(std::string_view prediction, std::string_view target) {
  return detail::split_words(prediction) == detail::split_words(target);
}

ANSER_INLINE std::string normal_answer(std::string_view text) {
  std::string bare = detail::lowered(text);
  std::erase_if(bare, detail::is_ascii_punctuation);
  return detail::joined(detail::split_words(detail::without_articles(bare)));
}

ANSER_INLINE double squad_exact_match(std::string_view prediction, std::string_view target) {
  return normal_answer(prediction) == normal_answer(target);
}

ANSER_INLINE double token_f1(std::string_view prediction, std::string_view target) {
  const auto predicted = detail::split_words(normal_answer(prediction));
  const auto wanted = detail::split_words(normal_answer(target));
  if (predicted.empty() || wanted.empty()) return predicted == wanted;
  std::map<std::string_view, int> left;
  for (const auto& w : wanted) ++left[w];
  int common = 0;
  for (const auto& w : predicted)
    if (const auto at = left.find(w); at != left.end() && at->second > 0) {
      --at->second;
      ++common;
    }
  return detail::f_measure(common, double(predicted.size()), double(wanted.size()));
}

ANSER_INLINE std::vector<std::string> rouge_words(std::string_view text) {
  std::string bare = detail::lowered(text);
  for (char& c : bare)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) c = ' ';
  return detail::split_words(bare);
}

ANSER_INLINE double rouge_l(std::string_view prediction, std::string_view target) {
  const auto predicted = rouge_words(prediction), wanted = rouge_words(target);
  std::vector<int> longest(wanted.size() + 1);  // common subsequence with the first words of the target
  for (const auto& word : predicted) {
    int diagonal = 0;
    for (std::size_t j = 1; j <= wanted.size(); ++j) {
      const int above = longest[j];
      longest[j] = word == wanted[j - 1] ? diagonal + 1 : std::max(above, longest[j - 1]);
      diagonal = above;
    }
  }
  return detail::f_measure(longest.back(), double(predicted.size()), double(wanted.size()));
}

}  // namespace anser
