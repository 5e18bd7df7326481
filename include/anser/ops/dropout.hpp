#pragma once
#include <cmath>

#include "../core/random.hpp"
#include "elementwise.hpp"

namespace anser {

/// Which numbers of a matrix are kept: by counter, so that forward and backward, and every backend, draw the same.
/// Sixteen bits decide about a number, eight numbers of a row share a draw; the rate is rounded to 1/65,536.
template <class R>
class DropoutMask {
 public:
  static constexpr int group = 8;

  /// Throws Error for a rate outside [0, 1).
  DropoutMask(float rate, int cols, Random random)
      : random_(random),
        groups_((cols + group - 1) / group),
        dropped_(std::uint32_t(std::fmin(std::round(rate * 65536), 65535))) {
    check(rate >= 0 && rate < 1, "dropout: a rate of ", rate, " is not in [0, 1)");
    scale_ = R(65536) / R(65536 - dropped_);
  }

  /// What the kept are multiplied by, so that the mean stays.
  ANSER_HD R scale() const { return scale_; }

  /// Calls f(column, factor) for this member's columns of a row; the factor is 0 or scale().
  template <class Team, class F>
  ANSER_HD void each(Team team, int row, int cols, F f) const {
    for (int g = team.rank(); g < groups_; g += team.size()) {
      const auto words = random_.draw(std::uint64_t(row) * std::uint64_t(groups_) + std::uint64_t(g));
      const int first = g * group, n = cols - first < group ? cols - first : group;
      for (int i = 0; i < n; ++i) {
        const std::uint32_t bits = words[std::size_t(i) / 2] >> (16 * (i % 2)) & 0xffff;
        f(first + i, bits >= dropped_ ? scale_ : R(0));
      }
    }
  }

 private:
  Random random_;
  int groups_;
  std::uint32_t dropped_;  // of 65,536
  R scale_;
};

namespace kernel {

/// y = factor x; accumulate: y += factor x
template <class X, class Y, class R, bool accumulate>
struct Dropout {
  Matrix<const X> x;
  Matrix<Y> y;
  int n;
  DropoutMask<R> mask;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const X* from = x[r];
    Y* to = y[r];
    mask.each(team, r, n, [=](int j, R factor) {
      // What is dropped is 0 even where it was not finite.
      const R v = factor == 0 ? R(0) : factor * R(accumulator<X>(from[j]));
      to[j] = Y(accumulate ? R(accumulator<Y>(to[j])) + v : v);
    });
  }
};

}  // namespace kernel

/// Inverted dropout: a number is kept with probability 1 - rate and then divided by it. Rate 0 gives x itself. Throws
/// Error for a rate outside [0, 1).
template <Backend B, class T>
Tensor<B, T> dropout(const Context<B>& cx, const Tensor<B, T>& x, float rate, Random random) {
  using R = typename B::real;
  if (rate == 0) return x;
  const DropoutMask<R> mask(rate, x.cols(), random);
  auto y = cx.template result<T>(x.shape(), x);
  const std::size_t work = 4 * std::size_t(x.cols());
  run(cx.device, x.rows(), work, kernel::Dropout<T, T, R, false>{x.matrix(), y.matrix(), x.cols(), mask});
  cx.remember(y, [x, y, mask, work] {
    run(y.device(), x.rows(), work, kernel::Dropout<R, R, R, true>{y.grad_matrix(), x.grad_matrix(), x.cols(), mask});
  });
  return y;
}

}  // namespace anser
