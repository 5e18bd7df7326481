#pragma once
#include <sentencepiece_processor.h>

#include <cmath>
#include <cstring>

#include "tokenizer-vocabulary-inl.hpp"

namespace anser {

/// Reads protobuf's wire format, so that the sentencepiece library is only given files it can be trusted with: it
/// checks neither the character map's trie nor the scores, and dies on some of what it finds.
class SpieceFile {
 public:
  /// Throws Error, beginning with `source`, unless `bytes` are a sound Unigram ModelProto.
  static void check_model(std::string_view bytes, const std::string& source) {
    int pieces = 0, trainer = 0, normalizer = 0;
    SpieceFile file{bytes, source};
    while (file.next()) {
      if (file.is(1, bytes_type))
        check_piece(file.value_, pieces++, source);
      else if (file.is(2, bytes_type))
        check_trainer(file.value_, source), ++trainer;
      else if (file.is(3, bytes_type))
        check_normalizer(file.value_, source), ++normalizer;
      else if (file.is(4, bytes_type))
        check_fields(file.value_, source, true);
      else if (file.is(5, bytes_type))
        check_normalizer(file.value_, source);
      else
        check(file.field_ > 5, source, ": field ", file.field_, " is not a sentencepiece model's");
    }
    check(pieces > 0, source, ": has no pieces; is it a sentencepiece model?");
    check(trainer == 1 && normalizer == 1, source,
          ": the trainer's or the normaliser's settings are missing or twofold; "
          "the file may be cut short, fetch it again");
  }

 private:
  enum Wire { varint_type = 0, fixed64_type = 1, bytes_type = 2, fixed32_type = 5 };

  SpieceFile(std::string_view bytes, const std::string& source) : rest_(bytes), source_(source) {}

  /// Reads one field into field_, wire_, value_ (bytes and fixed) and number_ (varint); false at the end.
  bool next() {
    if (rest_.empty()) return false;
    const std::uint64_t tag = varint();
    field_ = tag >> 3, wire_ = int(tag & 7);
    check(field_ > 0 && tag <= 0xffffffffu, source_,
          ": is not a sentencepiece model, or is broken; fetch the file again");
    switch (wire_) {
      case varint_type: number_ = varint(); break;
      case fixed64_type: value_ = take(8); break;
      case fixed32_type: value_ = take(4); break;
      case bytes_type: value_ = take(varint()); break;
      default:
        fail(source_, ": is not a sentencepiece model, or is broken (wire type ", wire_, "); fetch the file again");
    }
    return true;
  }
  bool is(std::uint64_t field, int wire) const { return field_ == field && wire_ == wire; }

  std::uint64_t varint() {
    std::uint64_t number = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      number |= std::uint64_t(byte & 127) << shift;
      if (byte < 128) return number;
    }
    fail(source_, ": has a number of more than ten bytes, so it is broken; fetch the file again");
  }
  std::string_view take(std::uint64_t bytes) {
    check(bytes <= rest_.size(), source_, ": is cut short; fetch the file again");
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }

  static void check_piece(std::string_view bytes, int id, const std::string& source) {
    bool named = false;
    SpieceFile piece{bytes, source};
    while (piece.next()) {
      if (piece.is(1, bytes_type)) {
        named = !piece.value_.empty();
        check(piece.value_.size() <= Unigram::max_piece && is_utf8(piece.value_) &&
                  piece.value_.find('\0') == std::string_view::npos,
              source, ": piece ", id, " is too long or not UTF-8");
      } else if (piece.is(2, fixed32_type)) {
        float score;
        std::memcpy(&score, piece.value_.data(), 4);
        check(std::isfinite(score) && std::abs(score) < 1e6f, source, ": piece ", id, " has the score ", score);
      } else if (piece.is(3, varint_type)) {
        check(piece.number_ >= 1 && piece.number_ <= 6, source, ": piece ", id, " has the unknown type ",
              piece.number_);
      } else {
        check(piece.field_ > 3, source, ": piece ", id, " is broken; fetch the file again");
      }
    }
    check(named, source, ": piece ", id, " has no text; fetch the file again");
  }
  static void check_trainer(std::string_view bytes, const std::string& source) {
    static constexpr const char* kinds[] = {"none", "unigram", "bpe", "word", "char"};
    SpieceFile spec{bytes, source};
    while (spec.next())
      if (spec.is(3, varint_type))
        check(spec.number_ == 1, source, ": its model is of the kind ",
              spec.number_ < 5 ? kinds[spec.number_] : "unknown", "; T5's are unigram");
  }
  static void check_normalizer(std::string_view bytes, const std::string& source) {
    SpieceFile spec{bytes, source};
    while (spec.next())
      if (spec.is(2, bytes_type)) Charsmap(spec.value_, source);
  }
  static void check_fields(std::string_view bytes, const std::string& source, bool nested) {
    SpieceFile fields{bytes, source};
    while (fields.next())
      if (nested && fields.wire_ == bytes_type) check_fields(fields.value_, source, false);
  }

