#pragma once
#include <memory>
#include <string>
#include <vector>

#include "../ops/position.hpp"
#include "../tensor/recompute.hpp"
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
  /// each layer, as Hugging Face's output_hidden_states does but for its last entry. With `batch.checkpointing` a tape
  /// keeps what enters each block, and no more of it.
  Tensor<B> forward(const Context<B>& cx, Real<B> x, const Batch<B>& batch, const Batch<B>* source,
                    std::vector<LayerState<B>>* states, bool cached, std::vector<Real<B>>* hidden) const {
    const int queries = batch.tokens, past = cached ? (*states)[0].past.k.length() : 0;
    x = drop(cx, x, batch, place(0));
    const auto bias = relative_bias(cx, relative_attention_bias_, buckets_, queries, past + queries, past);
    const auto kept = batch.checkpointing && cx.tape && !cached ? keep(batch, source) : nullptr;
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      LayerState<B>* state = states ? &(*states)[i] : nullptr;
      if (hidden) hidden->push_back(x);
      x = kept ? checkpointed(cx, blocks_[i], x, bias, state, kept, batch.losses)
               : blocks_[i].forward(cx, x, bias, state, cached, batch, source);
    }
    return drop(cx, final_norm_.forward(cx, x), batch, place(0) + 1);
  }

 private:
  /// Sixteen places of dropout for the stack itself (0) and for each block.
  int place(int part) const { return 16 * part + (stack_ == Stack::encoder ? 0 : 1 << 24); }

  /// What blocks read that run once more, when the session may be gone.
  struct Kept {
    Batch<B> batch, source;
    std::vector<std::shared_ptr<const void>> plans;
  };
  static std::shared_ptr<const Kept> keep(const Batch<B>& batch, const Batch<B>* source) {
    auto kept = std::make_shared<Kept>();
    kept->batch = batch;
    if (source) kept->source = *source;
    if (batch.plans) kept->plans = *batch.plans;
    kept->batch.plans = kept->source.plans = batch.plans ? &kept->plans : nullptr;
    kept->source.trace = nullptr;
    kept->source.losses = nullptr;
    return kept;
  }

  /// A block that keeps its inputs alone. The trace is written in the first run; losses that routers add are results
  /// like x, so that their gradients come back too.
  static Real<B> checkpointed(const Context<B>& cx, const Block<B>& block, const Real<B>& x, const Real<B>& bias,
                              const LayerState<B>* state, const std::shared_ptr<const Kept>& kept, Losses<B>* losses) {
    const auto keys_values = state ? state->keys_values : std::vector<Real<B>>{};
    const auto y = recomputed(cx, [&block, x, bias, decoder = state != nullptr, keys_values, kept](const Context<B>& on,
                                                                                                   bool again) {
      Batch<B> batch = kept->batch;
      Losses<B> added;
      if (again) batch.trace = nullptr;
      if (batch.losses) batch.losses = &added;
      LayerState<B> own{{}, keys_values};
      std::vector<Real<B>> results{
          block.forward(on, x, bias, decoder ? &own : nullptr, false, batch, decoder ? &kept->source : nullptr)};
      check(added.deferred.empty(),
            "checkpointing: a router here defers a loss, whose gradient would go to tensors that are not kept; train "
            "without checkpointing");
      results.insert(results.end(), added.scalar.begin(), added.scalar.end());
      return results;
    });
    if (losses) losses->scalar.insert(losses->scalar.end(), y.begin() + 1, y.end());
    return y[0];
  }

  Real<B> relative_attention_bias_;
  std::vector<Block<B>> blocks_;
  RmsNorm<B> final_norm_;
  Buckets buckets_;
  Stack stack_;
};

}  // namespace anser
