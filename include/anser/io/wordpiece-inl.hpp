#pragma once
#include <algorithm>

#include "../core/error.hpp"
#include "bert_words.hpp"
#include "json.hpp"
#include "tokenizer-vocabulary-inl.hpp"
#include "wordpiece.hpp"

namespace anser {

struct BertTokenizer::Vocabulary {
  std::string source;
  BertWords words;
  std::vector<std::string> pieces;  // by id
  std::string prefix = "##";        // of pieces that go on with a word
  std::size_t longest_word = 100;   // characters
  PieceTrie beginnings, continuations;
  AddedTokens special;
  std::int32_t unknown = 0, begin = 0, end = 0, pad = 0;
  std::optional<int> longest;

  /// The tries, once the pieces are there.
  void index() {
    std::vector<std::pair<std::string, std::int32_t>> first, next;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const std::string& p = pieces[i];
      check(p.size() <= Unigram::max_piece, source, ": piece ", i, " is longer than ", Unigram::max_piece, " bytes");
      check(is_utf8(p), source, ": piece ", i, " is not UTF-8");
      if (!p.empty()) first.emplace_back(p, std::int32_t(i));
      if (!prefix.empty() && p.size() > prefix.size() && p.starts_with(prefix))
        next.emplace_back(p.substr(prefix.size()), std::int32_t(i));
    }
    check(!first.empty(), source, ": the vocabulary has no pieces");
    continuations = prefix.empty() ? PieceTrie(first) : PieceTrie(std::move(next));
    beginnings = PieceTrie(std::move(first));
  }
  std::int32_t find(std::string_view token) const {
    const auto found = beginnings.find(token);
    check(found.has_value(), source, ": the vocabulary has no ", quote(token), "; BERT's have [UNK], [CLS] and [SEP]");
    return *found;
  }

  void append_word(std::string_view word, std::vector<std::int32_t>& ids) const {
    const std::size_t before = ids.size();
    std::size_t characters = 0;
    for (std::size_t at = 0; at < word.size(); at += utf8_length(word.substr(at))) ++characters;
    bool whole = characters <= longest_word;
    for (std::size_t at = 0; whole && at < word.size();) {
      std::size_t length = 0;
      std::int32_t piece = -1;
      (at ? continuations : beginnings).prefixes(word.substr(at), [&](std::size_t n, std::int32_t id) {
        length = n;
        piece = id;
      });
      whole = piece >= 0;
      ids.push_back(piece);
      at += length;
    }
    if (whole) return;
    ids.resize(before);
    ids.push_back(unknown);
  }

  void read_text(const std::filesystem::path& path, const std::optional<Json>& config);
  void read_json_file(const Json& file);
  void read_config(const Json& config);
};

namespace detail {

/// A special token of tokenizer_config.json: a text, or an object with its content.
inline std::string special_token(const std::optional<Json>& config, const char* name, const char* otherwise) {
  const auto token = config ? config->find(name) : std::nullopt;
  if (!token) return otherwise;
  return token->kind() == Json::Kind::object ? token->text("content") : token->text();
}

}  // namespace detail

/// One piece a line.
inline void BertTokenizer::Vocabulary::read_text(const std::filesystem::path& path, const std::optional<Json>& config) {
  const std::string bytes = read_vocabulary(path);
  for (std::size_t from = 0; from < bytes.size();) {
    const std::size_t stop = std::min(bytes.find('\n', from), bytes.size());
    std::string_view line(bytes.data() + from, stop - from);
    if (line.ends_with('\r')) line.remove_suffix(1);
    pieces.emplace_back(line);
    from = stop + 1;
  }
  index();
  std::vector<AddedTokens::Token> tokens;
  const auto special_id = [&](const char* name, const char* otherwise) {
    const std::string token = detail::special_token(config, name, otherwise);
    const auto id = beginnings.find(token);
    if (id) tokens.push_back({token, *id});
    return id;
  };
  const auto must = [&](const char* name, const char* otherwise) {
    const auto id = special_id(name, otherwise);
    return id ? *id : find(detail::special_token(config, name, otherwise));  // which says what is missing
  };
  unknown = must("unk_token", "[UNK]");
  begin = must("cls_token", "[CLS]");
  end = must("sep_token", "[SEP]");
  pad = special_id("pad_token", "[PAD]").value_or(0);
  special_id("mask_token", "[MASK]");
  special = AddedTokens(std::move(tokens));
}

