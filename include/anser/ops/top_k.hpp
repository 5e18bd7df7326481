#pragma once
#include <cmath>
#include <limits>

#include "../core/simd.hpp"
#include "../tensor/context.hpp"

namespace anser {
namespace kernel {

/// One row's logits.
template <class R>
struct Logits {
  const R* score;
  const R* row_sum;  // or null
  R mean, factor;
  ANSER_HD R operator()(int e) const { return (row_sum ? score[e] - mean * row_sum[e] : score[e]) * factor; }
};

/// How raw scores become logits: (score - mean * row_sum[e]) / std * scale. Null pointers leave their part out.
template <class R>
struct ScoreScale {
  Matrix<const R> scores;
  Matrix<const R> statistics;  // [rows, 2]: mean, 1 / std
  const R* row_sum = nullptr;  // [candidates]
  R scale = 1;
  ANSER_HD Logits<R> row(int r) const {
    if (!statistics) return {scores[r], nullptr, R(0), scale};
    return {scores[r], row_sum, statistics[r][0], statistics[r][1] * scale};
  }
};

/// Softmax over all candidates, the k largest kept (equal logits: the lower index), divided by (their sum + eps).
/// Written in descending order.
template <class R>
struct TopK {
  ScoreScale<R> scale;
  const std::int32_t* candidate;  // the expert of each column, or null
  std::int32_t* expert;           // [rows, k]
  R* weight;                      // [rows, k]
  int n, k;
  R eps;

  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    constexpr R lowest = -std::numeric_limits<R>::infinity();
    const auto logit = scale.row(r);
    R top = lowest, s = 0;
    for (int j = team.rank(); j < n; j += team.size()) top = std::fmax(top, logit(j));
    top = team.max(top);
    for (int j = team.rank(); j < n; j += team.size()) s += std::exp(logit(j) - top);
    s = team.sum(s);
    R last = std::numeric_limits<R>::infinity(), kept = 0;
    int last_index = -1;
    for (int i = 0; i < k; ++i) {
      R best = lowest;
      int index = n;
      for (int j = team.rank(); j < n; j += team.size()) {
        const R v = logit(j);
        const bool taken = v > last || (v == last && j <= last_index);
        if (!taken && (v > best || index == n)) {
          best = v;
          index = j;
        }
      }
      last = team.max(best);
      last_index = -team.max(index < n && best == last ? -index : -n);
      const R p = std::exp(last - top) / s;
      kept += p;
      if (team.rank() == 0) {
        const int e = last_index < n ? last_index : n - 1;  // scores that are not numbers still name an expert
        expert[std::ptrdiff_t(r) * k + i] = candidate ? candidate[e] : e;
        weight[std::ptrdiff_t(r) * k + i] = p;
      }
    }
    if (team.rank() == 0)
      for (int i = 0; i < k; ++i) weight[std::ptrdiff_t(r) * k + i] /= kept + eps;
  }
  /// One pass that keeps the k largest, one for the softmax's sum. Blocks with nothing large enough are skipped whole.
  void operator()(Solo, int r) const {
    const Logits<R> l = scale.row(r);
    for (int j = 0; j < n; j += 16) __builtin_prefetch(scale.scores[r + 1] + j);  // rows lie far apart
    if (l.row_sum)  // a choice within the loops would keep them from being vectorised
      choose(r, [l](int e) { return (l.score[e] - l.mean * l.row_sum[e]) * l.factor; });
    else
      choose(r, [l](int e) { return l.score[e] * l.factor; });
  }

