#pragma once
#include "elementwise.hpp"

namespace anser {
namespace kernel {

/// y = f(gate) * x
template <class F, class R, class Y>
struct Gated {
  F f;
  Matrix<const R> gate, x;
  Matrix<Y> y;
  int n;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    ANSER_SIMD()
    for (int j = team.rank(); j < n; j += team.size()) y[r][j] = Y(f(gate[r][j]) * x[r][j]);
  }
};

template <class F, class R>
struct GatedBackward {
  F f;
  Matrix<const R> gate, x, dy;
  Matrix<R> dgate, dx;  // either may be null
  int n;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    // Pointers and conditions outside the loops: compilers do not vectorise what they have to read through this again.
    const R *const g = gate[r], *const u = x[r], *const d = dy[r];
    R *const to_gate = dgate ? dgate[r] : nullptr, *const to_x = dx ? dx[r] : nullptr;
    const F own = f;
    const int end = n;
    if (to_gate && to_x) {  // one tanh for both
      ANSER_SIMD()
      for (int j = team.rank(); j < end; j += team.size()) {
        to_gate[j] += d[j] * u[j] * own.slope(g[j]);
        to_x[j] += d[j] * own(g[j]);
      }
    } else if (to_gate) {
      ANSER_SIMD()
      for (int j = team.rank(); j < end; j += team.size()) to_gate[j] += d[j] * u[j] * own.slope(g[j]);
    } else if (to_x) {
      ANSER_SIMD()
      for (int j = team.rank(); j < end; j += team.size()) to_x[j] += d[j] * own(g[j]);
    }
  }
};

}  // namespace kernel

/// relu(x) as the next GEMM's input: T5 v1.0.
template <Backend B>
Tensor<B> relu(const Context<B>& cx, const Real<B>& x) {
  return map<typename B::element>(cx, x, function::Relu{});
}

/// x sigmoid(x), also called swish, as the next GEMM's input: adapters.
template <Backend B>
Tensor<B> silu(const Context<B>& cx, const Real<B>& x) {
  return map<typename B::element>(cx, x, function::Silu{});
}

/// The exact gelu(x), with the error function, as the next GEMM's input: BERT.
template <Backend B>
Tensor<B> gelu(const Context<B>& cx, const Real<B>& x) {
  return map<typename B::element>(cx, x, function::Gelu{});
}

/// gelu_new(gate) * x as the next GEMM's input: T5 v1.1.
template <Backend B>
Tensor<B> gated_gelu(const Context<B>& cx, const Real<B>& gate, const Real<B>& x) {
  using R = typename B::real;
  using E = typename B::element;
  using F = function::GeluNew;
  check(gate.rows() == x.rows() && gate.cols() == x.cols(), "gated_gelu: ", gate.shape(), " and ", x.shape(),
        " differ");
  auto y = cx.template result<E>(x.shape(), gate, x);
  const std::size_t work = std::size_t(x.cols());
  run(cx.device, x.rows(), work, kernel::Gated<F, R, E>{{}, gate.matrix(), x.matrix(), y.matrix(), x.cols()});
  cx.remember(y, [gate, x, y, work] {
    const auto dgate = gate.needs_grad() ? gate.grad_matrix() : Matrix<R>{};
    const auto dx = x.needs_grad() ? x.grad_matrix() : Matrix<R>{};
    run(y.device(), x.rows(), work,
        kernel::GatedBackward<F, R>{{}, gate.matrix(), x.matrix(), y.grad_matrix(), dgate, dx, x.cols()});
  });
  return y;
}

}  // namespace anser
