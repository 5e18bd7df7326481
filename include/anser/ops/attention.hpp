#pragma once
#include <cmath>
#include <limits>

#include "dropout.hpp"

namespace anser {
namespace kernel {

/// Scores of one query to probabilities, in place. A row is (example, head, query).
template <class R>
struct AttentionSoftmax {
  Matrix<R> p;  // [examples * heads * queries, keys]
  Matrix<const R> bias;
  Matrix<const std::int32_t> mask;
  int heads, queries, keys;
  bool causal;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const int i = r % queries, h = r / queries % heads, b = r / queries / heads;
    const int seen = causal ? i + keys - queries + 1 : keys;
    R* row = p[r];
    R top = -std::numeric_limits<R>::infinity(), s = 0;
    constexpr R hidden = -std::numeric_limits<R>::infinity();
    if (bias) {
      const R* shifted = bias[h] + (queries - 1 - i);
      ANSER_SIMD()
      for (int j = team.rank(); j < seen; j += team.size()) row[j] += shifted[j];
    }
    if (mask) {
      const std::int32_t* shown = mask[b];
      ANSER_SIMD()
      for (int j = team.rank(); j < seen; j += team.size()) row[j] = shown[j] ? row[j] : hidden;
    }
    ANSER_SIMD(reduction(max : top))
    for (int j = team.rank(); j < seen; j += team.size()) top = row[j] > top ? row[j] : top;
    top = team.max(top);
    if (top == hidden) {  // a query that sees nothing gives zeros; scores that are not numbers stay so
      for (int j = team.rank(); j < keys; j += team.size()) row[j] = j < seen && row[j] != hidden ? row[j] : R(0);
      return;
    }
    ANSER_SIMD(reduction(+ : s))
    for (int j = team.rank(); j < keys; j += team.size()) {
      const R e = simd::select(j < seen, simd::exp(row[j] - top), R(0));
      row[j] = e;
      s += e;
    }
    const R inverse = 1 / team.sum(s);
    ANSER_SIMD()
    for (int j = team.rank(); j < keys; j += team.size()) row[j] *= inverse;
  }
};

/// dp to dscore, in place.
template <class R>
struct AttentionSoftmaxBackward {
  Matrix<const R> p;
  Matrix<R> dp;
  int keys;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const R* weight = p[r];
    R* row = dp[r];
    R dot = 0;
    ANSER_SIMD(reduction(+ : dot))
    for (int j = team.rank(); j < keys; j += team.size()) dot += weight[j] * row[j];
    dot = team.sum(dot);
    ANSER_SIMD()
    for (int j = team.rank(); j < keys; j += team.size()) row[j] = weight[j] * (row[j] - dot);
  }
};

/// A row is (head, distance): the sum of dscore along a diagonal of every example.
template <class R>
struct AttentionBiasBackward {
  Matrix<const R> ds;
  Matrix<R> dbias;
  int examples, heads, queries, keys;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const int n = queries + keys - 1, h = r / n, c = r % n;
    R s = 0;
    for (int t = team.rank(); t < examples * queries; t += team.size()) {
      const int b = t / queries, i = t % queries, j = c + i - (queries - 1);
      if (j >= 0 && j < keys) s += ds[(std::ptrdiff_t(b) * heads + h) * queries + i][j];
    }
    s = team.sum(s);
    if (team.rank() == 0) dbias[h][c] += s;
  }
};

}  // namespace kernel

/// What attention sees besides q, k and v.
template <Backend B>
struct AttentionView {
  int examples = 1, heads = 1;
  int keys = 0;      // per example
  int key_rows = 0;  // rows of k and v from one example to the next; 0: keys
  Real<B> bias{};    // relative_bias, or undefined
  Index<B> mask{};   // [examples, keys], 0 hides a key; or undefined
  bool causal = false;
  float dropout = 0;  // of probabilities, by `random`
  Random random{};
};