  std::string_view rest_, value_;
  const std::string& source_;
  std::uint64_t field_ = 0, number_ = 0;
  int wire_ = 0;
};

/// spiece.model, with the words around it that Hugging Face's T5Tokenizer adds.
class SpieceVocabulary : public Tokenizer::Vocabulary {
 public:
  struct Options {
    int extra_ids = 100;
    bool legacy = true;            ///< false: no space is put before text that follows a special token
    bool add_prefix_space = true;  ///< read where legacy is false
    nlohmann::json added_tokens_decoder;
    std::string source;  ///< the file that gave these
  };

  SpieceVocabulary(const std::filesystem::path& path, const Options& options) : legacy_(options.legacy) {
    source = path.string();
    std::string bytes = read_vocabulary(path);
    SpieceFile::check_model(bytes, source);
    // A message's fields may come twice, then the later ones count: this is normalizer_spec.add_dummy_prefix = false.
    if (!legacy_) bytes += std::string("\x1a\x02\x18\x00", 4);
    try {
      const auto status = library_.LoadFromSerializedProto(bytes);
      check(status.ok(), source, ": the sentencepiece library says: ", status.ToString());
    } catch (const Error&) {
      throw;
    } catch (const std::exception& e) {
      fail(source, ": the sentencepiece library says: ", e.what());
    }
    pieces_ = library_.GetPieceSize();
    size = pieces_;
    find_special_tokens();
    check(unk == library_.unk_id(), source, ": <unk> is not the unknown piece");
    add_tokens(options);
    prefix_ = options.add_prefix_space ? space : "";
    if (!legacy_) append(std::string("<unk>"), unk_pieces_);
  }

  std::vector<std::int32_t> encode(std::string_view bytes, bool add_eos) const override {
    std::vector<std::int32_t> ids;
    std::string text = to_utf8(bytes);
    if (!legacy_ && !text.empty()) {
      for (std::size_t at = 0; (at = text.find(space, at)) != std::string::npos;) text.replace(at, space.size(), " ");
      text = prefix_ + text;
    }
    bool lone_prefix = false;  // the prefix stands alone before a special token, where it says nothing
    for (const AddedTokens::Part& part : added_.split(text, python_space)) {
      if (part.id < 0) {
        append_text(part.text, ids);
        continue;
      }
      lone_prefix |= ids.size() == 1 && piece(ids[0]) == space && is_special(part.id);
      ids.push_back(part.id);
    }
    if (!legacy_ && lone_prefix) ids.erase(ids.begin());
    if (add_eos && (ids.empty() || ids.back() != eos)) ids.push_back(eos);
    return ids;
  }

  std::string decode(std::span<const std::int32_t> ids, bool skip_special) const override {
    std::string whole;
    bool first = true;
    const auto word = [&](std::string_view text) {  // extra ids stand between spaces
      if (!first) whole += ' ';
      whole += text, first = false;
    };
    std::vector<std::int32_t> run;
    const auto flush = [&] {
      if (run.empty()) return;
      const std::string text = decode_run(run);
      run.clear();
      if (!text.empty()) word(text);
    };
    for (std::int32_t id : ids) {
      if (skip_special && is_special(id)) continue;
      if (id < pieces_) {
        run.push_back(id);
      } else {
        flush();
        word(piece(id));
      }
    }
    flush();
    return whole;
  }

