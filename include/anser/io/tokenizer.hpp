#pragma once
/// T5's text and ids, from spiece.model (the sentencepiece library) or tokenizer.json (our own Unigram).
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../core/config.hpp"

namespace anser {

/// Gives the ids of Hugging Face's T5Tokenizer for a spiece.model and of T5TokenizerFast for a tokenizer.json. The two
/// agree on ordinary text; they differ where they differ:
///  - text that ends in `</s>`: spiece.model adds no second eos, tokenizer.json does;
///  - pieces of equal score (`!!!!!!`): floats on one side, doubles on the other;
///  - special tokens that only normalisation brings about (full-width `<pad>`): text to the one, an id to the other;
///  - combining marks behind a character that the map replaces, and characters that are white space to Unicode alone.
/// `<extra_id_n>`, `</s>`, `<pad>` and `<unk>` in a text become their ids; white space around an extra id is dropped.
/// Malformed UTF-8 reads as U+FFFD. Values are immutable and cheap to copy; threads may share one.
class Tokenizer {
 public:
  /// `path` is a model directory (spiece.model is preferred to tokenizer.json), or one of these two files. Beside a
  /// spiece.model in a directory, tokenizer_config.json may give `extra_ids` (100 where absent), `legacy` (true) and
  /// `added_tokens_decoder`. Throws Error naming the file for one that is missing, broken, or of an unsupported kind.
  static Tokenizer load(const std::filesystem::path& path);

  /// The ids of `text`, with the end-of-sequence id behind them unless `add_eos` is false.
  std::vector<std::int32_t> encode(std::string_view text, bool add_eos = true) const;
  /// The text of `ids`, as Hugging Face decodes it without clean_up_tokenization_spaces. `skip_special` leaves out pad,
  /// eos, unk and the extra ids. A model's embedding is often padded beyond the vocabulary (32,128 to 32,100): ids
  /// below `model_vocabulary` have no text there; all others outside 0 .. size() throw Error.
  std::string decode(std::span<const std::int32_t> ids, bool skip_special = true, int model_vocabulary = 0) const;

  /// The piece of an id as the file has it, with U+2581 for a space. Throws Error unless 0 <= id < size().
  std::string piece(std::int32_t id) const;
  /// The id of a piece or special token; nothing where there is none.
  std::optional<std::int32_t> id(std::string_view piece) const;
  /// Pieces and added tokens together: 32,100 for T5.
  int size() const;
  std::int32_t pad_id() const;
  std::int32_t eos_id() const;
  std::int32_t unk_id() const;

  class Vocabulary;  ///< what a file format provides; see tokenizer-vocabulary-inl.hpp
  explicit Tokenizer(std::shared_ptr<const Vocabulary> vocabulary) : vocabulary_(std::move(vocabulary)) {}

 private:
  std::shared_ptr<const Vocabulary> vocabulary_;
};

}  // namespace anser

#ifndef ANSER_COMPILED
#include "tokenizer-inl.hpp"
#endif