 private:
  template <class F>
  void choose(int r, F logit) const {
    constexpr R lowest = -std::numeric_limits<R>::infinity();
    constexpr int block = 16;
    std::int32_t* index = expert + std::ptrdiff_t(r) * k;
    R* best = weight + std::ptrdiff_t(r) * k;  // logits first, weights in the end
    int found = 0;
    for (int i = 0; i < k; ++i) {  // scores that are not numbers still name an expert
      index[i] = n - 1;
      best[i] = lowest;
    }
    auto keep = [&](R v, int j) {
      if (v != v || (found == k && !(v > best[k - 1]))) return;
      found += found < k;
      int at = found - 1;
      for (; at > 0 && v > best[at - 1]; --at) {
        best[at] = best[at - 1];
        index[at] = index[at - 1];
      }
      best[at] = v;
      index[at] = j;
    };
    int j = 0;
    for (; j + block <= n; j += block) {
      R v[block], top = lowest;
      ANSER_SIMD()
      for (int i = 0; i < block; ++i) v[i] = logit(j + i);
      ANSER_SIMD(reduction(max : top))
      for (int i = 0; i < block; ++i) top = v[i] > top ? v[i] : top;
      if (found == k && !(top > best[k - 1])) continue;
      for (int i = 0; i < block; ++i) keep(v[i], j + i);
    }
    for (; j < n; ++j) keep(logit(j), j);
    const R top = best[0];
    R sum = 0, kept = 0;
    ANSER_SIMD(reduction(+ : sum))
    for (int e = 0; e < n; ++e) sum += simd::exp(logit(e) - top);
    for (int i = 0; i < k; ++i) kept += best[i] = simd::exp(best[i] - top) / sum;
    for (int i = 0; i < k; ++i) {
      best[i] /= kept + eps;
      if (candidate) index[i] = candidate[index[i]];
    }
  }
};

/// Through the division, the selection and the softmax over all candidates.
template <class R>
struct TopKBackward {
  ScoreScale<R> scale;
  const std::int32_t* column;  // [rows, k] the columns kept
  const R* dweight;            // [rows, k]
  Matrix<R> dscores;
  int n, k;
  R eps;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const auto logit = scale.row(r);
    R top = -std::numeric_limits<R>::infinity(), s = 0;
    for (int j = team.rank(); j < n; j += team.size()) top = std::fmax(top, logit(j));
    top = team.max(top);
    for (int j = team.rank(); j < n; j += team.size()) s += std::exp(logit(j) - top);
    s = team.sum(s);
    const std::int32_t* kept = column + std::ptrdiff_t(r) * k;
    const R* dw = dweight + std::ptrdiff_t(r) * k;
    R sum = eps, dot = 0;
    for (int i = 0; i < k; ++i) {
      const R p = std::exp(logit(kept[i]) - top) / s;
      sum += p;
      dot += dw[i] * p;
    }
    // dp_i = dw_i / sum - dot / sum^2 for the kept, 0 for the others; then softmax's own: p_j (dp_j - sum_i p_i dp_i)
    const R mean = dot / sum - dot / (sum * sum) * (sum - eps);
    for (int j = team.rank(); j < n; j += team.size()) {
      R dp = 0;
      for (int i = 0; i < k; ++i)
        if (kept[i] == j) dp += dw[i] / sum - dot / (sum * sum);
      const R p = std::exp(logit(j) - top) / s;
      dscores[r][j] += p * (dp - mean) * logit.factor;
    }
  }
};

}  // namespace kernel

/// The chosen experts of each row and their weights, largest first.
template <Backend B>
struct TopKResult {
  Index<B> expert;  // [rows, k]
  Real<B> weight;   // [rows, k]
};

/// What top_k may be told besides the scores.
template <Backend B>
struct TopKOptions {
  int k = 2;
  double scale = 1;      // of the logits
  double eps = 1e-6;     // beside the sum of the kept weights (PHATGOOSE's)
  Real<B> statistics{};  // [rows, 2]: scores were taken on raw rows, standardise them after the fact
  Real<B> row_sum{};     // [candidates]: sums of the score rows, where rounding keeps them from being 0
  Index<B> candidate{};  // [candidates]: the experts that the columns stand for; undefined: 0, 1, 2, ...
};

/// Sparse routing weights: softmax over the columns of scores [rows, candidates], the k largest kept and divided by
/// (their sum + eps). k above the candidates means all of them. Gradients go to the scores, not to the statistics.
template <Backend B>
TopKResult<B> top_k(const Context<B>& cx, const Real<B>& scores, const TopKOptions<B>& o) {
  using R = typename B::real;
  const int n = scores.cols(), k = o.k < n ? o.k : n, rows = scores.rows();
  check(n >= 1, "top-k: nobody to choose from; leave out sites without experts");
  check(k >= 1, "top-k: k is ", o.k, "; at least one expert must be heard");
  TopKResult<B> y{Index<B>(cx.device, {rows, k}), cx.result({rows, k}, scores)};
  const kernel::ScoreScale<R> scale{scores.matrix(),
                                    o.statistics ? Matrix<const R>(o.statistics.matrix()) : Matrix<const R>{},
                                    o.row_sum ? o.row_sum.data() : nullptr, R(o.scale)};
  const bool learns = y.weight.needs_grad();
  // The gradient needs columns; the caller wants experts. They differ only where candidates are named.
  Index<B> column = learns && o.candidate ? Index<B>(cx.device, {rows, k}) : y.expert;
  const std::size_t work = std::size_t(n) * std::size_t(k);
  if (column.data() != y.expert.data())
    run(cx.device, rows, work, kernel::TopK<R>{scale, nullptr, column.data(), y.weight.data(), n, k, R(o.eps)});
  run(cx.device, rows, work,
      kernel::TopK<R>{scale, o.candidate ? o.candidate.data() : nullptr, y.expert.data(), y.weight.data(), n, k,
                      R(o.eps)});
  cx.remember(y.weight, [scores, column, weight = y.weight, o, scale, n, k, work] {
    run(weight.device(), scores.rows(), work,
        kernel::TopKBackward<R>{scale, column.data(), weight.grad(), scores.grad_matrix(), n, k, R(o.eps)});
  });
  return y;
}

}  // namespace anser
