#pragma once
#include <functional>
#include <limits>

#include "tokenizer-vocabulary-inl.hpp"

namespace anser {

/// tokenizer.json with a Unigram model: added tokens, normaliser, pre-tokeniser, model, template, decoder, in this
/// order. Steps of another kind than T5's files have are refused by name.
class UnigramVocabulary : public Tokenizer::Vocabulary {
 public:
  explicit UnigramVocabulary(const std::filesystem::path& path) {
    source = path.string();
    const nlohmann::json file = parse_vocabulary_json(read_vocabulary(path), source);
    check(file.is_object(), source, ": is not a JSON object");
    try {
      read_model(member(file, "model"));
      read_added_tokens(member(file, "added_tokens"));
      read_normalizer(member(file, "normalizer"));
      read_pre_tokenizer(member(file, "pre_tokenizer"));
      find_special_tokens();
      read_post_processor(member(file, "post_processor"));
      read_decoder(member(file, "decoder"));
    } catch (const nlohmann::json::exception& e) {
      fail(source, ": ", e.what());
    }
  }

  std::vector<std::int32_t> encode(std::string_view bytes, bool add_eos) const override {
    const std::string text = to_utf8(bytes);
    std::vector<std::int32_t> ids;
    if (add_eos) ids = before_;
    for (const AddedTokens::Part& part : added_.split(text, is_space)) {
      if (part.id >= 0) {
        ids.push_back(part.id);
        continue;
      }
      std::string normal(part.text);
      for (const auto& step : normalizer_) normal = step(normal);
      const bool at_start = part.text.data() == text.data();
      for (const AddedTokens::Part& inner : added_normalized_.split(normal, is_space)) {
        if (inner.id >= 0)
          ids.push_back(inner.id);
        else
          append_words(inner.text, at_start && inner.text.data() == normal.data(), ids);
      }
    }
    if (add_eos) ids.insert(ids.end(), after_.begin(), after_.end());
    return ids;
  }

  std::string decode(std::span<const std::int32_t> ids, bool skip_special) const override {
    std::string text;
    bool first = true;
    for (std::int32_t id : ids) {
      const auto* token = find_added(id);
      if (skip_special && token && token->special) continue;
      const std::string p = piece(id);
      const bool drop = first && decoder_prefix_;
      for (std::size_t i = 0; i < p.size();) {
        const bool found = p.compare(i, space.size(), space) == 0;
        if (!found)
          text += p[i];
        else if (!drop)
          text += ' ';
        i += found ? space.size() : 1;
      }
      first = false;
    }
    return text;
  }

  std::string piece(std::int32_t id) const override {
    if (const auto* token = find_added(id)) return token->content;
    return id < model_.size() ? model_.piece(id).text : std::string();
  }
  std::optional<std::int32_t> id(std::string_view piece) const override {
    if (const auto* token = added_.find(piece)) return token->id;
    if (const auto* token = added_normalized_.find(piece)) return token->id;
    return model_.id(piece);
  }

 private:
  using Value = nlohmann::json;
  using Step = std::function<std::string(const std::string&)>;
  static constexpr std::string_view space = "\xe2\x96\x81";

  const AddedTokens::Token* find_added(std::int32_t id) const {
    const auto* token = added_.find(id);
    return token ? token : added_normalized_.find(id);
  }
  static const Value& member(const Value& object, const char* name) {
    static const Value null;
    const auto found = object.find(name);
    return found == object.end() ? null : *found;
  }
  std::string kind(const Value& step, const char* what) const {
    check(step.is_object() && member(step, "type").is_string(), source, ": the ", what, " has no type");
    return step["type"].get<std::string>();
  }
  [[noreturn]] void refuse(const char* what, const std::string& kind, const char* known) const {
    fail(source, ": the ", what, " ", kind, " is not supported; known are ", known);
  }

  void read_model(const Value& model) {
    check(model.is_object(), source, ": has no model");
    const Value &type = member(model, "type"), &vocab = member(model, "vocab"), &unk_id = member(model, "unk_id");
    const std::string name = type.is_string() ? type.get<std::string>() : "without a type";
    check(name == "Unigram", source, ": the model is ", name, "; T5's are Unigram");
    check(vocab.is_array(), source, ": the model has no vocab, a list of [piece, score]");
    std::vector<Unigram::Piece> pieces;
    pieces.reserve(vocab.size());
    for (const Value& entry : vocab) {
      check(entry.is_array() && entry.size() == 2 && entry[0].is_string() && entry[1].is_number(), source, ": entry ",
            pieces.size(), " of the vocab is not [piece, score]");
      pieces.push_back({entry[0].get<std::string>(), entry[1].get<double>()});
    }
    int unknown = -1;
    if (!unk_id.is_null()) {
      check(unk_id.is_number_unsigned() && unk_id.get<std::uint64_t>() < pieces.size(), source,
            ": the model's unk_id is ", unk_id.dump(), " with ", pieces.size(), " pieces");
      unknown = unk_id.get<int>();
    }
    const Value& bytes = member(model, "byte_fallback");
    check(bytes.is_null() || bytes.is_boolean(), source, ": the model's byte_fallback is not true or false");
    model_ = Unigram(std::move(pieces), unknown, bytes.is_boolean() && bytes.get<bool>(), source);
    size = model_.size();
  }

