#pragma once
#include "t5.hpp"

namespace anser {

namespace detail {
inline T5Config read_config(const Json& json, const std::optional<Json>& generation) {
  constexpr std::int64_t most = 1 << 24;
  auto number = [&](const char* key) { return int(json.integer(key, 1, most)); };
  // What generation_config.json says of tokens comes first, as in Hugging Face's generate; of several ends,
  // config.json's.
  auto token = [&](const char* key, std::int64_t otherwise) {
    const std::int64_t plain = json.integer(key, 0, most, otherwise);
    const auto said = generation ? generation->find(key) : std::nullopt;
    return int(said && said->kind() != Json::Kind::list ? said->integer(0, most) : plain);
  };
  const std::string kind = json.text("model_type", "t5");
  check(kind == "t5" || kind == "mt5", json.place(), ": model_type is ", kind, "; this library runs t5 and mt5");
  T5Config c;
  c.vocabulary = number("vocab_size");
  c.d_model = number("d_model");
  c.d_kv = number("d_kv");
  c.d_ff = number("d_ff");
  c.layers = number("num_layers");
  c.decoder_layers = int(json.integer("num_decoder_layers", 1, most, c.layers));
  c.heads = number("num_heads");
  c.buckets = int(json.integer("relative_attention_num_buckets", 1, most, 32));
  c.max_distance = int(json.integer("relative_attention_max_distance", 1, most, 128));
  c.eps = json.real("layer_norm_epsilon", 1e-6);
  c.dropout = json.real("dropout_rate", 0.1);
  c.pad = token("pad_token_id", 0);
  c.eos = token("eos_token_id", 1);
  c.start = token("decoder_start_token_id", c.pad);
  const std::string feed_forward = json.text("feed_forward_proj", "relu");
  check(feed_forward == "relu" || feed_forward == "gated-gelu" || feed_forward == "gated-gelu_new", json.place(),
        ": feed_forward_proj is ", feed_forward, "; relu (v1.0) and gated-gelu (v1.1) are known");
  c.gated = feed_forward != "relu";
  const std::string activation = json.text("dense_act_fn", c.gated ? "gelu_new" : "relu");
  check(activation == (c.gated ? "gelu_new" : "relu"), json.place(), ": dense_act_fn is ", activation,
        "; with feed_forward_proj ", feed_forward, " only ", c.gated ? "gelu_new" : "relu", " is known");
  // transformers 5 writes scale_decoder_outputs; before, tying implied it.
  c.tied = json.boolean("tie_word_embeddings", true);
  c.scaled_output = json.boolean("scale_decoder_outputs", c.tied);
  c.validate(json.place());
  return c;
}
}  // namespace detail

ANSER_INLINE T5Config read_config(const ModelDirectory& files) {
  T5Config c = detail::read_config(files.config(), files.generation_config());
  const bool has_head = files.find("lm_head.weight").has_value();
  check(has_head || c.tied, files.origin(),
        ": the tensor lm_head.weight is missing, and config.json says that there is ",
        "one (tie_word_embeddings is false); is the download complete?");
  c.tied = !has_head;
  return c;
}
ANSER_INLINE T5Config read_config(const Json& config) { return detail::read_config(config, std::nullopt); }

}  // namespace anser
