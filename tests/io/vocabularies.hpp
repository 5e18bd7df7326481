#pragma once
/// Small vocabularies for tests that need no real data: trained from the demo's sentences, and the same as a
/// tokenizer.json.
#include <anser/core/error.hpp>
#include <anser/io/tokenizer.hpp>
#include <anser/io/vocabulary.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace vocabularies {

namespace fs = std::filesystem;

inline std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  anser::check(file.is_open(), path.string(), " cannot be opened");
  return std::string(std::istreambuf_iterator<char>(file), {});
}
inline void write(const fs::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
}

/// A folder of its own that goes away with it.
struct Folder {
  fs::path path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "anser-vocabulary-XXXXXX").string();
    anser::check(mkdtemp(name.data()) != nullptr, name, " cannot be made");
    path = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

inline std::vector<std::string> sentences() {
  std::ifstream file(fs::path(ANSER_TEST_GOLDEN_DIR) / "../../examples/demo/corpus.txt");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  anser::check(!lines.empty(), "examples/demo/corpus.txt is missing or empty");
  return lines;
}

/// One field of a protobuf message with its tag, length and content.
struct Field {
  int number = 0;
  std::string_view whole, content;
};
inline std::vector<Field> fields(std::string_view message) {
  std::vector<Field> list;
  for (std::size_t at = 0; at < message.size();) {
    const std::size_t start = at;
    const auto varint = [&] {
      std::uint64_t n = 0;
      for (int shift = 0;; shift += 7) {
        const auto byte = static_cast<unsigned char>(message.at(at++));
        n |= std::uint64_t(byte & 127) << shift;
        if (byte < 128) return n;
      }
    };
    const std::uint64_t tag = varint();
    std::size_t size = (tag & 7) == 5 ? 4 : 0, begin = at;
    if ((tag & 7) == 0) varint();
    if ((tag & 7) == 2) size = varint(), begin = at;
    at += size;
    list.push_back({int(tag >> 3), message.substr(start, at - start), message.substr(begin, size)});
  }
  return list;
}
inline std::string field(int number, std::string_view content) {
  std::string out(1, char(number << 3 | 2));
  std::uint64_t n = content.size();
  for (; n > 127; n >>= 7) out += char((n & 127) | 128);
  return out + char(n) + std::string(content);
}

/// The model with another character map.
inline std::string with_charsmap(std::string_view model, std::string_view map) {
  std::string out;
  for (const Field& f : fields(model)) {
    std::string spec;
    if (f.number == 3)
      for (const Field& inner : fields(f.content)) spec += inner.number == 2 ? field(2, map) : std::string(inner.whole);
    out += f.number == 3 ? field(3, spec) : std::string(f.whole);
  }
  return out;
}

inline std::string base64(std::string_view bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t group = 0;
    const std::size_t n = std::min<std::size_t>(3, bytes.size() - at);
    for (std::size_t i = 0; i < 3; ++i) group = group << 8 | (i < n ? static_cast<unsigned char>(bytes[at + i]) : 0u);
    for (std::size_t i = 0; i < 4; ++i) out += i > n ? '=' : digits[group >> (18 - 6 * i) & 63];
  }
  return out;
}

/// The tokenizer.json that says the same as a spiece.model, with 100 extra ids, as T5's is laid out.
inline nlohmann::json json_of(std::string_view model) {
  using nlohmann::json;
  json vocab = json::array(), added = json::array();
  std::string map;
  for (const Field& f : fields(model)) {
    std::string text;
    float score = 0;
    for (const Field& inner : fields(f.number == 1 || f.number == 3 ? f.content : std::string_view())) {
      if (f.number == 3 && inner.number == 2) map = inner.content;
      if (f.number == 1 && inner.number == 1) text = inner.content;
      if (f.number == 1 && inner.number == 2) std::memcpy(&score, inner.content.data(), 4);
    }
    if (f.number == 1) vocab.push_back({text, score});
  }
  for (int n = 99; n >= 0; --n) vocab.push_back({anser::concat("<extra_id_", n, ">"), 0});
  for (std::size_t id = 0; id < vocab.size(); ++id)
    if (id < 3 || id + 100 >= vocab.size())
      added.push_back({{"id", id},
                       {"content", vocab[id][0]},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", true}});
  const json metaspace = {
      {"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", "always"}, {"split", true}};
  const json eos = {{"SpecialToken", {{"id", "</s>"}, {"type_id", 0}}}},
             text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  json file;
  file["version"] = "1.0";
  file["added_tokens"] = added;
  file["normalizer"] = {{"type", "Precompiled"}, {"precompiled_charsmap", base64(map)}};
  file["pre_tokenizer"] = {{"type", "Sequence"},
                           {"pretokenizers", json::array({json{{"type", "WhitespaceSplit"}}, metaspace})}};
  file["post_processor"]["type"] = "TemplateProcessing";
  file["post_processor"]["single"] = json::array({text, eos});
  file["post_processor"]["special_tokens"]["</s>"]["ids"] = json::array({1});
  file["decoder"] = metaspace;
  file["model"] = {{"type", "Unigram"}, {"unk_id", 2}, {"vocab", vocab}, {"byte_fallback", false}};
  return file;
}

/// Trained once for all tests of a program: spiece.model and tokenizer.json, each in a folder.
struct Small {
  Folder folder;
  std::string model;
  anser::Tokenizer spiece, unigram;
  static const Small& get() {
    static const Small small;
    return small;
  }

 private:
  Small()
      : model(train(folder.path)),
        spiece(anser::Tokenizer::load(folder.path / "spiece.model")),
        unigram(anser::Tokenizer::load(folder.path / "tokenizer.json")) {}
  static std::string train(const fs::path& folder) {
    anser::train_vocabulary(sentences(), 500, folder / "spiece.model");
    const std::string bytes = read(folder / "spiece.model");
    write(folder / "tokenizer.json", json_of(bytes).dump());
    return bytes;
  }
};

}  // namespace vocabularies
