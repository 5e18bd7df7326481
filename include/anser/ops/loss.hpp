#pragma once
#include <cmath>
#include <limits>

#include "../core/simd.hpp"
#include "../tensor/context.hpp"

namespace anser {
namespace kernel {

/// loss = -(1 - smoothing) log p(label) - smoothing mean_j log p(j); 0 where the label is negative.
template <class R>
struct CrossEntropy {
  Matrix<const R> logits;
  const std::int32_t* label;
  R* loss;
  R* log_sum;  // [rows], kept for the gradient
  int n;
  R smoothing;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const R* row = logits[r];
    R top = -std::numeric_limits<R>::infinity(), s = 0, total = 0;
    ANSER_SIMD(reduction(max : top))
    for (int j = team.rank(); j < n; j += team.size()) top = row[j] > top ? row[j] : top;
    top = team.max(top);
    ANSER_SIMD(reduction(+ : s, total))
    for (int j = team.rank(); j < n; j += team.size()) {
      s += simd::exp(row[j] - top);
      total += row[j];
    }
    s = team.sum(s);
    total = team.sum(total);
    if (team.rank() != 0) return;
    log_sum[r] = top + std::log(s);
    loss[r] = label[r] < 0 ? R(0) : log_sum[r] - (1 - smoothing) * row[label[r]] - smoothing * total / R(n);
  }
};

template <class R>
struct CrossEntropyBackward {
  Matrix<const R> logits;
  const std::int32_t* label;
  const R* log_sum;
  const R* dloss;
  Matrix<R> dlogits;
  int n;
  R smoothing;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    if (label[r] < 0) return;
    const std::int32_t kept = label[r];
    const R* row = logits[r];
    R* to = dlogits[r];
    const R slope = dloss[r], log = log_sum[r], spread = smoothing / R(n), own = 1 - smoothing;
    ANSER_SIMD()
    for (int j = team.rank(); j < n; j += team.size()) {
      const R target = (j == kept ? own : R(0)) + spread;
      to[j] += slope * (simd::exp(row[j] - log) - target);
    }
  }
};

}  // namespace kernel

/// Cross-entropy of each row: logits [rows, vocabulary], labels [rows] (negative: ignored, loss 0) -> [rows].
/// Negated it is the token's log-likelihood. Labels must be below the vocabulary's size; the caller has checked.
template <Backend B>
Real<B> cross_entropy(const Context<B>& cx, const Real<B>& logits, const Index<B>& labels, double smoothing = 0) {
  using R = typename B::real;
  check(int(labels.shape().size()) == logits.rows(), "cross_entropy: ", labels.shape(), " labels for ", logits.rows(),
        " rows");
  auto loss = cx.result({logits.rows()}, logits);
  Real<B> log_sum(cx.device, {logits.rows()});
  const std::size_t work = std::size_t(logits.cols());
  run(cx.device, logits.rows(), work,
      kernel::CrossEntropy<R>{logits.matrix(), labels.data(), loss.data(), log_sum.data(), logits.cols(),
                              R(smoothing)});
  cx.remember(loss, [logits, labels, loss, log_sum, smoothing, work] {
    run(loss.device(), logits.rows(), work,
        kernel::CrossEntropyBackward<R>{logits.matrix(), labels.data(), log_sum.data(), loss.grad(),
                                        logits.grad_matrix(), logits.cols(), R(smoothing)});
  });
  return loss;
}

}  // namespace anser