  void read_added_tokens(const Value& entries) {
    check(entries.is_null() || entries.is_array(), source, ": added_tokens is not a list");
    const std::int64_t limit = std::int64_t(model_.size()) + 100000;
    std::vector<AddedTokens::Token> raw, normal;
    for (const Value& entry : entries) {
      const Value& id = member(entry, "id");
      check(id.is_number_unsigned() && id.get<std::uint64_t>() < std::uint64_t(limit), source,
            ": an added token has no usable id");
      const AddedTokens::Token token = read_added_token(entry, id.get<std::int64_t>(), limit, source);
      const auto known = model_.id(token.content);
      check(known ? *known == token.id : token.id >= model_.size(), source, ": the added token ", token.content,
            " has the id ", token.id, ", which is not its place in the vocab");
      size = std::max(size, int(token.id) + 1);
      (token.normalized ? normal : raw).push_back(token);
    }
    added_ = AddedTokens(std::move(raw));
    added_normalized_ = AddedTokens(std::move(normal));
  }

  void read_normalizer(const Value& step) {
    if (step.is_null()) return;
    const std::string name = kind(step, "normalizer");
    if (name == "Sequence") {
      const Value& steps = member(step, "normalizers");
      check(steps.is_array(), source, ": the normalizer Sequence has no normalizers");
      for (const Value& each : steps) read_normalizer(each);
    } else if (name == "Precompiled") {
      const Value& map = member(step, "precompiled_charsmap");
      check(map.is_string(), source, ": the normalizer Precompiled has no precompiled_charsmap");
      auto charsmap = std::make_shared<Charsmap>(decode_base64(map.get_ref<const std::string&>()), source);
      normalizer_.push_back([charsmap](const std::string& text) { return charsmap->normalize(text); });
    } else if (name == "Strip") {
      const bool left = flag(step, "strip_left", true), right = flag(step, "strip_right", true);
      normalizer_.push_back([left, right](const std::string& text) {
        std::string_view rest = text;
        if (left) rest = AddedTokens::strip_left(rest, is_space);
        if (right) rest = AddedTokens::strip_right(rest, is_space);
        return std::string(rest);
      });
    } else if (name == "Replace") {
      const Value& pattern = member(step, "pattern");
      const Value& content = member(step, "content");
      check(pattern.is_object() && content.is_string() && content.get_ref<const std::string&>().size() <= 64, source,
            ": the normalizer Replace has no usable pattern and content");
      check(member(pattern, "Regex") == " {2,}", source, ": the normalizer Replace has the pattern ", pattern.dump(),
            "; the only one supported is the regex ' {2,}'");
      normalizer_.push_back([with = content.get<std::string>()](const std::string& text) {
        std::string out;
        for (std::size_t i = 0; i < text.size();) {
          std::size_t end = i;
          while (end < text.size() && text[end] == ' ') ++end;
          if (end - i >= 2)
            out += with, i = end;
          else
            out += text[i++];
        }
        return out;
      });
    } else {
      refuse("normalizer", name, "Precompiled, Strip, Replace and Sequence");
    }
    check(normalizer_.size() <= 16, source, ": more than 16 normalizers");
  }

  void read_pre_tokenizer(const Value& step) {
    if (step.is_null()) return;
    const std::string name = kind(step, "pre_tokenizer");
    if (name == "Sequence") {
      const Value& steps = member(step, "pretokenizers");
      check(steps.is_array(), source, ": the pre_tokenizer Sequence has no pretokenizers");
      for (const Value& each : steps) read_pre_tokenizer(each);
    } else if (name == "WhitespaceSplit") {
      check(!metaspace_, source, ": WhitespaceSplit behind Metaspace is not supported");
      whitespace_split_ = true;
    } else if (name == "Metaspace") {
      check(!metaspace_, source, ": a second Metaspace is not supported");
      metaspace_ = true;
      prefix_ = read_metaspace(step);
      split_ = flag(step, "split", true);
    } else {
      refuse("pre_tokenizer", name, "WhitespaceSplit, Metaspace and Sequence");
    }
  }

  enum class Prefix { never, first, always };
  Prefix read_metaspace(const Value& step) const {
    const Value &replacement = member(step, "replacement"), &scheme = member(step, "prepend_scheme");
    check(replacement == std::string(space), source, ": Metaspace replaces spaces by something else than U+2581");
    if (scheme.is_null()) return flag(step, "add_prefix_space", true) ? Prefix::always : Prefix::never;
    if (scheme == "always") return Prefix::always;
    if (scheme == "first") return Prefix::first;
    check(scheme == "never", source, ": Metaspace's prepend_scheme ", scheme.dump(),
          " is none of always, first, never");
    return Prefix::never;
  }
  bool flag(const Value& object, const char* name, bool otherwise) const {
    const Value& value = member(object, name);
    check(value.is_null() || value.is_boolean(), source, ": ", name, " is not true or false");
    return value.is_null() ? otherwise : value.get<bool>();
  }

