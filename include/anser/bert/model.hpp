#pragma once
#include <string>
#include <vector>

#include "../nn/embedding.hpp"
#include "../nn/tokens.hpp"
#include "../ops/mean.hpp"
#include "../tensor/stored.hpp"
#include "layer.hpp"

namespace anser {

/// A BERT encoder, without pooler and heads. Instantiated once per backend.
template <Backend B>
class BertModel {
 public:
  /// Weights are declared, and come with load.
  BertModel(B& device, const BertConfig& config);
  BertModel(const BertModel&) = delete;
  BertModel& operator=(const BertModel&) = delete;

  static void visit(auto& self, auto&& f) {
    f("embeddings.word_embeddings", self.words_);
    f("embeddings.position_embeddings", self.positions_);
    f("embeddings.token_type_embeddings", self.types_);
    f("embeddings.LayerNorm", self.norm_);
    for (std::size_t i = 0; i < self.layers_.size(); ++i) f("encoder.layer." + std::to_string(i), self.layers_[i]);
  }

  const BertConfig& config() const { return config_; }
  B& device() const { return *device_; }

  /// Take the weights from a source of tensors under Hugging Face's names, with or without "bert." before them. Throws
  /// Error for what is missing or misshapen; what is no part of an encoder is passed over.
  void load(const Source& source);
  /// Freeze for inference: weights into the form that GEMM likes best.
  void pack();

  /// The states of all tokens, [examples * tokens, d_model]. Throws Error for ids outside the vocabulary and for texts
  /// longer than the positions.
  Real<B> encode(const Context<B>& cx, const Tokens& input) const;
  /// One vector of length 1 per text, [examples, d_model]: the mean of its tokens' states, divided by its length
  /// (Reimers and Gurevych 2019); `unit` false leaves the division out.
  Real<B> embed(const Context<B>& cx, const Tokens& input, bool unit = true) const;

 private:
  void check_tokens(const Tokens& t) const;
  Index<B> mask_of(const Tokens& t) const {
    return t.mask.empty() ? Index<B>{} : Index<B>(*device_, {t.examples, t.tokens}, t.mask);
  }

  BertConfig config_;
  B* device_;
  Embedding<B> words_, positions_, types_;
  BertNorm<B> norm_;
  std::vector<BertLayer<B>> layers_;
};

template <Backend B>
BertModel<B>::BertModel(B& device, const BertConfig& c)
    : config_(c),
      device_(&device),
      words_{Tensor<B>(device, {c.vocabulary, c.d_model})},
      positions_{Tensor<B>(device, {c.positions, c.d_model})},
      types_{Tensor<B>(device, {c.types, c.d_model})},
      norm_(device, c) {
  for (int i = 0; i < c.layers; ++i) layers_.emplace_back(device, c);
}

template <Backend B>
void BertModel<B>::load(const Source& source) {
  const std::string prefix = source.find("bert.embeddings.word_embeddings.weight") ? "bert." : "";
  walk(*this, [&](const std::string& name, auto& tensor) {
    const auto found = source.get(prefix + name, tensor.shape());
    check(is_real(found.dtype), found.origin, " holds ", name_of(found.dtype), "; a weight is F32, F16, BF16 or F64");
    tensor.bind(found);
  });
}

template <Backend B>
void BertModel<B>::pack() {
  for (auto& layer : layers_)
    for (auto* linears : {&layer.qkv, &layer.o, &layer.wi, &layer.wo}) linears->products.pack();
}

template <Backend B>
Real<B> BertModel<B>::encode(const Context<B>& cx, const Tokens& input) const {
  check_tokens(input);
  Batch<B> batch;
  batch.examples = input.examples;
  batch.tokens = input.tokens;
  batch.mask = mask_of(input);
  std::vector<std::int32_t> places(input.ids.size());
  for (std::size_t i = 0; i < places.size(); ++i) places[i] = std::int32_t(i % std::size_t(input.tokens));
  const Shape shape{input.examples, input.tokens};
  const Index<B> ids(*device_, shape, input.ids), place(*device_, shape, places),
      type(*device_, shape, std::vector<std::int32_t>(places.size()));
  auto x = add(cx, add(cx, words_.forward(cx, ids), types_.forward(cx, type)), positions_.forward(cx, place));
  x = norm_.forward(cx, x);
  for (const auto& layer : layers_) x = layer.forward(cx, x, batch);
  return x;
}

template <Backend B>
Real<B> BertModel<B>::embed(const Context<B>& cx, const Tokens& input, bool unit) const {
  const auto states = encode(cx, input);
  const auto mean = mean_rows(cx, states, input.examples, mask_of(input));
  return unit ? unit_rows(cx, mean) : mean;
}

template <Backend B>
void BertModel<B>::check_tokens(const Tokens& t) const {
  check(t.examples > 0 && t.tokens > 0, "BERT: no tokens");
  const std::size_t n = std::size_t(t.examples) * std::size_t(t.tokens);
  check(t.ids.size() == n && (t.mask.empty() || t.mask.size() == n), "BERT: ids and mask do not fill ", t.examples,
        " x ", t.tokens);
  check(t.tokens <= config_.positions, "BERT: ", t.tokens, " tokens, and the model has ", config_.positions,
        " positions");
  for (std::size_t i = 0; i < n; ++i)
    check(t.ids[i] >= 0 && t.ids[i] < config_.vocabulary, "BERT: the id ", t.ids[i], " is not among the model's, 0 to ",
          config_.vocabulary - 1);
}

}  // namespace anser
