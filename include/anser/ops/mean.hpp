#pragma once
#include "../tensor/context.hpp"

namespace anser {
namespace kernel {

/// y[b] = mean of the rows of example b that the mask shows
template <class X, class R>
struct MeanRows {
  Matrix<const X> x;
  Matrix<const std::int32_t> mask;  // [examples, rows] or null
  Matrix<R> y;
  int rows, n;
  template <class Team>
  ANSER_HD void operator()(Team team, int b) const {
    R* to = y[b];
    int shown = 0;
    for (int j = team.rank(); j < n; j += team.size()) to[j] = 0;
    for (int t = 0; t < rows; ++t) {
      if (mask && !mask[b][t]) continue;
      ++shown;
      const X* from = x[std::ptrdiff_t(b) * rows + t];
      ANSER_SIMD()
      for (int j = team.rank(); j < n; j += team.size()) to[j] += R(from[j]);
    }
    const R by = shown ? R(1) / R(shown) : R(0);
    for (int j = team.rank(); j < n; j += team.size()) to[j] *= by;
  }
};

template <class R>
struct MeanRowsBackward {
  Matrix<const R> dy;
  Matrix<const std::int32_t> mask;
  Matrix<R> dx;
  int rows, n;
  template <class Team>
  ANSER_HD void operator()(Team team, int b) const {
    int shown = 0;
    for (int t = 0; t < rows; ++t) shown += !mask || mask[b][t];
    if (!shown) return;
    const R by = R(1) / R(shown);
    const R* from = dy[b];
    for (int t = 0; t < rows; ++t) {
      if (mask && !mask[b][t]) continue;
      R* to = dx[std::ptrdiff_t(b) * rows + t];
      ANSER_SIMD()
      for (int j = team.rank(); j < n; j += team.size()) to[j] += by * from[j];
    }
  }
};

}  // namespace kernel

/// The mean of each example's rows that the mask shows: x [examples * rows, n] -> [examples, n]. `mask` [examples,
/// rows] may be undefined; an example that it hides whole gives zeros.
template <Backend B, class X>
Real<B> mean_rows(const Context<B>& cx, const Tensor<B, X>& x, int examples, const Index<B>& mask) {
  using R = typename B::real;
  check(examples > 0 && x.rows() % examples == 0 && (!mask || int(mask.shape().size()) == x.rows()),
        "mean_rows: ", x.shape(), " rows of ", examples, " examples");
  const int rows = x.rows() / examples, n = x.cols();
  const Matrix<const std::int32_t> shown{mask ? mask.data() : nullptr, rows};
  auto y = cx.result({examples, n}, x);
  const std::size_t work = std::size_t(rows) * std::size_t(n);
  run(cx.device, examples, work, kernel::MeanRows<X, R>{x.matrix(), shown, y.matrix(), rows, n});
  cx.remember(y, [x, y, mask, shown, examples, rows, n, work] {
    run(y.device(), examples, work, kernel::MeanRowsBackward<R>{y.grad_matrix(), shown, x.grad_matrix(), rows, n});
  });
  return y;
}

}  // namespace anser
