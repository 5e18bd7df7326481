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

/// dlogits += ..., or = ... where they lie in the logits' place.
template <class R, bool in_place>
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
    const std::int32_t kept = label[r];
    const R* row = logits[r];
    R* to = dlogits[r];
    if (kept < 0) {
      if constexpr (in_place)
        for (int j = team.rank(); j < n; j += team.size()) to[j] = 0;
      return;
    }
    const R slope = dloss[r], log = log_sum[r], spread = smoothing / R(n), own = 1 - smoothing;
    ANSER_SIMD()
    for (int j = team.rank(); j < n; j += team.size()) {
      const R target = (j == kept ? own : R(0)) + spread;
      const R d = slope * (simd::exp(row[j] - log) - target);
      to[j] = in_place ? d : to[j] + d;
    }
  }
};

}  // namespace kernel

/// Cross-entropy of each row: logits [rows, vocabulary], labels [rows] (negative: ignored, loss 0) -> [rows].
/// Negated it is the token's log-likelihood. Labels must be below the vocabulary's size; the caller has checked.
/// `last`: nobody reads the logits' values after this, so their gradient may take their place.
template <Backend B>
Real<B> cross_entropy(const Context<B>& cx, const Real<B>& logits, const Index<B>& labels, double smoothing = 0,
                      bool last = false) {
  using R = typename B::real;
  check(int(labels.shape().size()) == logits.rows(), "cross_entropy: ", labels.shape(), " labels for ", logits.rows(),
        " rows");
  auto loss = cx.result({logits.rows()}, logits);
  Real<B> log_sum(cx.device, {logits.rows()});
  const std::size_t work = std::size_t(logits.cols());
  run(cx.device, logits.rows(), work,
      kernel::CrossEntropy<R>{logits.matrix(), labels.data(), loss.data(), log_sum.data(), logits.cols(),
                              R(smoothing)});
  cx.remember(loss, [logits, labels, loss, log_sum, smoothing, work, last] {
    const auto push = [&]<bool in_place>(std::bool_constant<in_place>, Matrix<const R> from) {
      run(loss.device(), logits.rows(), work,
          kernel::CrossEntropyBackward<R, in_place>{from, labels.data(), log_sum.data(), loss.grad(),
                                                    logits.grad_matrix(), logits.cols(), R(smoothing)});
    };
    if (last && logits.turn_into_grad())
      push(std::true_type{}, logits.grad_matrix());
    else
      push(std::false_type{}, logits.matrix());
  });
  return loss;
}

}  // namespace anser
