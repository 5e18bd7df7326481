#pragma once
#include <algorithm>
#include <numeric>

#include "bert.hpp"

namespace anser {

namespace detail {

inline BertConfig read_bert_config(const Json& json) {
  constexpr std::int64_t most = 1 << 24;
  const std::string kind = json.text("model_type", "bert");
  check(kind == "bert", json.place(), ": model_type is ", kind, "; a sentence encoder here is a bert");
  const auto only = [&](const char* key, const char* value) {
    const std::string found = json.text(key, value);
    check(found == value, json.place(), ": ", key, " is ", found, "; only ", value, " is known");
  };
  only("hidden_act", "gelu");
  only("position_embedding_type", "absolute");
  BertConfig c;
  c.vocabulary = int(json.integer("vocab_size", 1, most));
  c.d_model = int(json.integer("hidden_size", 1, most));
  c.d_ff = int(json.integer("intermediate_size", 1, most));
  c.layers = int(json.integer("num_hidden_layers", 1, most));
  c.heads = int(json.integer("num_attention_heads", 1, most));
  c.positions = int(json.integer("max_position_embeddings", 1, most, 512));
  c.types = int(json.integer("type_vocab_size", 1, most, 2));
  c.eps = json.real("layer_norm_eps", 1e-12);
  c.validate(json.place());
  return c;
}

/// The mean of all tokens, and no other mode with it.
inline void check_pooling(const Json& json) {
  if (const auto mode = json.find("pooling_mode"))
    check(mode->kind() != Json::Kind::text || mode->text() == "mean", mode->place(), " is ", mode->written(40),
          "; only mean is known");
  for (const std::string& key : json.keys())
    if (key.starts_with("pooling_mode_"))
      check(json.boolean(key) == (key == "pooling_mode_mean_tokens"), json.place(), ": ", key, " is ",
            json.at(key).written(), "; only the mean of the tokens is known");
}

/// Whether modules.json, which lists the steps of a sentence encoder, ends in a division by the length.
inline bool read_modules(const std::string& directory) {
  const std::string path = directory + "/modules.json";
  if (!has_file(path)) return true;
  bool unit = false, model = false, pooled = false;
  for (const Json& step : read_json(path).items()) {
    const std::string type = step.text("type"), name = type.substr(type.rfind('.') + 1), folder = step.text("path", "");
    if (name == "Transformer" && !model) {
      check(folder.empty(), step.place(), ": the model is in ", quote(folder), "; name that folder");
      model = true;
    } else if (name == "Pooling" && model && !pooled) {
      const std::string config = directory + '/' + folder + "/config.json";
      if (has_file(config)) check_pooling(read_json(config));
      pooled = true;
    } else if (name == "Normalize" && pooled && !unit) {
      unit = true;
    } else {
      fail(step.place(), ": ", quote(type),
           " is not known here; known are Transformer, Pooling and Normalize, in this ", "order");
    }
  }
  check(pooled, path, ": there is no Pooling, and a text must become one vector");
  return unit;
}

}  // namespace detail

ANSER_INLINE SentenceFiles SentenceFiles::open(const std::string& directory) {
  auto weights = ModelDirectory::open(directory);
  const BertConfig c = detail::read_bert_config(weights->config());
  SentenceFiles files{std::move(weights), BertTokenizer::load(directory), c, c.positions,
                      detail::read_modules(directory)};
  check(files.tokenizer.size() <= c.vocabulary, directory, ": the vocabulary has ", files.tokenizer.size(),
        " pieces and the model ", c.vocabulary, "; are they of the same model?");
  std::optional<int> longest = files.tokenizer.longest();
  if (const std::string path = directory + "/sentence_bert_config.json"; has_file(path)) {
    const Json json = read_json(path);
    if (json.has("max_seq_length")) longest = int(json.integer("max_seq_length", 2, 1 << 24));
    check(!json.boolean("do_lower_case", false), path,
          ": do_lower_case true is not supported; the vocabulary's own is");
  }
  if (longest) files.longest = std::min(files.longest, *longest);
  return files;
}

ANSER_INLINE std::string retrieval_text(const std::string& input, const std::vector<std::string>& choices) {
  std::string text = "Answer Choices: ";
  for (std::size_t i = 0; i < choices.size(); ++i) text += (i ? ", " : "") + choices[i];
  if (choices.empty()) text += "None";
  return text + ", Instance: " + input;
}

ANSER_INLINE std::vector<std::vector<std::size_t>> sort_into_batches(const std::vector<std::size_t>& lengths,
                                                                     int batch) {
  check(batch > 0, "a batch of ", batch, " texts; at least 1");
  std::vector<std::size_t> order(lengths.size());
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return lengths[a] > lengths[b]; });
  std::vector<std::vector<std::size_t>> runs;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i % std::size_t(batch) == 0) runs.emplace_back();
    runs.back().push_back(order[i]);
  }
  return runs;
}

}  // namespace anser