/// T5's attention, not divided by sqrt(d_kv): q [examples * queries, heads * width], k and v [examples * key_rows,
/// same]
/// -> the next GEMM's input, shaped as q. A query that sees no key gives zeros.
template <Backend B>
Tensor<B> attention(const Context<B>& cx, const Real<B>& q, const Real<B>& k, const Real<B>& v,
                    const AttentionView<B>& a) {
  using R = typename B::real;
  using E = typename B::element;
  const int examples = a.examples, heads = a.heads, keys = a.keys, key_rows = a.key_rows ? a.key_rows : a.keys;
  check(examples > 0 && heads > 0, "attention: ", examples, " examples and ", heads, " heads; at least 1 of each");
  const int queries = q.rows() / examples, width = q.cols() / heads;
  check(q.rows() == examples * queries && q.cols() == heads * width && k.cols() == q.cols() && v.cols() == q.cols() &&
            k.rows() >= (examples - 1) * key_rows + keys && v.rows() >= (examples - 1) * key_rows + keys,
        "attention: q ", q.shape(), ", k ", k.shape(), ", v ", v.shape(), " for ", examples, " examples, ", heads,
        " heads and ", keys, " keys");
  check(!a.bias || (a.bias.rows() == heads && a.bias.cols() == queries + keys - 1), "attention: the bias ",
        a.bias.shape(), " is not [", heads, ", ", queries + keys - 1, "]");
  const auto bias = a.bias ? Matrix<const R>(a.bias.matrix()) : Matrix<const R>{};
  const auto mask =
      a.mask ? Matrix<const std::int32_t>(a.mask.as({examples, keys}).matrix()) : Matrix<const std::int32_t>{};

  if (!cx.tape && a.dropout == 0) {
    if constexpr (requires(B & d, const Attention<R, E>& request) { d.attend(request); }) {
      Tensor<B> out(cx.device, q.shape());
      cx.device.attend(Attention<R, E>{q.matrix(), k.matrix(), v.matrix(), out.matrix(), examples, heads, queries, keys,
                                       width, key_rows, bias, mask, a.causal});
      return out;
    }
  }

  // scores and probabilities [examples, heads, queries, keys]
  Real<B> p(cx.device, {examples * heads * queries, keys});
  auto out = cx.result(q.shape(), q, k, v, a.bias);
  const std::ptrdiff_t block = std::ptrdiff_t(queries) * keys;
  const Stride examples_qk{examples, queries * q.stride(), key_rows * k.stride(), heads * block};
  const Stride heads_qk{heads, width, width, block};
  cx.device.gemm(
      Gemm<R, R>{q.matrix(), k.matrix(), p.matrix(), queries, keys, width, false, true, 1, 0, examples_qk, heads_qk});
  run(cx.device, p.rows(), std::size_t(keys),
      kernel::AttentionSoftmax<R>{p.matrix(), bias, mask, heads, queries, keys, a.causal});
  // Dropped probabilities are made again for the gradient: they would be as much memory once more.
  const DropoutMask<R> drop(a.dropout, keys, a.random);
  const bool drops = a.dropout > 0;
  auto heard = [p, drop, drops] {
    if (!drops) return p;
    Real<B> kept(p.device(), p.shape());
    run(p.device(), p.rows(), 4 * std::size_t(p.cols()),
        kernel::Dropout<R, R, R, false>{p.matrix(), kept.matrix(), p.cols(), drop});
    return kept;
  };
  const auto weight = heard();
  const Stride examples_pv{examples, heads * block, key_rows * v.stride(), queries * out.stride()};
  const Stride heads_pv{heads, block, width, width};
  cx.device.gemm(Gemm<R, R>{weight.matrix(), v.matrix(), out.matrix(), queries, width, keys, false, false, 1, 0,
                            examples_pv, heads_pv});

  cx.remember(out, [=, bias_tensor = a.bias] {
    B& device = out.device();
    Real<B> ds(device, p.shape());
    device.gemm(Gemm<R, R>{out.grad_matrix(),
                           v.matrix(),
                           ds.matrix(),
                           queries,
                           keys,
                           width,
                           false,
                           true,
                           1,
                           0,
                           {examples, queries * out.stride(), key_rows * v.stride(), heads * block},
                           {heads, width, width, block}});
    if (drops)
      run(device, p.rows(), 4 * std::size_t(keys),
          kernel::Dropout<R, R, R, false>{ds.matrix(), ds.matrix(), keys, drop});
    if (v.needs_grad())
      device.gemm(Gemm<R, R>{heard().matrix(),
                             out.grad_matrix(),
                             v.grad_matrix(),
                             keys,
                             width,
                             queries,
                             true,
                             false,
                             1,
                             1,
                             {examples, heads * block, queries * out.stride(), key_rows * v.stride()},
                             {heads, block, width, width}});
    run(device, p.rows(), std::size_t(keys), kernel::AttentionSoftmaxBackward<R>{p.matrix(), ds.matrix(), keys});
    if (bias_tensor.needs_grad())
      run(device, heads * (queries + keys - 1), std::size_t(examples * queries),
          kernel::AttentionBiasBackward<R>{ds.matrix(), bias_tensor.grad_matrix(), examples, heads, queries, keys});
    if (q.needs_grad())
      device.gemm(Gemm<R, R>{ds.matrix(),
                             k.matrix(),
                             q.grad_matrix(),
                             queries,
                             width,
                             keys,
                             false,
                             false,
                             1,
                             1,
                             {examples, heads * block, key_rows * k.stride(), queries * q.stride()},
                             {heads, block, width, width}});
    if (k.needs_grad())
      device.gemm(Gemm<R, R>{ds.matrix(),
                             q.matrix(),
                             k.grad_matrix(),
                             keys,
                             width,
                             queries,
                             true,
                             false,
                             1,
                             1,
                             {examples, heads * block, queries * q.stride(), key_rows * k.stride()},
                             {heads, block, width, width}});
  });
  return cast<E>(cx, out);
}

}  // namespace anser
