#pragma once
#include <array>
#include <memory>

#include "../nn/attention.hpp"
#include "../nn/feed_forward.hpp"
#include "../nn/rms_norm.hpp"
#include "config.hpp"

namespace anser {

/// What one decoder layer keeps while decoding step by step.
template <Backend B>
struct LayerState {
  KeyValueCache<B> past;             // of the decoder's own tokens
  std::vector<Real<B>> keys_values;  // of the encoder's output
};

/// One residual block: self-attention, in the decoder cross-attention, feed-forward; each x + f(norm(x)).
template <Backend B>
class Block {
 public:
  /// `place`: the first of 16 numbers that are this block's own, for its dropout.
  Block(B& device, const T5Config& c, Stack stack, int place = 0)
      : self_norm_{Real<B>(device, {c.d_model}), c.eps},
        ff_norm_{Real<B>(device, {c.d_model}), c.eps},
        self_(device, c.d_model, c.heads, c.d_kv),
        ff_(device, c.d_model, c.d_ff, c.gated),
        decoder_(stack == Stack::decoder),
        place_(place) {
    self_.place = place + 3;
    ff_.place = place + 4;
    if (!decoder_) return;
    cross_norm_ = {Real<B>(device, {c.d_model}), c.eps};
    cross_ = CrossAttention<B>(device, c.d_model, c.heads, c.d_kv);
    cross_.place = place + 5;
  }

  static void visit(auto& self, auto&& f) {
    f("layer.0.SelfAttention", self.self_);
    f("layer.0.layer_norm", self.self_norm_);
    if (self.decoder_) {
      f("layer.1.EncDecAttention", self.cross_);
      f("layer.1.layer_norm", self.cross_norm_);
    }
    f(self.decoder_ ? "layer.2.DenseReluDense" : "layer.1.DenseReluDense", self.ff_);
    f(self.decoder_ ? "layer.2.layer_norm" : "layer.1.layer_norm", self.ff_norm_);
  }

  /// Calls f(path within the block, group, whose rows it reads) for each group of linears.
  template <class F>
  void each_group(F&& f) {
    const Stack own = decoder_ ? Stack::decoder : Stack::encoder;
    f("layer.0.SelfAttention", self_.qkv, own);
    f("layer.0.SelfAttention", self_.o, own);
    if (decoder_) {
      f("layer.1.EncDecAttention", cross_.q, own);
      f("layer.1.EncDecAttention", cross_.kv, Stack::encoder);
      f("layer.1.EncDecAttention", cross_.o, own);
    }
    f(decoder_ ? "layer.2.DenseReluDense" : "layer.1.DenseReluDense", ff_.wi, own);
    f(decoder_ ? "layer.2.DenseReluDense" : "layer.1.DenseReluDense", ff_.wo, own);
  }
  int sublayers() const { return decoder_ ? 3 : 2; }
  /// The experts after sub-layer n's output; an empty place means none.
  std::unique_ptr<SiteExperts<B>>& adapter(int n) { return adapter_[std::size_t(n)]; }

  /// The encoder's output as this layer's keys and values.
  std::vector<Real<B>> read(const Context<B>& cx, const Tensor<B>& encoded, const Batch<B>& source) const {
    return cross_.remember(cx, encoded, source);
  }

  /// x [examples * tokens, d_model] -> the same shape. `state` and `source`: decoder only.
  Real<B> forward(const Context<B>& cx, Real<B> x, const Real<B>& bias, LayerState<B>* state, bool cached,
                  const Batch<B>& batch, const Batch<B>* source) const {
    x = join(cx, x,
             self_.forward(cx, self_norm_.forward(cx, x), bias, decoder_, cached ? &state->past : nullptr, batch), 0,
             batch);
    if (decoder_)
      x = join(cx, x, cross_.forward(cx, cross_norm_.forward(cx, x), state->keys_values, batch, *source), 1, batch);
    return join(cx, x, ff_.forward(cx, ff_norm_.forward(cx, x), batch), sublayers() - 1, batch);
  }

 private:
  /// x + y, with the sub-layer's adapter heard, and dropout.
  Real<B> join(const Context<B>& cx, const Real<B>& x, Real<B> y, int sublayer, const Batch<B>& batch) const {
    if (const auto& experts = adapter_[std::size_t(sublayer)]) {
      const auto input = cast<typename B::element>(cx, y);
      const Host<B> host(input, y, [&](const Tensor<B>& u) { return cast<typename B::real>(cx, u); });
      return add(cx, x, drop(cx, experts->forward(cx, host, input, {}, batch), batch, place_ + sublayer));
    }
    add_residual(cx, x, y, batch.dropout, batch.random.fork(std::uint64_t(place_ + sublayer)));
    return y;
  }

  RmsNorm<B> self_norm_, cross_norm_, ff_norm_;
  SelfAttention<B> self_;
  CrossAttention<B> cross_;
  FeedForward<B> ff_;
  bool decoder_ = false;
  int place_ = 0;
  std::array<std::unique_ptr<SiteExperts<B>>, 3> adapter_;
};

}  // namespace anser
