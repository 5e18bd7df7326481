#pragma once
#include <limits>

#include "../core/simd.hpp"
#include "../tensor/context.hpp"

namespace anser {
namespace kernel {

/// y = softmax(x / temperature)
template <class R>
struct Softmax {
  Matrix<const R> x;
  Matrix<R> y;
  int n;
  R temperature;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const R* from = x[r];
    R* to = y[r];
    const R factor = 1 / temperature;  // a member would be read again after every store
    R top = -std::numeric_limits<R>::infinity(), s = 0;
    ANSER_SIMD(reduction(max : top))
    for (int j = team.rank(); j < n; j += team.size()) top = from[j] > top ? from[j] : top;
    top = team.max(top);
    ANSER_SIMD(reduction(+ : s))
    for (int j = team.rank(); j < n; j += team.size()) {
      const R e = simd::exp((from[j] - top) * factor);
      to[j] = e;
      s += e;
    }
    const R inverse = 1 / team.sum(s);
    ANSER_SIMD()
    for (int j = team.rank(); j < n; j += team.size()) to[j] *= inverse;
  }
};

template <class R>
struct SoftmaxBackward {
  Matrix<const R> y, dy;
  Matrix<R> dx;
  int n;
  R temperature;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const R* p = y[r];
    const R* up = dy[r];
    R* to = dx[r];
    R dot = 0;
    ANSER_SIMD(reduction(+ : dot))
    for (int j = team.rank(); j < n; j += team.size()) dot += p[j] * up[j];
    dot = team.sum(dot);
    const R factor = 1 / temperature;
    ANSER_SIMD()
    for (int j = team.rank(); j < n; j += team.size()) to[j] += p[j] * (up[j] - dot) * factor;
  }
};

}  // namespace kernel

/// Softmax over the columns.
template <Backend B>
Real<B> softmax(const Context<B>& cx, const Real<B>& x, double temperature = 1) {
  using R = typename B::real;
  check(temperature > 0, "softmax: a temperature of ", temperature, " is not above 0");
  auto y = cx.result(x.shape(), x);
  const std::size_t work = std::size_t(x.cols());
  run(cx.device, x.rows(), work, kernel::Softmax<R>{x.matrix(), y.matrix(), x.cols(), R(temperature)});
  cx.remember(y, [x, y, temperature, work] {
    run(y.device(), x.rows(), work,
        kernel::SoftmaxBackward<R>{y.matrix(), y.grad_matrix(), x.grad_matrix(), x.cols(), R(temperature)});
  });
  return y;
}

}  // namespace anser