inline void BertTokenizer::Vocabulary::read_json_file(const Json& file) {
  const Json model = file.at("model");
  const std::string kind = model.text("type", "WordPiece");
  check(kind == "WordPiece", model.place(), ": the model is ", kind, "; a BERT's is WordPiece");
  const Json vocabulary = model.at("vocab");
  const auto keys = vocabulary.keys();
  for (const std::string& key : keys) {
    const auto id = std::size_t(vocabulary.at(key).integer(0, std::int64_t(keys.size()) + 100000));
    if (id >= pieces.size()) pieces.resize(id + 1);
    pieces[id] = key;
  }
  prefix = model.text("continuing_subword_prefix", "##");
  longest_word = std::size_t(model.integer("max_input_chars_per_word", 1, 1 << 20, 100));

  std::vector<AddedTokens::Token> tokens;
  if (const auto added = file.find("added_tokens"))
    for (const Json& t : added->items()) {
      const std::string content = t.text("content");
      check(!content.empty() && !t.boolean("normalized", false) && !t.boolean("single_word", false), t.place(), ": ",
            quote(content), " is empty, normalized or a single_word, which is not supported");
      const auto id = std::size_t(t.integer("id", 0, std::int64_t(keys.size()) + 100000));
      if (id >= pieces.size()) pieces.resize(id + 1);
      pieces[id] = content;
      tokens.push_back({content, std::int32_t(id), t.boolean("lstrip", false), t.boolean("rstrip", false)});
    }
  index();
  special = AddedTokens(std::move(tokens));
  unknown = find(model.text("unk_token", "[UNK]"));
  pad = beginnings.find("[PAD]").value_or(0);

  words = {false, false, false, false};
  if (const auto n = file.find("normalizer")) {
    check(n->text("type") == "BertNormalizer", n->place(), " is ", n->text("type"), "; a BERT's is BertNormalizer");
    words.clean = n->boolean("clean_text", true);
    words.chinese = n->boolean("handle_chinese_chars", true);
    words.lower = n->boolean("lowercase", true);
    words.strip_accents = n->boolean("strip_accents", words.lower);
  }
  const Json pre = file.at("pre_tokenizer");
  check(pre.text("type") == "BertPreTokenizer", pre.place(), " is ", pre.text("type"),
        "; a BERT's is BertPreTokenizer");
  const Json post = file.at("post_processor");
  if (post.text("type") == "BertProcessing") {
    const auto token = [&](const char* name) {
      const auto pair = post.at(name).items();
      check(!pair.empty(), post.place(), ": ", name, " is empty");
      return find(pair[0].text());
    };
    begin = token("cls");
    end = token("sep");
    return;
  }
  check(post.text("type") == "TemplateProcessing", post.place(), " is ", post.text("type"),
        "; known are TemplateProcessing and BertProcessing");
  const auto parts = post.at("single").items();
  check(parts.size() == 3 && parts[0].has("SpecialToken") && parts[1].has("Sequence") && parts[2].has("SpecialToken"),
        post.place(), ": single is not a special token, the sequence, a special token");
  begin = find(parts[0].at("SpecialToken").text("id"));
  end = find(parts[2].at("SpecialToken").text("id"));
}

inline void BertTokenizer::Vocabulary::read_config(const Json& config) {
  const bool as_lower = words.strip_accents == words.lower;
  words.lower = config.boolean("do_lower_case", words.lower);
  words.chinese = config.boolean("tokenize_chinese_chars", words.chinese);
  words.strip_accents = config.boolean("strip_accents", as_lower ? words.lower : words.strip_accents);
  check(config.boolean("do_basic_tokenize", true), config.place(), ": do_basic_tokenize false is not supported");
  if (const auto most = config.find("model_max_length"))
    if (most->real() >= 2 && most->real() <= 1 << 24) longest = int(most->real());  // larger means none
}

ANSER_INLINE BertTokenizer BertTokenizer::load(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  fs::path file = path;
  std::optional<Json> config;
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    file = path / "tokenizer.json";
    if (!fs::exists(file)) file = path / "vocab.txt";
    check(fs::exists(file), path.string(), " has neither tokenizer.json nor vocab.txt; a sentence encoder has one");
    if (fs::exists(path / "tokenizer_config.json")) config = read_json((path / "tokenizer_config.json").string());
  }
  check(fs::exists(file, ignored), file.string(), ": there is no such vocabulary");
  auto vocabulary = std::make_shared<Vocabulary>();
  vocabulary->source = file.string();
  if (file.extension() == ".json")
    vocabulary->read_json_file(read_json(file.string()));
  else
    vocabulary->read_text(file, config);
  if (config) vocabulary->read_config(*config);
  return BertTokenizer(std::move(vocabulary));
}

ANSER_INLINE std::vector<std::int32_t> BertTokenizer::encode(std::string_view text, int most) const {
  check(most >= 2, "BertTokenizer: ", most, " ids have no room for [CLS] and [SEP]");
  const Vocabulary& v = *vocabulary_;
  const std::size_t room = std::size_t(most) - 1;
  std::vector<std::int32_t> ids{v.begin};
  const std::string sound = to_utf8(text);
  for (const AddedTokens::Part& part : v.special.split(sound, is_space)) {
    if (ids.size() >= room) break;
    if (part.id >= 0)
      ids.push_back(part.id);
    else
      for (const std::string& word : v.words.split(part.text)) v.append_word(word, ids);
  }
  ids.resize(std::min(ids.size(), room));
  ids.push_back(v.end);
  return ids;
}

ANSER_INLINE std::string BertTokenizer::piece(std::int32_t id) const {
  check(id >= 0 && id < size(), vocabulary_->source, ": there is no piece ", id, "; the vocabulary has ", size());
  return vocabulary_->pieces[std::size_t(id)];
}
ANSER_INLINE std::optional<std::int32_t> BertTokenizer::id(std::string_view piece) const {
  return vocabulary_->beginnings.find(piece);
}
ANSER_INLINE int BertTokenizer::size() const { return int(vocabulary_->pieces.size()); }
ANSER_INLINE std::int32_t BertTokenizer::pad_id() const { return vocabulary_->pad; }
ANSER_INLINE std::optional<int> BertTokenizer::longest() const { return vocabulary_->longest; }

}  // namespace anser
