#pragma once
/// What the miniatures' data are made of: lines of words, drawn one after the other.
#include <anser/core/error.hpp>
#include <anser/core/random.hpp>
#include <anser/io/json.hpp>
#include <string>
#include <vector>

namespace anser::reproduce {

struct Line {
  std::string written, spoken;
};

/// Draws one after the other.
class Dice {
 public:
  explicit Dice(Random random) : random_(random) {}
  std::size_t below(std::size_t n) { return std::size_t(std::uint64_t(random_.draw(next_++)[0]) * n >> 32); }
  bool chance(double p) { return random_.uniform_double(next_++) < p; }
  const auto& among(const auto& list) { return list[below(list.size())]; }

 private:
  Random random_;
  std::uint64_t next_ = 0;
};

inline std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& w : words) text += (text.empty() ? "" : " ") + w;
  return text;
}

/// Draws until f() takes what it drew, and throws Error, saying `parts`, where it seems that this can never be.
template <class F, class... A>
void draw_until(F&& f, const A&... parts) {
  for (int tries = 0; tries < 20000; ++tries)
    if (f()) return;
  fail(parts...);
}

/// A line of a file of examples.
inline std::string json_of(const Line& l, const std::string& task) {
  return concat("{\"input\": ", quote(l.written), ", \"target\": ", quote(l.spoken),
                task.empty() ? "" : ", \"task\": " + quote(task), "}\n");
}

/// The words as a tokenizer.json, each with an id of its own: pad, eos, unk, the words, and `sentinels` extra ids.
inline std::string word_vocabulary(const std::vector<std::string>& words, int sentinels) {
  std::string vocabulary = "[\"<pad>\", 0], [\"</s>\", 0], [\"<unk>\", 0]", added;
  const auto add = [&](std::size_t id, const std::string& content) {
    added += concat(added.empty() ? "" : ",\n", "    {\"id\": ", id, ", \"content\": ", quote(content),
                    ", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, "
                    "\"special\": true}");
  };
  std::size_t id = 0;
  for (const char* special : {"<pad>", "</s>", "<unk>"}) add(id++, special);
  for (const auto& word : words) {
    vocabulary += ",\n    [" + quote("\u2581" + word) + ", -1]";
    ++id;
  }
  for (int n = sentinels - 1; n >= 0; --n) {  // T5 numbers them from the end
    const std::string content = "<extra_id_" + std::to_string(n) + '>';
    vocabulary += ",\n    [" + quote(content) + ", 0]";
    add(id++, content);
  }
  const std::string metaspace = "{\"type\": \"Metaspace\", \"replacement\": \"\u2581\", \"prepend_scheme\": \"always\"";
  return concat(
      "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n  \"added_tokens\": [\n", added,
      "\n  ],\n  \"normalizer\": null,\n  \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": ",
      "[{\"type\": \"WhitespaceSplit\"}, ", metaspace, ", \"split\": true}]},\n  \"post_processor\": ",
      "{\"type\": \"TemplateProcessing\", \"single\": [{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}, ",
      "{\"SpecialToken\": {\"id\": \"</s>\", \"type_id\": 0}}], \"pair\": [{\"Sequence\": {\"id\": \"A\", ",
      "\"type_id\": 0}}, {\"SpecialToken\": {\"id\": \"</s>\", \"type_id\": 0}}, {\"Sequence\": {\"id\": \"B\", ",
      "\"type_id\": 0}}, {\"SpecialToken\": {\"id\": \"</s>\", \"type_id\": 0}}], \"special_tokens\": ",
      "{\"</s>\": {\"id\": \"</s>\", \"ids\": [1], \"tokens\": [\"</s>\"]}}},\n  \"decoder\": ", metaspace,
      ", \"split\": true},\n  \"model\": {\"type\": \"Unigram\", \"unk_id\": 2, \"byte_fallback\": false, ",
      "\"vocab\": [\n    ", vocabulary, "\n  ]}\n}\n");
}

}  // namespace anser::reproduce
