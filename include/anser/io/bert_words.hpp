#pragma once
/// BERT's first step on a text: cleaned, in lower case and without accents, cut at white space and punctuation.
#include <string>
#include <string_view>
#include <vector>

#include "../core/config.hpp"

namespace anser {

/// What Hugging Face's BertNormalizer and BertPreTokenizer do, character by character as they do it.
struct BertWords {
  bool clean = true;          // control characters go, white space becomes a blank
  bool chinese = true;        // Chinese characters are words of their own
  bool strip_accents = true;  // canonical decomposition, without marks
  bool lower = true;          // lower case

  /// The text before it is cut. Malformed UTF-8 reads as U+FFFD, which cleaning leaves out.
  std::string normalize(std::string_view text) const;
  /// The words of a text, in normal form; each mark of punctuation is one.
  std::vector<std::string> split(std::string_view text) const;
};

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "bert_words-inl.hpp"
#endif
