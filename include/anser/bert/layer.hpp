#pragma once
#include <cmath>

#include "../nn/linear.hpp"
#include "../ops/activation.hpp"
#include "../ops/attention.hpp"
#include "config.hpp"

namespace anser {

/// LayerNorm with weight and bias. HF: LayerNorm.
template <Backend B>
struct BertNorm {
  Real<B> weight, bias;  // [d_model]
  double eps = 1e-12;

  BertNorm() = default;
  BertNorm(B& device, const BertConfig& c) : weight(device, {c.d_model}), bias(device, {c.d_model}), eps(c.eps) {}
  static void visit(auto& self, auto&& f) {
    f("weight", self.weight);
    f("bias", self.bias);
  }
  /// x [rows, d_model] -> the same shape.
  Real<B> forward(const Context<B>& cx, const Real<B>& x) const { return layer_norm(cx, x, weight, bias, eps); }
};

/// Linears that read the same input, each with a bias.
template <Backend B>
struct BertLinears {
  LinearGroup<B> products;
  std::vector<Real<B>> biases;

  BertLinears() = default;
  BertLinears(B& device, int in, std::initializer_list<std::pair<const char*, int>> outs) : products(device, in, outs) {
    for (const auto& out : outs) biases.emplace_back(device, Shape{out.second});
  }
  static void visit(auto& self, auto&& f) {
    LinearGroup<B>::visit(self.products, f);
    for (std::size_t i = 0; i < self.biases.size(); ++i) f(self.products.members()[i].name + ".bias", self.biases[i]);
  }
  /// x [rows, in] -> [rows, out_i] each.
  std::vector<Real<B>> forward(const Context<B>& cx, const Tensor<B>& x, const Batch<B>& batch) const {
    auto y = products.forward(cx, x, batch);
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = add_bias(cx, y[i], biases[i]);
    return y;
  }
};

/// One layer of BERT (Devlin et al. 2019): self-attention and feed-forward, the norm behind each sum.
template <Backend B>
struct BertLayer {
  int heads = 0;
  BertLinears<B> qkv, o, wi, wo;
  BertNorm<B> attention_norm, output_norm;

  BertLayer() = default;
  BertLayer(B& device, const BertConfig& c)
      : heads(c.heads),
        qkv(device, c.d_model, {{"query", c.d_model}, {"key", c.d_model}, {"value", c.d_model}}),
        o(device, c.d_model, {{"dense", c.d_model}}),
        wi(device, c.d_model, {{"dense", c.d_ff}}),
        wo(device, c.d_ff, {{"dense", c.d_model}}),
        attention_norm(device, c),
        output_norm(device, c) {}
  static void visit(auto& self, auto&& f) {
    f("attention.self", self.qkv);
    f("attention.output", self.o);
    f("attention.output.LayerNorm", self.attention_norm);
    f("intermediate", self.wi);
    f("output", self.wo);
    f("output.LayerNorm", self.output_norm);
  }

  /// x [examples * tokens, d_model] -> the same shape.
  Real<B> forward(const Context<B>& cx, const Real<B>& x, const Batch<B>& batch) const {
    using E = typename B::element;
    const auto y = qkv.forward(cx, cast<E>(cx, x), batch);
    const auto queries = scale(cx, y[0], 1 / std::sqrt(double(x.cols() / heads)));
    const AttentionView<B> view{batch.examples, heads, batch.tokens, 0, {}, batch.mask};
    const auto heard = o.forward(cx, attention(cx, queries, y[1], y[2], view), batch)[0];
    const auto h = attention_norm.forward(cx, add(cx, heard, x));
    const auto wide = gelu(cx, wi.forward(cx, cast<E>(cx, h), batch)[0]);
    return output_norm.forward(cx, add(cx, wo.forward(cx, wide, batch)[0], h));
  }
};

}  // namespace anser
