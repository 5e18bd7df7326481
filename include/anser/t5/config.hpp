#pragma once
#include "../core/error.hpp"

namespace anser {

/// The numbers of a T5, as config.json gives them. Sizes are values: one binary runs them all.
struct T5Config {
  int vocabulary = 32128;
  int d_model = 512;
  int d_kv = 64;  // per head; heads * d_kv need not be d_model
  int d_ff = 2048;
  int layers = 6;
  int decoder_layers = 6;
  int heads = 8;
  int buckets = 32;
  int max_distance = 128;
  bool gated = false;         // gelu_new(wi_0) * wi_1 (v1.1, LM-adapted, Flan) instead of relu(wi) (v1.0)
  bool tied = true;           // the head is the embedding
  bool scaled_output = true;  // decoder outputs times d_model^-0.5 before the head
  double eps = 1e-6;
  double dropout = 0.1;
  int pad = 0, eos = 1, start = 0;

  /// Throws Error for numbers that no T5 has; `origin` is named.
  void validate(const std::string& origin) const {
    auto positive = [&](int v, const char* name) {
      check(v > 0 && v <= 1 << 24, origin, ": ", name, " is ", v, "; a T5 has between 1 and 16,777,216");
    };
    positive(vocabulary, "vocab_size");
    positive(d_model, "d_model");
    positive(d_kv, "d_kv");
    positive(d_ff, "d_ff");
    positive(layers, "num_layers");
    positive(decoder_layers, "num_decoder_layers");
    positive(heads, "num_heads");
    check(layers <= 4096 && decoder_layers <= 4096, origin, ": more than 4,096 layers");
    check(double(heads) * d_kv <= 1 << 24, origin, ": num_heads times d_kv passes 16,777,216");
    check(buckets >= 4 && buckets <= 1 << 20 && max_distance > buckets / 2, origin, ": relative attention with ",
          buckets, " buckets up to distance ", max_distance, " has no meaning");
    auto token = [&](int id, const char* name) {
      check(id >= 0 && id < vocabulary, origin, ": ", name, " ", id, " is not below vocab_size ", vocabulary);
    };
    token(pad, "pad_token_id");
    token(eos, "eos_token_id");
    token(start, "decoder_start_token_id");
    check(eps > 0 && eps < 1, origin, ": layer_norm_epsilon is ", eps);
    check(dropout >= 0 && dropout < 1, origin, ": dropout_rate is ", dropout);
  }
};

}  // namespace anser