  void read_post_processor(const Value& step) {
    after_ = {eos};
    if (step.is_null()) return;
    const std::string name = kind(step, "post_processor");
    if (name != "TemplateProcessing") refuse("post_processor", name, "TemplateProcessing");
    after_.clear();
    bool text = false;
    const Value &single = member(step, "single"), &known = member(step, "special_tokens");
    check(single.is_array() && single.size() <= 16 && known.is_object(), source,
          ": TemplateProcessing has no template");
    for (const Value& item : single) {
      check(item.is_object() && item.size() == 1, source, ": TemplateProcessing has the item ", item.dump());
      if (item.contains("Sequence")) {
        check(!text && member(item["Sequence"], "id") == "A", source, ": TemplateProcessing repeats the text");
        text = true;
        continue;
      }
      const Value& token = member(member(item, "SpecialToken"), "id");
      const Value& ids =
          token.is_string() ? member(member(known, token.get_ref<const std::string&>().c_str()), "ids") : token;
      check(ids.is_array() && ids.size() <= 16, source, ": TemplateProcessing has no ids for ", item.dump());
      for (const Value& id : ids) {
        check(id.is_number_unsigned() && id.get<std::uint64_t>() < std::uint64_t(size), source,
              ": TemplateProcessing adds the id ", id.dump(), " to a vocabulary of ", size);
        (text ? after_ : before_).push_back(id.get<std::int32_t>());
      }
    }
    check(text, source, ": TemplateProcessing leaves out the text");
  }

  void read_decoder(const Value& step) {
    check(!step.is_null(), source, ": has no decoder; T5's is Metaspace");
    const std::string name = kind(step, "decoder");
    if (name != "Metaspace") refuse("decoder", name, "Metaspace");
    decoder_prefix_ = read_metaspace(step) != Prefix::never;
  }

  std::string decode_base64(std::string_view text) const {
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3);
    check(text.size() % 4 == 0, source, ": precompiled_charsmap is not base64");
    std::uint32_t group = 0;
    int digits = 0, padding = 0;
    for (char c : text) {
      const bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z', digit = c >= '0' && c <= '9';
      check((upper || lower || digit || c == '+' || c == '/') ? padding == 0 : c == '=' && ++padding <= 2, source,
            ": precompiled_charsmap is not base64");
      const int value = upper      ? c - 'A'
                        : lower    ? c - 'a' + 26
                        : digit    ? c - '0' + 52
                        : c == '+' ? 62
                        : c == '/' ? 63
                                   : 0;
      group = group << 6 | std::uint32_t(value);
      if (++digits % 4 == 0) {
        for (int shift = 16; shift >= 0; shift -= 8) bytes += char(group >> shift & 255);
        group = 0;
      }
    }
    bytes.resize(bytes.size() - std::size_t(padding));
    return bytes;
  }

  /// The words of normalised text: cut at white space, then marked by U+2581 and cut before it.
  void append_words(std::string_view text, bool at_start, std::vector<std::int32_t>& ids) const {
    if (!whitespace_split_) return append_marked(text, at_start, ids);
    for (std::size_t at = 0; at < text.size();) {
      std::size_t end = at;
      while (end < text.size() && !is_space(utf8_code(text.substr(end)))) end += utf8_length(text.substr(end));
      if (end > at) append_marked(text.substr(at, end - at), at_start && at == 0, ids);
      at = end < text.size() ? end + utf8_length(text.substr(end)) : end;
    }
  }
  void append_marked(std::string_view text, bool at_start, std::vector<std::int32_t>& ids) const {
    if (!metaspace_) return model_.encode(text, ids);
    std::string marked;
    const bool prefix = prefix_ == Prefix::always || (prefix_ == Prefix::first && at_start);
    if (prefix && !text.empty() && !text.starts_with(space) && text[0] != ' ') marked = space;
    for (char c : text)
      if (c == ' ')
        marked += space;
      else
        marked += c;
    std::size_t from = 0;
    while (from < marked.size()) {
      const std::size_t mark = split_ ? marked.find(space, from + 1) : std::string::npos;
      const std::size_t end = std::min(mark, marked.size());
      model_.encode(std::string_view(marked).substr(from, end - from), ids);
      from = end;
    }
  }

  Unigram model_;
  AddedTokens added_, added_normalized_;
  std::vector<Step> normalizer_;
  bool whitespace_split_ = false, metaspace_ = false, split_ = true, decoder_prefix_ = true;
  Prefix prefix_ = Prefix::always;
  std::vector<std::int32_t> before_, after_;
};

}  // namespace anser
