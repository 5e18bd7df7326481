#pragma once
#include <cmath>

#include "../core/random.hpp"
#include "activation.hpp"

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
  /// The same on a CPU: sixteen draws at a time.
  template <class F>
  ANSER_HD void each(Solo, int row, int cols, F f) const {
    constexpr int draws = 16, wide = draws * group;
    const std::uint64_t base = std::uint64_t(row) * std::uint64_t(groups_);
    const R kept = scale_;
    const std::uint32_t dropped = dropped_;
    std::uint32_t words[draws][4];
    std::uint16_t bits[wide];
    for (int first = 0; first < cols; first += wide) {
      random_.draw(base + std::uint64_t(first / group), words);
      for (int i = 0; i < draws; ++i)
        for (int w = 0; w < 4; ++w) {
          bits[i * group + 2 * w] = std::uint16_t(words[i][w]);
          bits[i * group + 2 * w + 1] = std::uint16_t(words[i][w] >> 16);
        }
      const int n = cols - first < wide ? cols - first : wide;
      ANSER_SIMD()
      for (int i = 0; i < n; ++i) f(first + i, bits[i] >= dropped ? kept : R(0));
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

/// y = x + factor y
template <class R>
struct DropoutResidual {
  Matrix<const R> x;
  Matrix<R> y;
  int n;
  DropoutMask<R> mask;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const R* from = x[r];
    R* to = y[r];
    mask.each(team, r, n, [=](int j, R factor) { to[j] = factor == 0 ? from[j] : from[j] + factor * to[j]; });
  }
};

/// dx += dy (dx may be null); dy = factor dy
template <class R>
struct DropoutResidualBackward {
  Matrix<R> dx, dy;
  int n;
  DropoutMask<R> mask;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    R* down = dy[r];
    if (dx) {
      R* to = dx[r];
      mask.each(team, r, n, [=](int j, R factor) {
        to[j] += down[j];
        down[j] *= factor;
      });
    } else {
      mask.each(team, r, n, [=](int j, R factor) { down[j] *= factor; });
    }
  }
};

/// x = factor relu(x)
template <class R>
struct DropoutRelu {
  Matrix<R> x;
  int n;
  DropoutMask<R> mask;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    R* row = x[r];
    mask.each(team, r, n, [=](int j, R factor) { row[j] = factor == 0 || !(row[j] > 0) ? R(0) : factor * row[j]; });
  }
};

/// dy = slope dy where y is above 0, and 0 elsewhere
template <class R>
struct DropoutReluBackward {
  Matrix<const R> y;
  Matrix<R> dy;
  int n;
  R slope;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const R* row = y[r];
    R* down = dy[r];
    const R by = slope;
    ANSER_SIMD()
    for (int j = team.rank(); j < n; j += team.size()) down[j] = simd::select(row[j] > 0, by * down[j], R(0));
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

/// x + dropout(y), in y's place: value and gradient of y become those of the sum, so nothing recorded before may need
/// y's value for its own gradient.
template <Backend B>
void add_residual(const Context<B>& cx, const Real<B>& x, const Real<B>& y, float rate, Random random) {
  using R = typename B::real;
  check(x.rows() == y.rows() && x.cols() == y.cols(), "add_residual: ", x.shape(), " and ", y.shape(), " differ");
  check(!x.same_storage(y), "add_residual: the sum takes y's place, and x lies there too");
  const DropoutMask<R> mask(rate, y.cols(), random);
  const bool drops = rate > 0;
  const std::size_t work = (drops ? 4 : 1) * std::size_t(y.cols());
  if (drops)
    run(cx.device, y.rows(), work, kernel::DropoutResidual<R>{x.matrix(), y.matrix(), y.cols(), mask});
  else
    run(cx.device, y.rows(), work, kernel::Add<R>{x.matrix(), y.matrix(), y.matrix(), y.cols(), R(1)});
  if (!cx.tape || !(x.needs_grad() || y.needs_grad())) return;
  y.require_grad();
  cx.tape->record([x, y, mask, drops, work] {
    const auto dx = x.needs_grad() ? x.grad_matrix() : Matrix<R>{};
    if (drops)
      run(y.device(), y.rows(), work, kernel::DropoutResidualBackward<R>{dx, y.grad_matrix(), y.cols(), mask});
    else if (dx)
      run(y.device(), y.rows(), work, kernel::Add<R>{dx, y.grad_matrix(), dx, y.cols(), R(1)});
  });
}

/// dropout(relu(x)) as the next GEMM's input. Where that is of x's type it takes x's place, as in add_residual.
template <Backend B>
Tensor<B> relu_dropout(const Context<B>& cx, const Real<B>& x, float rate, Random random) {
  using R = typename B::real;
  if constexpr (!std::same_as<typename B::element, R>) {
    return dropout(cx, relu(cx, x), rate, random);
  } else {
    const DropoutMask<R> mask(rate, x.cols(), random);
    const std::size_t work = (rate > 0 ? 4 : 1) * std::size_t(x.cols());
    if (rate > 0)
      run(cx.device, x.rows(), work, kernel::DropoutRelu<R>{x.matrix(), x.cols(), mask});
    else
      run(cx.device, x.rows(), work, kernel::Unary<function::Relu, R, R>{{}, x.matrix(), x.matrix(), x.cols()});
    cx.remember(x, [x, mask, work] {
      run(x.device(), x.rows(), work,
          kernel::DropoutReluBackward<R>{x.matrix(), x.grad_matrix(), x.cols(), mask.scale()});
    });
    return x;
  }
}

}  // namespace anser
