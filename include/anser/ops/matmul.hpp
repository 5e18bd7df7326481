#pragma once
#include "elementwise.hpp"

namespace anser {

/// out [m, n] = x [m, k] Wᵀ, W [n, k]; out may be columns of a wider tensor. x and W are of one type, the result is
/// real. Throws Error where the sizes do not meet.
template <Backend B, class T>
void matmul_t_into(const Context<B>& cx, const Tensor<B, T>& x, const Tensor<B, T>& w, const Real<B>& out) {
  check(x.cols() == w.cols(), "matmul: x ", x.shape(), " and weight ", w.shape(), " do not meet");
  check(out.rows() == x.rows() && out.cols() == w.rows(), "matmul: the result ", out.shape(), " is not ", x.rows(),
        " x ", w.rows());
  using R = typename B::real;
  const int m = x.rows(), n = w.rows(), k = x.cols();
  cx.device.gemm(Gemm<T, R>{x.matrix(), w.matrix(), out.matrix(), m, n, k, false, true, 1, 0, {}, {}});
  if (!cx.tape || !(x.needs_grad() || w.needs_grad())) return;
  out.require_grad();
  cx.tape->record([x, w, out, m, n, k] {
    B& device = out.device();
    const auto dy = gradient_as<T>(out);  // [m, n]
    if (x.needs_grad())
      device.gemm(Gemm<T, R>{dy.matrix(), w.matrix(), x.grad_matrix(), m, k, n, false, false, 1, 1, {}, {}});
    if (w.needs_grad())
      device.gemm(Gemm<T, R>{dy.matrix(), x.matrix(), w.grad_matrix(), n, k, m, true, false, 1, 1, {}, {}});
  });
}

/// out [m, n] += s x [m, k] Wᵀ, W [n, k], in out's place; out may be columns of a wider tensor, and is not x.
template <Backend B, class T>
void add_matmul_t(const Context<B>& cx, const Tensor<B, T>& x, const Tensor<B, T>& w, const Real<B>& out,
                  double s = 1) {
  check(x.cols() == w.cols() && out.rows() == x.rows() && out.cols() == w.rows(), "matmul: x ", x.shape(), ", weight ",
        w.shape(), " and the sum ", out.shape(), " do not meet");
  using R = typename B::real;
  const int m = x.rows(), n = w.rows(), k = x.cols();
  const float by = float(s);
  cx.device.gemm(Gemm<T, R>{x.matrix(), w.matrix(), out.matrix(), m, n, k, false, true, by, 1, {}, {}});
  if (!cx.tape || !(x.needs_grad() || w.needs_grad())) return;
  out.require_grad();
  cx.tape->record([x, w, out, m, n, k, by] {
    B& device = out.device();
    const auto dy = gradient_as<T>(out);  // [m, n]
    if (x.needs_grad())
      device.gemm(Gemm<T, R>{dy.matrix(), w.matrix(), x.grad_matrix(), m, k, n, false, false, by, 1, {}, {}});
    if (w.needs_grad())
      device.gemm(Gemm<T, R>{dy.matrix(), x.matrix(), w.grad_matrix(), n, k, m, true, false, by, 1, {}, {}});
  });
}

/// x Wᵀ: [m, k] x [n, k] -> [m, n]
template <Backend B, class T>
Real<B> matmul_t(const Context<B>& cx, const Tensor<B, T>& x, const Tensor<B, T>& w) {
  Real<B> y(cx.device, {x.rows(), w.rows()});
  matmul_t_into(cx, x, w, y);
  return y;
}

/// a b: [m, k] x [k, n] -> [m, n]
template <Backend B, class T>
Real<B> matmul(const Context<B>& cx, const Tensor<B, T>& a, const Tensor<B, T>& b) {
  check(a.cols() == b.rows(), "matmul: ", a.shape(), " and ", b.shape(), " do not meet");
  using R = typename B::real;
  const int m = a.rows(), n = b.cols(), k = a.cols();
  auto y = cx.result({m, n}, a, b);
  cx.device.gemm(Gemm<T, R>{a.matrix(), b.matrix(), y.matrix(), m, n, k, false, false, 1, 0, {}, {}});
  cx.remember(y, [a, b, y, m, n, k] {
    B& device = y.device();
    const auto dy = gradient_as<T>(y);
    if (a.needs_grad())
      device.gemm(Gemm<T, R>{dy.matrix(), b.matrix(), a.grad_matrix(), m, k, n, false, true, 1, 1, {}, {}});
    if (b.needs_grad())
      device.gemm(Gemm<T, R>{a.matrix(), dy.matrix(), b.grad_matrix(), k, n, m, true, false, 1, 1, {}, {}});
  });
  return y;
}

}  // namespace anser