  std::string piece(std::int32_t id) const override {
    if (const auto* token = added_.find(id)) return token->content;
    return id < pieces_ ? library_.IdToPiece(id) : std::string();
  }
  std::optional<std::int32_t> id(std::string_view piece) const override {
    if (const auto* token = added_.find(piece)) return token->id;
    const int id = library_.PieceToId(piece);
    if (library_.IdToPiece(id) != piece) return std::nullopt;
    return id;
  }

 private:
  static constexpr std::string_view space = "\xe2\x96\x81";

  /// What Python's str.strip takes.
  static bool python_space(char32_t c) { return is_space(c) || (c >= 0x1c && c <= 0x1f); }
  bool is_special(std::int32_t id) const {
    const auto* token = added_.find(id);
    return token && token->special;
  }

  void add_tokens(const Options& options) {
    std::map<std::int32_t, AddedTokens::Token> tokens;
    for (const auto& [content, id] : {std::pair("<pad>", pad), {"</s>", eos}, {"<unk>", unk}})
      tokens[id] = {content, id};
    for (int n = 0; n < options.extra_ids; ++n) {
      const int id = pieces_ + options.extra_ids - 1 - n;
      tokens[id] = {concat("<extra_id_", n, ">"), id, true, true};
    }
    if (options.added_tokens_decoder.is_object())
      for (const auto& [key, entry] : options.added_tokens_decoder.items()) {
        check(!key.empty() && key.size() < 9 && key.find_first_not_of("0123456789") == std::string::npos,
              options.source, ": added_tokens_decoder has the id '", key, "'");
        const int id = std::stoi(key);
        tokens[id] = read_added_token(entry, id, pieces_ + 100000, options.source);
        check(id >= pieces_ || library_.IdToPiece(id) == tokens[id].content, options.source, ": calls id ", id, " ",
              tokens[id].content, ", but the vocabulary calls it ", id < pieces_ ? library_.IdToPiece(id) : "");
      }
    std::vector<AddedTokens::Token> list;
    for (const auto& [id, token] : tokens) {
      size = std::max(size, id + 1);
      list.push_back(token);
    }
    added_ = AddedTokens(std::move(list));
  }

  void append(std::string_view text, std::vector<std::int32_t>& ids) const {
    std::vector<int> found;
    const auto status = library_.Encode(text, &found);
    check(status.ok(), source, ": the sentencepiece library says: ", status.ToString());
    ids.insert(ids.end(), found.begin(), found.end());
  }
  /// Text between added tokens. Without the dummy prefix the library would drop a leading space: `<unk>` shields it.
  void append_text(std::string_view text, std::vector<std::int32_t>& ids) const {
    if (legacy_ || !(text.starts_with(' ') || text.starts_with(space))) return append(text, ids);
    std::vector<std::int32_t> shielded;
    append("<unk>" + std::string(text), shielded);
    const std::size_t skip = shielded.size() >= unk_pieces_.size() ? unk_pieces_.size() : 0;
    ids.insert(ids.end(), shielded.begin() + std::ptrdiff_t(skip), shielded.end());
  }

  /// Pieces without extra ids; pad, eos and unk stand as they are written.
  std::string decode_run(const std::vector<std::int32_t>& ids) const {
    std::string text;
    std::vector<std::string> pieces;
    bool was_special = false, first = true;
    const auto flush = [&] {
      std::string decoded;
      const auto status = library_.Decode(pieces, &decoded);
      check(status.ok(), source, ": the sentencepiece library says: ", status.ToString());
      text += decoded;
      pieces.clear();
    };
    for (std::int32_t id : ids) {
      std::string p = piece(id);
      if (is_special(id)) {
        if (!was_special) text += ' ';
        flush();
        text += p;
      } else {
        if (first && p.starts_with(space)) p.erase(0, space.size());
        pieces.push_back(p);
      }
      was_special = is_special(id), first = false;
    }
    flush();
    return std::string(AddedTokens::strip_left(AddedTokens::strip_right(text, python_space), python_space));
  }

  sentencepiece::SentencePieceProcessor library_;
  int pieces_ = 0;
  bool legacy_;
  std::string prefix_;
  std::vector<std::int32_t> unk_pieces_;
  AddedTokens added_;
};

}  // namespace anser
