#pragma once
#include "../tensor/context.hpp"

namespace anser {
namespace kernel {

/// y[r] = x[r / times]
template <class T>
struct RepeatRows {
  Matrix<const T> x;
  Matrix<T> y;
  int times, n;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    ANSER_SIMD()
    for (int j = team.rank(); j < n; j += team.size()) y[r][j] = x[r / times][j];
  }
};

template <class R>
struct RepeatRowsBackward {
  Matrix<const R> dy;
  Matrix<R> dx;
  int times, n;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    for (int j = team.rank(); j < n; j += team.size()) {
      R s = 0;
      for (int i = 0; i < times; ++i) s += dy[std::ptrdiff_t(r) * times + i][j];
      dx[r][j] += s;
    }
  }
};

}  // namespace kernel

/// Each row `times` times: [rows, n] -> [rows * times, n]. x itself where times is 1. Indices carry no gradient.
template <Backend B, class T>
Tensor<B, T> repeat_rows(const Context<B>& cx, const Tensor<B, T>& x, int times) {
  if (times == 1) return x;
  const int n = x.cols();
  auto y = cx.template result<T>({x.rows() * times, n}, x);
  run(cx.device, y.rows(), std::size_t(n), kernel::RepeatRows<T>{x.matrix(), y.matrix(), times, n});
  using R = typename B::real;
  if constexpr (std::is_same_v<typename Tensor<B, T>::gradient_type, R> && !std::is_integral_v<T>)
    cx.remember(y, [x, y, times, n] {
      run(y.device(), x.rows(), std::size_t(n * times),
          kernel::RepeatRowsBackward<R>{y.grad_matrix(), x.grad_matrix(), times, n});
    });
  return y;
}

}  // namespace anser
