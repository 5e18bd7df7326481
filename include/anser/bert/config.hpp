#pragma once
#include "../core/error.hpp"

namespace anser {

/// The numbers of a BERT, as config.json gives them.
struct BertConfig {
  int vocabulary = 30522;
  int d_model = 384;
  int d_ff = 1536;
  int layers = 6;
  int heads = 12;
  int positions = 512;  // ids of a text, at most
  int types = 2;        // kinds of segments; a single text is of the first
  double eps = 1e-12;

  int d_kv() const { return d_model / heads; }

  /// Throws Error for numbers that no BERT has; `origin` is named.
  void validate(const std::string& origin) const {
    auto positive = [&](int v, const char* name, int most = 1 << 24) {
      check(v > 0 && v <= most, origin, ": ", name, " is ", v, "; a BERT has between 1 and ", most);
    };
    positive(vocabulary, "vocab_size");
    positive(d_model, "hidden_size", 1 << 20);
    positive(d_ff, "intermediate_size", 1 << 20);
    positive(layers, "num_hidden_layers", 4096);
    positive(heads, "num_attention_heads");
    positive(positions, "max_position_embeddings");
    positive(types, "type_vocab_size");
    check(positions >= 2, origin, ": max_position_embeddings is 1, and [CLS] and [SEP] need 2");
    check(d_model % heads == 0, origin, ": hidden_size ", d_model, " is not a multiple of num_attention_heads ", heads);
    check(eps > 0 && eps < 1, origin, ": layer_norm_eps is ", eps);
  }
};

}  // namespace anser
