#pragma once
#include "../ops/attention.hpp"
#include "../ops/cache.hpp"
#include "linear.hpp"

namespace anser {

/// Keys and values of the tokens so far.
template <Backend B>
struct KeyValueCache {
  TokenCache<B> k, v;
};

/// Multi-head attention of a sequence to itself. HF: SelfAttention.{q,k,v,o}.
template <Backend B>
struct SelfAttention {
  int heads = 0;
  int place = 0;  // of its probabilities' dropout
  LinearGroup<B> qkv, o;

  SelfAttention() = default;
  SelfAttention(B& device, int d_model, int heads_, int d_kv)
      : heads(heads_),
        qkv(device, d_model, {{"q", heads_ * d_kv}, {"k", heads_ * d_kv}, {"v", heads_ * d_kv}}),
        o(device, heads_ * d_kv, {{"o", d_model}}) {}
  static void visit(auto& self, auto&& f) {
    std::remove_cvref_t<decltype(self.qkv)>::visit(self.qkv, f);
    std::remove_cvref_t<decltype(self.o)>::visit(self.o, f);
  }

  /// x [examples * tokens, d_model] -> the same shape. With a cache: x is what comes next, and joins it.
  Real<B> forward(const Context<B>& cx, const Tensor<B>& x, const Real<B>& bias, bool causal, KeyValueCache<B>* cache,
                  const Batch<B>& batch) const {
    const auto y = qkv.forward(cx, x, batch);
    AttentionView<B> view{batch.examples,
                          heads,
                          x.rows() / batch.examples,
                          0,
                          bias,
                          batch.mask,
                          causal,
                          batch.dropout,
                          batch.random.fork(std::uint64_t(place))};
    Real<B> k = y[1], v = y[2];
    if (cache) {
      cache->k.append(cx, k, batch.examples);
      cache->v.append(cx, v, batch.examples);
      k = cache->k.rows();
      v = cache->v.rows();
      view.keys = cache->k.length();
      view.key_rows = cache->k.capacity();
      view.mask = {};
    }
    return o.forward(cx, attention(cx, y[0], k, v, view), batch)[0];
  }
};

/// Multi-head attention of the decoder to the encoder's output. HF: EncDecAttention.{q,k,v,o}.
template <Backend B>
struct CrossAttention {
  int heads = 0;
  int place = 0;  // of its probabilities' dropout
  LinearGroup<B> q, kv, o;

  CrossAttention() = default;
  CrossAttention(B& device, int d_model, int heads_, int d_kv)
      : heads(heads_),
        q(device, d_model, {{"q", heads_ * d_kv}}),
        kv(device, d_model, {{"k", heads_ * d_kv}, {"v", heads_ * d_kv}}),
        o(device, heads_ * d_kv, {{"o", d_model}}) {}
  static void visit(auto& self, auto&& f) {
    std::remove_cvref_t<decltype(self.q)>::visit(self.q, f);
    std::remove_cvref_t<decltype(self.kv)>::visit(self.kv, f);
    std::remove_cvref_t<decltype(self.o)>::visit(self.o, f);
  }

  /// Keys and values, once per input: encoder states [examples * source tokens, d_model].
  std::vector<Real<B>> remember(const Context<B>& cx, const Tensor<B>& encoded, const Batch<B>& source) const {
    return kv.forward(cx, encoded, source);
  }
  /// x [examples * tokens, d_model]; beams of one example count as its tokens, so keys are never copied for them.
  Real<B> forward(const Context<B>& cx, const Tensor<B>& x, const std::vector<Real<B>>& keys_values,
                  const Batch<B>& batch, const Batch<B>& source) const {
    const AttentionView<B> view{source.examples,
                                heads,
                                source.tokens,
                                0,
                                {},
                                source.mask,
                                false,
                                batch.dropout,
                                batch.random.fork(std::uint64_t(place))};
    const auto queries = q.forward(cx, x, batch)[0];
    return o.forward(cx, attention(cx, queries, keys_values[0], keys_values[1], view), batch)[0];
  }
};

}  // namespace anser
