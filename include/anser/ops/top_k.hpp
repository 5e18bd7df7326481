#pragma once
#include <cmath>
#include <limits>

#include "../core/simd.hpp"
#include "../tensor/context.hpp"

namespace anser {
namespace kernel {

/// How a raw score becomes a logit: (score - mean * row_sum[e]) * inverse * scale. Null pointers leave their part out.
template <class R>
struct ScoreScale {
  Matrix<const R> statistics;  // [rows, 2]: mean, 1 / std
  const R* row_sum = nullptr;  // [candidates]
  R scale = 1;
  ANSER_HD R operator()(R score, int row, int e) const {
    if (!statistics) return score * scale;
    if (row_sum) score -= statistics[row][0] * row_sum[e];
    return score * statistics[row][1] * scale;
  }
};

/// Softmax over all candidates, the k largest kept (equal logits: the lower index), divided by (their sum + eps).
/// Written in descending order.
template <class R>
struct TopK {
  Matrix<const R> scores;
  ScoreScale<R> logit;
  const std::int32_t* candidate;  // the expert of each column, or null
  std::int32_t* expert;           // [rows, k]
  R* weight;                      // [rows, k]
  int n, k;
  R eps;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    constexpr R lowest = -std::numeric_limits<R>::infinity();
    R top = lowest, s = 0;
    for (int j = team.rank(); j < n; j += team.size()) top = std::fmax(top, logit(scores[r][j], r, j));
    top = team.max(top);
    for (int j = team.rank(); j < n; j += team.size()) s += std::exp(logit(scores[r][j], r, j) - top);
    s = team.sum(s);
    R last = std::numeric_limits<R>::infinity(), kept = 0;
    int last_index = -1;
    for (int i = 0; i < k; ++i) {
      R best = lowest;
      int index = n;
      for (int j = team.rank(); j < n; j += team.size()) {
        const R v = logit(scores[r][j], r, j);
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
    constexpr R lowest = -std::numeric_limits<R>::infinity();
    constexpr int block = 64;
    const R* row = scores[r];
    std::int32_t* index = expert + std::ptrdiff_t(r) * k;
    R* best = weight + std::ptrdiff_t(r) * k;  // logits first, weights in the end
    int found = 0;
    for (int i = 0; i < k; ++i) {  // scores that are not numbers still name an expert
      index[i] = n - 1;
      best[i] = lowest;
    }
    R logits[block];
    auto fill = [&](int begin, int count) {
      ANSER_SIMD()
      for (int j = 0; j < count; ++j) logits[j] = logit(row[begin + j], r, begin + j);
    };
    for (int begin = 0; begin < n; begin += block) {
      const int count = n - begin < block ? n - begin : block;
      R top = lowest;
      fill(begin, count);
      ANSER_SIMD(reduction(max : top))
      for (int j = 0; j < count; ++j) top = logits[j] > top ? logits[j] : top;
      if (found == k && !(top > best[k - 1])) continue;
      for (int j = 0; j < count; ++j) {
        const R v = logits[j];
        if (v != v || (found == k && !(v > best[k - 1]))) continue;
        found += found < k;
        int at = found - 1;
        for (; at > 0 && v > best[at - 1]; --at) {
          best[at] = best[at - 1];
          index[at] = index[at - 1];
        }
        best[at] = v;
        index[at] = begin + j;
      }
    }
    const R top = best[0];
    R sum = 0, kept = 0;
    for (int begin = 0; begin < n; begin += block) {
      const int count = n - begin < block ? n - begin : block;
      fill(begin, count);
      ANSER_SIMD(reduction(+ : sum))
      for (int j = 0; j < count; ++j) sum += simd::exp(logits[j] - top);
    }
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
  Matrix<const R> scores;
  ScoreScale<R> logit;
  const std::int32_t* column;  // [rows, k] the columns kept
  const R* dweight;            // [rows, k]
  Matrix<R> dscores;
  int n, k;
  R eps;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    R top = -std::numeric_limits<R>::infinity(), s = 0;
    for (int j = team.rank(); j < n; j += team.size()) top = std::fmax(top, logit(scores[r][j], r, j));
    top = team.max(top);
    for (int j = team.rank(); j < n; j += team.size()) s += std::exp(logit(scores[r][j], r, j) - top);
    s = team.sum(s);
    const std::int32_t* kept = column + std::ptrdiff_t(r) * k;
    const R* dw = dweight + std::ptrdiff_t(r) * k;
    R sum = eps, dot = 0;
    for (int i = 0; i < k; ++i) {
      const R p = std::exp(logit(scores[r][kept[i]], r, kept[i]) - top) / s;
      sum += p;
      dot += dw[i] * p;
    }
    // dp_i = dw_i / sum - dot / sum^2 for the kept, 0 for the others; then softmax's own: p_j (dp_j - sum_i p_i dp_i)
    const R mean = dot / sum - dot / (sum * sum) * (sum - eps);
    for (int j = team.rank(); j < n; j += team.size()) {
      R dp = 0;
      for (int i = 0; i < k; ++i)
        if (kept[i] == j) dp += dw[i] / sum - dot / (sum * sum);
      const R p = std::exp(logit(scores[r][j], r, j) - top) / s;
      const R slope = logit(R(1), r, j) - logit(R(0), r, j);
      dscores[r][j] += p * (dp - mean) * slope;
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
  const kernel::ScoreScale<R> logit{o.statistics ? Matrix<const R>(o.statistics.matrix()) : Matrix<const R>{},
                                    o.row_sum ? o.row_sum.data() : nullptr, R(o.scale)};
  const bool learns = y.weight.needs_grad();
  // The gradient needs columns; the caller wants experts. They differ only where candidates are named.
  Index<B> column = learns && o.candidate ? Index<B>(cx.device, {rows, k}) : y.expert;
  const std::size_t work = std::size_t(n) * std::size_t(k);
  if (column.data() != y.expert.data())
    run(cx.device, rows, work,
        kernel::TopK<R>{scores.matrix(), logit, nullptr, column.data(), y.weight.data(), n, k, R(o.eps)});
  run(cx.device, rows, work,
      kernel::TopK<R>{scores.matrix(), logit, o.candidate ? o.candidate.data() : nullptr, y.expert.data(),
                      y.weight.data(), n, k, R(o.eps)});
  cx.remember(y.weight, [scores, column, weight = y.weight, o, logit, n, k, work] {
    run(weight.device(), scores.rows(), work,
        kernel::TopKBackward<R>{scores.matrix(), logit, column.data(), weight.grad(), scores.grad_matrix(), n, k,
                                R(o.eps)});
  });
  return y;
}

}  // namespace anser
