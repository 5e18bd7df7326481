#pragma once
/// BERT's text as ids: WordPiece, from vocab.txt or tokenizer.json.
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../core/config.hpp"

namespace anser {

/// Gives the ids of Hugging Face's BertTokenizerFast: BertWords, then of each word the longest pieces from its start on
/// (Wu et al. 2016); a word that cannot be cut so, or is longer than 100 characters, is [UNK]. [CLS], [SEP], [PAD],
/// [UNK] and [MASK] in a text are their ids. Values are immutable and cheap to copy; threads may share one.
class BertTokenizer {
 public:
  /// `path` is a model directory (tokenizer.json is preferred to vocab.txt, as there), or one of these two files. In a
  /// directory, tokenizer_config.json may give do_lower_case, strip_accents and tokenize_chinese_chars, and for
  /// vocab.txt the special tokens. Throws Error naming the file for one that is missing, broken or of another kind.
  static BertTokenizer load(const std::filesystem::path& path);

  /// [CLS], the pieces, [SEP]: `most` ids at most, of which [CLS] and [SEP] are two. Throws Error where `most` is less.
  std::vector<std::int32_t> encode(std::string_view text, int most = std::numeric_limits<int>::max()) const;

  /// The piece of an id, as the file has it; empty for an id that is nobody's. Throws Error unless 0 <= id < size().
  std::string piece(std::int32_t id) const;
  std::optional<std::int32_t> id(std::string_view piece) const;
  int size() const;  // the largest id and one
  std::int32_t pad_id() const;
  /// What tokenizer_config.json calls the longest input, where there is one.
  std::optional<int> longest() const;

  struct Vocabulary;  ///< see wordpiece-inl.hpp
  explicit BertTokenizer(std::shared_ptr<const Vocabulary> vocabulary) : vocabulary_(std::move(vocabulary)) {}

 private:
  std::shared_ptr<const Vocabulary> vocabulary_;
};

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "wordpiece-inl.hpp"
#endif
