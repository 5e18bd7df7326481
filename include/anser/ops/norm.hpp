#pragma once
#include <cmath>

#include "elementwise.hpp"

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

/// f(0) + ... + f(n - 1) in four sums side by side: one alone waits for each addition.
template <class R, class F>
ANSER_HD R sum_aside(int n, F f) {
  const int part = n / 4;
  R a = 0, b = 0, c = 0, d = 0;
  ANSER_SIMD(reduction(+ : a, b, c, d))
  for (int j = 0; j < part; ++j) {
    a += f(j);
    b += f(part + j);
    c += f(2 * part + j);
    d += f(3 * part + j);
  }
  for (int j = 4 * part; j < n; ++j) a += f(j);
  return (a + b) + (c + d);
}
template <class R, class X>
ANSER_HD Moments<R> moments(Solo, const X* u, int n, R eps) {
  const R mean = sum_aside<R>(n, [=](int j) { return R(u[j]); }) / R(n);
  const R q = sum_aside<R>(n, [=](int j) { return (R(u[j]) - mean) * (R(u[j]) - mean); });
  return {mean, 1 / std::sqrt(q / R(n) + eps)};
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

/// y = (x - mean) / sqrt(variance + eps) * weight + bias
template <class X, class R>
struct LayerNorm {
  Matrix<const X> x;
  const R* weight;
  const R* bias;
  Matrix<R> y;
  int n;
  R eps;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const X* u = x[r];
    R* to = y[r];
    const auto m = moments(team, u, n, eps);
    ANSER_SIMD()
    for (int j = team.rank(); j < n; j += team.size()) to[j] = (R(u[j]) - m.mean) * m.inverse * weight[j] + bias[j];
  }
};

template <class X, class R>
struct LayerNormBackward {
  Matrix<const X> x;
  const R* weight;
  Matrix<const R> dy;
  Matrix<R> dx;          // may be null
  Matrix<R> statistics;  // [rows, 2], for the weight's gradient
  int n;
  R eps;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const X* u = x[r];
    const R* up = dy[r];
    const auto m = moments(team, u, n, eps);
    R g = 0, dot = 0;
    ANSER_SIMD(reduction(+ : g, dot))
    for (int j = team.rank(); j < n; j += team.size()) {
      g += up[j] * weight[j];
      dot += up[j] * weight[j] * (R(u[j]) - m.mean);
    }
    g = team.sum(g) / R(n);
    dot = team.sum(dot) * m.inverse * m.inverse / R(n);
    if (dx) {
      R* to = dx[r];
      ANSER_SIMD()
      for (int j = team.rank(); j < n; j += team.size())
        to[j] += (up[j] * weight[j] - g - (R(u[j]) - m.mean) * dot) * m.inverse;
    }
    if (team.rank() == 0) {
      statistics[r][0] = m.mean;
      statistics[r][1] = m.inverse;
    }
  }
};

/// A row of the kernel is a column of x.
template <class X, class R>
struct LayerNormWeightBackward {
  Matrix<const X> x;
  Matrix<const R> dy, statistics;
  R* dweight;
  int rows;
  template <class Team>
  ANSER_HD void operator()(Team team, int j) const {
    R s = 0;
    for (int r = team.rank(); r < rows; r += team.size())
      s += dy[r][j] * (R(x[r][j]) - statistics[r][0]) * statistics[r][1];
    s = team.sum(s);
    if (team.rank() == 0) dweight[j] += s;
  }
};

/// y = x / max(|x|, eps)
template <class R>
struct UnitRows {
  Matrix<const R> x;
  Matrix<R> y;
  int n;
  R eps;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const R* u = x[r];
    R* to = y[r];
    R s = 0;
    ANSER_SIMD(reduction(+ : s))
    for (int j = team.rank(); j < n; j += team.size()) s += u[j] * u[j];
    const R length = std::sqrt(team.sum(s)), inverse = 1 / (length > eps ? length : eps);
    ANSER_SIMD()
    for (int j = team.rank(); j < n; j += team.size()) to[j] = u[j] * inverse;
  }
};

template <class R>
struct UnitRowsBackward {
  Matrix<const R> x, y, dy;
  Matrix<R> dx;
  int n;
  R eps;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const R* u = x[r];
    const R* z = y[r];
    const R* up = dy[r];
    R* to = dx[r];
    R s = 0, dot = 0;
    ANSER_SIMD(reduction(+ : s, dot))
    for (int j = team.rank(); j < n; j += team.size()) {
      s += u[j] * u[j];
      dot += up[j] * z[j];
    }
    const R length = std::sqrt(team.sum(s));
    const bool whole = length > eps;  // below, y is x times a constant
    const R along = team.sum(dot), inverse = 1 / (whole ? length : eps), by = whole ? along : R(0);
    ANSER_SIMD()
    for (int j = team.rank(); j < n; j += team.size()) to[j] += (up[j] - by * z[j]) * inverse;
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

/// LayerNorm (Ba et al. 2016): x [rows, n], weight and bias [n] -> [rows, n].
template <Backend B, class X>
Real<B> layer_norm(const Context<B>& cx, const Tensor<B, X>& x, const Real<B>& weight, const Real<B>& bias,
                   double eps = 1e-5) {
  using R = typename B::real;
  check(int(weight.shape().size()) == x.cols() && int(bias.shape().size()) == x.cols(), "layer_norm: weight ",
        weight.shape(), " and bias ", bias.shape(), " for rows of ", x.cols());
  auto y = cx.result(x.shape(), x, weight, bias);
  const std::size_t work = std::size_t(x.cols());
  run(cx.device, x.rows(), work,
      kernel::LayerNorm<X, R>{x.matrix(), weight.data(), bias.data(), y.matrix(), x.cols(), R(eps)});
  cx.remember(y, [x, weight, bias, y, eps, work] {
    B& device = y.device();
    if (x.needs_grad() || weight.needs_grad()) {
      Real<B> statistics(device, {x.rows(), 2});
      const auto dx = x.needs_grad() ? x.grad_matrix() : Matrix<R>{};
      run(device, x.rows(), work,
          kernel::LayerNormBackward<X, R>{x.matrix(), weight.data(), y.grad_matrix(), dx, statistics.matrix(), x.cols(),
                                          R(eps)});
      if (weight.needs_grad())
        run(device, x.cols(), std::size_t(x.rows()),
            kernel::LayerNormWeightBackward<X, R>{x.matrix(), y.grad_matrix(), statistics.matrix(), weight.grad(),
                                                  x.rows()});
    }
    if (bias.needs_grad())
      run(device, x.cols(), std::size_t(x.rows()), kernel::SumColumns<R>{y.grad_matrix(), bias.grad(), x.rows()});
  });
  return y;
}

/// Each row divided by its Euclidean length, or by eps where that is more: x [rows, n] -> [rows, n].
template <Backend B>
Real<B> unit_rows(const Context<B>& cx, const Real<B>& x, double eps = 1e-12) {
  using R = typename B::real;
  auto y = cx.result(x.shape(), x);
  const std::size_t work = std::size_t(x.cols());
  run(cx.device, x.rows(), work, kernel::UnitRows<R>{x.matrix(), y.matrix(), x.cols(), R(eps)});
  cx.remember(y, [x, y, eps, work] {
    run(y.device(), x.rows(), work,
        kernel::UnitRowsBackward<R>{x.matrix(), y.matrix(), y.grad_matrix(), x.grad_matrix(), x.cols(), R(eps)});
  });
  return y;
}

}  // namespace anser
