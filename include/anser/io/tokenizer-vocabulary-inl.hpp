#pragma once
#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "../core/error.hpp"
#include "charsmap.hpp"
#include "tokenizer.hpp"
#include "unigram.hpp"

namespace anser {

/// What a file format provides to the Tokenizer.
class Tokenizer::Vocabulary {
 public:
  virtual ~Vocabulary() = default;
  virtual std::vector<std::int32_t> encode(std::string_view text, bool add_eos) const = 0;
  /// `ids` are all within 0 .. size.
  virtual std::string decode(std::span<const std::int32_t> ids, bool skip_special) const = 0;
  virtual std::string piece(std::int32_t id) const = 0;
  virtual std::optional<std::int32_t> id(std::string_view piece) const = 0;

  std::string source;  ///< the file
  int size = 0;
  std::int32_t pad = 0, eos = 1, unk = 2;

 protected:
  /// Sets pad, eos and unk. Throws Error where the vocabulary lacks one.
  void find_special_tokens() {
    const auto find = [&](std::string_view token) {
      const auto found = id(token);
      check(found.has_value(), source, ": the vocabulary has no ", token, "; T5's have <pad>, </s> and <unk>");
      return *found;
    };
    pad = find("<pad>"), eos = find("</s>"), unk = find("<unk>");
  }
};

/// Tokens that are found in the text before the pieces are, such as `<extra_id_0>`.
class AddedTokens {
 public:
  struct Token {
    std::string content;
    std::int32_t id = 0;
    bool lstrip = false, rstrip = false;  ///< takes the white space before it, after it
    bool special = true;
    bool normalized = false;  ///< is looked for in the normal form of the text
  };
  /// A stretch of the text: a token, or text between tokens (id -1).
  struct Part {
    std::string_view text;
    std::int32_t id = -1;
  };

  AddedTokens() = default;
  explicit AddedTokens(std::vector<Token> tokens) : tokens_(std::move(tokens)) {
    std::vector<std::pair<std::string, std::int32_t>> keys;
    for (const Token& t : tokens_) {
      keys.emplace_back(t.content, std::int32_t(keys.size()));
      by_id_[t.id] = keys.back().second;
      starts_[static_cast<unsigned char>(t.content[0])] = true;
    }
    trie_ = PieceTrie(std::move(keys));
  }

  /// Cuts at the leftmost tokens, of those the longest. `space` says what lstrip and rstrip take.
  std::vector<Part> split(std::string_view text, bool (*space)(char32_t)) const {
    std::vector<Part> parts;
    std::size_t from = 0, at = 0;
    const auto text_until = [&](std::size_t end) {
      if (end > from) parts.push_back({text.substr(from, end - from), -1});
    };
    while (at < text.size()) {
      std::size_t length = 0;
      std::int32_t found = -1;
      if (starts_[static_cast<unsigned char>(text[at])])
        trie_.prefixes(text.substr(at), [&](std::size_t n, std::int32_t token) { length = n, found = token; });
      if (found < 0) {
        ++at;
        continue;
      }
      const Token& token = tokens_[std::size_t(found)];
      std::size_t start = at, end = at + length;
      if (token.lstrip) start = from + strip_right(text.substr(from, start - from), space).size();
      if (token.rstrip)
        while (end < text.size() && space(utf8_code(text.substr(end)))) end += utf8_length(text.substr(end));
      text_until(start);
      parts.push_back({text.substr(at, length), token.id});
      from = at = end;
    }
    text_until(text.size());
    return parts;
  }

  const Token* find(std::int32_t id) const {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : &tokens_[std::size_t(found->second)];
  }
  const Token* find(std::string_view content) const {
    const auto found = trie_.find(content);
    return found ? &tokens_[std::size_t(*found)] : nullptr;
  }
  bool empty() const { return tokens_.empty(); }

  static std::string_view strip_right(std::string_view text, bool (*space)(char32_t)) {
    while (!text.empty()) {
      std::size_t last = text.size() - 1;
      while (last > 0 && (static_cast<unsigned char>(text[last]) & 0xc0) == 0x80) --last;
      if (!space(utf8_code(text.substr(last)))) break;
      text = text.substr(0, last);
    }
    return text;
  }
  static std::string_view strip_left(std::string_view text, bool (*space)(char32_t)) {
    while (!text.empty() && space(utf8_code(text))) text.remove_prefix(utf8_length(text));
    return text;
  }

 private:
  std::vector<Token> tokens_;
  std::map<std::int32_t, std::int32_t> by_id_;
  PieceTrie trie_;
  std::array<bool, 256> starts_{};
};

/// The bytes of a vocabulary's file, of 64 MB at most.
inline std::string read_vocabulary(const std::filesystem::path& path) {
  std::error_code ignored;
  const auto kind = std::filesystem::status(path, ignored).type();
  check(kind != std::filesystem::file_type::fifo && kind != std::filesystem::file_type::directory, path.string(),
        ": cannot be opened: it is no regular file");
  std::ifstream file(path, std::ios::binary);
  check(file.is_open(), path.string(), ": cannot be opened");
  std::string bytes;
  constexpr std::size_t limit = 64u << 20, step = 1u << 16;
  while (file && bytes.size() <= limit) {
    const std::size_t size = bytes.size();
    bytes.resize(size + step);
    file.read(bytes.data() + size, std::streamsize(step));
    bytes.resize(size + std::size_t(file.gcount()));
  }
  check(bytes.size() <= limit, path.string(), ": is over 64 MB; no T5 vocabulary is");
  return bytes;
}

/// A JSON document nested 64 deep at most. Throws Error, beginning with `source`, where it does not parse.
inline nlohmann::json parse_vocabulary_json(const std::string& text, const std::string& source) {
  using nlohmann::json;
  const auto shallow = [&](int depth, json::parse_event_t, json&) {
    check(depth <= 64, source, ": is nested more than 64 deep");
    return true;
  };
  check(text.find('\0') == std::string::npos, source, ": not valid JSON: it holds a NUL byte");
  try {
    return json::parse(text, shallow);
  } catch (const json::exception& e) {
    fail(source, ": ", e.what());
  }
}

/// An entry of added_tokens or added_tokens_decoder.
inline AddedTokens::Token read_added_token(const nlohmann::json& entry, std::int64_t id, std::int64_t limit,
                                           const std::string& source) {
  check(entry.is_object() && entry.contains("content") && entry["content"].is_string(), source,
        ": an added token has no content");
  const auto flag = [&](const char* name, bool otherwise) {
    if (!entry.contains(name)) return otherwise;
    check(entry[name].is_boolean(), source, ": an added token's ", name, " is not true or false");
    return entry[name].get<bool>();
  };
  const auto content = entry["content"].get<std::string>();
  check(!content.empty() && content.size() <= Unigram::max_piece, source, ": added token ", id, " has ", content.size(),
        " bytes");
  check(id >= 0 && id < limit, source, ": added token ", content, " has the id ", id, ", not one below ", limit);
  check(!flag("single_word", false), source, ": added token ", content, " has single_word, which is not supported");
  const bool special = flag("special", false);
  return {
      content, std::int32_t(id), flag("lstrip", false), flag("rstrip", false), special, flag("normalized", !special)};
}

}  // namespace anser
