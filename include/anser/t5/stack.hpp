#pragma once
#include <string>
#include <vector>

#include "../ops/position.hpp"
#include "block.hpp"

namespace anser {

/// The encoder or the decoder: blocks and a final norm. The bias table of layer 0 serves every layer.
template <Backend B>
class TransformerStack {
 public:
  TransformerStack(B& device, const T5Config& c, Stack stack)
      : relative_attention_bias_(device, {c.buckets, c.heads}),
        final_norm_{Real<B>(device, {c.d_model}), c.eps},
        buckets_{c.buckets, c.max_distance, stack == Stack::encoder},
        stack_(stack) {
    const int layers = stack == Stack::encoder ? c.layers : c.decoder_layers;
    blocks_.reserve(std::size_t(layers));
    for (int i = 0; i < layers; ++i) blocks_.emplace_back(device, c, stack, place(1 + i));
  }

  static void visit(auto& self, auto&& f) {
    f("block.0.layer.0.SelfAttention.relative_attention_bias.weight", self.relative_attention_bias_);
    for (std::size_t i = 0; i < self.blocks_.size(); ++i) f("block." + std::to_string(i), self.blocks_[i]);
    f("final_layer_norm", self.final_norm_);
  }
  std::vector<Block<B>>& blocks() { return blocks_; }
  const std::vector<Block<B>>& blocks() const { return blocks_; }

  /// x [examples * tokens, d_model] -> normed states, the next GEMM's input. Decoder: `states` holds each layer's keys
  /// and values (Block::read); with `cached`, x follows what they have seen. `hidden`, if given, collects what enters
  /// each layer, as Hugging Face's output_hidden_states does but for its last entry.
  Tensor<B> forward(const Context<B>& cx, Real<B> x, const Batch<B>& batch, const Batch<B>* source,
                    std::vector<LayerState<B>>* states, bool cached, std::vector<Real<B>>* hidden) const {
    const int queries = batch.tokens, past = cached ? (*states)[0].past.k.length() : 0;
    x = drop(cx, x, batch, place(0));
    const auto bias = relative_bias(cx, relative_attention_bias_, buckets_, queries, past + queries, past);
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      if (hidden) hidden->push_back(x);
      x = blocks_[i].forward(cx, x, bias, states ? &(*states)[i] : nullptr, cached, batch, source);
    }
    return drop(cx, final_norm_.forward(cx, x), batch, place(0) + 1);
  }

 private:
  /// Sixteen places of dropout for the stack itself (0) and for each block.
  int place(int part) const { return 16 * part + (stack_ == Stack::encoder ? 0 : 1 << 24); }

  Real<B> relative_attention_bias_;
  std::vector<Block<B>> blocks_;
  RmsNorm<B> final_norm_;
  Buckets buckets_;
  Stack stack_;
};

}  // namespace anser
