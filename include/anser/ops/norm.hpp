#pragma once
#include <cmath>

#include "../tensor/context.hpp"

namespace anser {
namespace kernel {

/// y = x / sqrt(mean(x^2) + eps) * weight
template <class R, class Y>
struct RmsNorm {
  Matrix<const R> x;
  const R* weight;
  Matrix<Y> y;
  int n;
  R eps;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const R* u = x[r];
    Y* to = y[r];
    R s = 0;
    ANSER_SIMD(reduction(+ : s))
    for (int j = team.rank(); j < n; j += team.size()) s += u[j] * u[j];
    const R inverse = 1 / std::sqrt(team.sum(s) / R(n) + eps);
    ANSER_SIMD()
    for (int j = team.rank(); j < n; j += team.size()) to[j] = Y(u[j] * inverse * weight[j]);
  }
};

template <class R>
struct RmsNormBackward {
  Matrix<const R> x;
  const R* weight;
  Matrix<const R> dy;
  Matrix<R> dx;  // may be null
  R* inverse;    // [rows], for the weight's gradient
  int n;
  R eps;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const R* u = x[r];
    const R* g = dy[r];
    R s = 0, dot = 0;
    ANSER_SIMD(reduction(+ : s, dot))
    for (int j = team.rank(); j < n; j += team.size()) {
      s += u[j] * u[j];
      dot += g[j] * weight[j] * u[j];
    }
    const R inv = 1 / std::sqrt(team.sum(s) / R(n) + eps);
    dot = team.sum(dot) * inv * inv * inv / R(n);
    if (dx) {
      R* to = dx[r];
      ANSER_SIMD()
      for (int j = team.rank(); j < n; j += team.size()) to[j] += g[j] * weight[j] * inv - u[j] * dot;
    }
    if (team.rank() == 0) inverse[r] = inv;
  }
};

/// A row of the kernel is a column of x.
template <class R>
struct RmsNormWeightBackward {
  Matrix<const R> x, dy;
  const R* inverse;
  R* dweight;
  int rows;
  template <class Team>
  ANSER_HD void operator()(Team team, int j) const {
    R s = 0;
    for (int r = team.rank(); r < rows; r += team.size()) s += dy[r][j] * x[r][j] * inverse[r];
    s = team.sum(s);
    if (team.rank() == 0) dweight[j] += s;
  }
};

template <class R>
struct Moments {
  R mean, inverse;  // 1 / sqrt(variance + eps)
};
/// Of the n numbers at u, by the whole team.
template <class R, class Team, class X>
ANSER_HD Moments<R> moments(Team team, const X* u, int n, R eps) {
  R s = 0, q = 0;
  ANSER_SIMD(reduction(+ : s))
  for (int j = team.rank(); j < n; j += team.size()) s += R(u[j]);
  const R mean = team.sum(s) / R(n);
  ANSER_SIMD(reduction(+ : q))
  for (int j = team.rank(); j < n; j += team.size()) q += (R(u[j]) - mean) * (R(u[j]) - mean);
  return {mean, 1 / std::sqrt(team.sum(q) / R(n) + eps)};
}

/// Mean and 1 / sqrt(variance + eps) of each row.
template <class X, class R>
struct Statistics {
  Matrix<const X> x;
  Matrix<R> y;  // [rows, 2]
  int n;
  R eps;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const auto m = moments(team, x[r], n, eps);
    if (team.rank() == 0) {
      y[r][0] = m.mean;
      y[r][1] = m.inverse;
    }
  }
};

/// y = (x - mean) / sqrt(variance + eps)
template <class X, class R>
struct Standardise {
  Matrix<const X> x;
  Matrix<R> y;
  int n;
  R eps;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const X* u = x[r];
    R* to = y[r];
    const auto m = moments(team, u, n, eps);
    ANSER_SIMD()
    for (int j = team.rank(); j < n; j += team.size()) to[j] = (R(u[j]) - m.mean) * m.inverse;
  }
};

template <class X, class R>
struct StandardiseBackward {
  Matrix<const X> x;
  Matrix<const R> y, dy;
  Matrix<R> dx;
  int n;
  R eps;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const auto m = moments(team, x[r], n, eps);
    const R* z = y[r];
    const R* up = dy[r];
    R* to = dx[r];
    R g = 0, dot = 0;
    ANSER_SIMD(reduction(+ : g, dot))
    for (int j = team.rank(); j < n; j += team.size()) {
      g += up[j];
      dot += up[j] * z[j];
    }
    g = team.sum(g) / R(n);
    dot = team.sum(dot) / R(n);
    ANSER_SIMD()
    for (int j = team.rank(); j < n; j += team.size()) to[j] += (up[j] - g - z[j] * dot) * m.inverse;
  }
};

}  // namespace kernel

/// T5's norm: no mean, no bias. x [rows, n], weight [n] -> the next GEMM's input [rows, n].
template <Backend B>
Tensor<B> rms_norm(const Context<B>& cx, const Real<B>& x, const Real<B>& weight, double eps = 1e-6) {
  using R = typename B::real;
  using E = typename B::element;
  check(int(weight.shape().size()) == x.cols(), "rms_norm: weight ", weight.shape(), " for rows of ", x.cols());
  auto y = cx.template result<E>(x.shape(), x, weight);
  const std::size_t work = std::size_t(x.cols());
  run(cx.device, x.rows(), work, kernel::RmsNorm<R, E>{x.matrix(), weight.data(), y.matrix(), x.cols(), R(eps)});
  cx.remember(y, [x, weight, y, eps, work] {
    B& device = y.device();
    Real<B> inverse(device, {x.rows()});
    const auto dx = x.needs_grad() ? x.grad_matrix() : Matrix<R>{};
    run(device, x.rows(), work,
        kernel::RmsNormBackward<R>{x.matrix(), weight.data(), y.grad_matrix(), dx, inverse.data(), x.cols(), R(eps)});
    if (weight.needs_grad())
      run(device, x.cols(), std::size_t(x.rows()),
          kernel::RmsNormWeightBackward<R>{x.matrix(), y.grad_matrix(), inverse.data(), weight.grad(), x.rows()});
  });
  return y;
}

/// Each row's mean and 1 / sqrt(variance + eps): [rows, 2]. For inference; carries no gradient.
template <Backend B, class X>
Real<B> statistics(const Context<B>& cx, const Tensor<B, X>& x, double eps = 1e-5) {
  using R = typename B::real;
  Real<B> y(cx.device, {x.rows(), 2});
  run(cx.device, x.rows(), std::size_t(x.cols()), kernel::Statistics<X, R>{x.matrix(), y.matrix(), x.cols(), R(eps)});
  return y;
}

/// LayerNorm without affine: each row to mean 0 and variance 1.
template <Backend B, class X>
Real<B> standardise(const Context<B>& cx, const Tensor<B, X>& x, double eps = 1e-5) {
  using R = typename B::real;
  auto y = cx.result(x.shape(), x);
  const std::size_t work = std::size_t(x.cols());
  run(cx.device, x.rows(), work, kernel::Standardise<X, R>{x.matrix(), y.matrix(), x.cols(), R(eps)});
  cx.remember(y, [x, y, eps, work] {
    run(y.device(), x.rows(), work,
        kernel::StandardiseBackward<X, R>{x.matrix(), y.matrix(), y.grad_matrix(), x.grad_matrix(), x.cols(), R(eps)});
  });
  return y;
}

}  // namespace anser
