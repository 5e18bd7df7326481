#pragma once
#include <concepts>

#include "../core/activation.hpp"
#include "../tensor/context.hpp"

namespace anser {
namespace kernel {

/// y = f(x); f also knows its slope, as slope(x, y).
template <class F, class X, class Y>
struct Unary {
  F f;
  Matrix<const X> x;
  Matrix<Y> y;
  int n;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    ANSER_SIMD()
    for (int j = team.rank(); j < n; j += team.size()) y[r][j] = Y(f(accumulator<X>(x[r][j])));
  }
};

/// dx += dy f'(x)
template <class F, class X, class R>
struct UnaryBackward {
  F f;
  Matrix<const X> x;
  Matrix<const R> dy;
  Matrix<R> dx;
  int n;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    ANSER_SIMD()
    for (int j = team.rank(); j < n; j += team.size()) dx[r][j] += dy[r][j] * f.slope(R(x[r][j]));
  }
};

/// y = a + s b
template <class T>
struct Add {
  Matrix<const T> a, b;
  Matrix<T> y;
  int n;
  T s;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const T by = s;  // a member would be read again after every store
    ANSER_SIMD()
    for (int j = team.rank(); j < n; j += team.size()) y[r][j] = a[r][j] + by * b[r][j];
  }
};

/// y = a b (accumulate: y += a b); the columns of b are repeated over those of a where b is one column.
template <class T, bool accumulate>
struct Multiply {
  Matrix<const T> a, b;
  Matrix<T> y;
  int n;
  bool column;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    ANSER_SIMD()
    for (int j = team.rank(); j < n; j += team.size()) {
      const T v = a[r][j] * b[r][column ? 0 : j];
      y[r][j] = accumulate ? y[r][j] + v : v;
    }
  }
};

/// y[r] += sum_j a[r][j] b[r][j]
template <class T>
struct Dot {
  Matrix<const T> a, b;
  Matrix<T> y;
  int n;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const T* u = a[r];
    const T* v = b[r];
    T s = 0;
    ANSER_SIMD(reduction(+ : s))
    for (int j = team.rank(); j < n; j += team.size()) s += u[j] * v[j];
    s = team.sum(s);
    if (team.rank() == 0) y[r][0] += s;
  }
};

/// y = the sum of all of x, in a fixed order
template <class T>
struct Sum {
  const T* x;
  std::size_t n;
  T* y;
  template <class Team>
  ANSER_HD void operator()(Team team, int) const {
    T s = 0;
    for (std::size_t j = std::size_t(team.rank()); j < n; j += std::size_t(team.size())) s += x[j];
    s = team.sum(s);
    if (team.rank() == 0) *y = s;
  }
};

/// y = x + bias
template <class T>
struct AddBias {
  Matrix<const T> x;
  const T* bias;
  Matrix<T> y;
  int n;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    ANSER_SIMD()
    for (int j = team.rank(); j < n; j += team.size()) y[r][j] = x[r][j] + bias[j];
  }
};

/// y[j] += the sum of column j; a row of the kernel is a column of x.
template <class T>
struct SumColumns {
  Matrix<const T> x;
  T* y;
  int rows;
  template <class Team>
  ANSER_HD void operator()(Team team, int j) const {
    T s = 0;
    for (int r = team.rank(); r < rows; r += team.size()) s += x[r][j];
    s = team.sum(s);
    if (team.rank() == 0) y[j] += s;
  }
};

/// x += *s everywhere
template <class T>
struct Spread {
  const T* s;
  Matrix<T> x;
  int n;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    for (int j = team.rank(); j < n; j += team.size()) x[r][j] += *s;
  }
};

}  // namespace kernel

/// f of every number; the result is of type Y.
template <class Y, Backend B, class X, class F>
Tensor<B, Y> map(const Context<B>& cx, const Tensor<B, X>& x, F f) {
  using R = typename B::real;
  auto y = cx.template result<Y>(x.shape(), x);
  run(cx.device, x.rows(), std::size_t(x.cols()), kernel::Unary<F, X, Y>{f, x.matrix(), y.matrix(), x.cols()});
  cx.remember(y, [x, y, f] {
    run(y.device(), x.rows(), std::size_t(x.cols()),
        kernel::UnaryBackward<F, X, R>{f, x.matrix(), y.grad_matrix(), x.grad_matrix(), x.cols()});
  });
  return y;
}

/// The same numbers in another type; the same tensor where the type is the same.
template <class Y, Backend B, class X>
Tensor<B, Y> cast(const Context<B>& cx, const Tensor<B, X>& x) {
  if constexpr (std::same_as<X, Y>)
    return x;
  else
    return map<Y>(cx, x, function::Identity{});
}

/// A result's gradient in the type that GEMM takes, dense. No copy where gradients are of that type.
template <class T, Backend B>
Tensor<B, T> gradient_as(const Real<B>& y) {
  using R = typename B::real;
  B& device = y.device();
  if constexpr (std::same_as<T, R>) {
    return Tensor<B, T>::alias_gradient(y);
  } else {
    Tensor<B, T> g(device, {y.rows(), y.cols()});
    run(device, y.rows(), std::size_t(y.cols()),
        kernel::Unary<function::Identity, R, T>{{}, y.grad_matrix(), g.matrix(), y.cols()});
    return g;
  }
}

/// a + s b
template <Backend B>
Real<B> add(const Context<B>& cx, const Real<B>& a, const Real<B>& b, double s = 1) {
  using R = typename B::real;
  check(a.rows() == b.rows() && a.cols() == b.cols(), "add: ", a.shape(), " and ", b.shape(), " differ");
  const std::size_t work = std::size_t(a.cols());
  auto y = cx.result(a.shape(), a, b);
  run(cx.device, a.rows(), work, kernel::Add<R>{a.matrix(), b.matrix(), y.matrix(), a.cols(), R(s)});
  cx.remember(y, [a, b, y, s, work] {
    auto push = [&](const Real<B>& x, double by) {
      if (x.needs_grad())
        run(y.device(), y.rows(), work,
            kernel::Add<R>{x.grad_matrix(), y.grad_matrix(), x.grad_matrix(), y.cols(), R(by)});
    };
    push(a, 1);
    push(b, s);
  });
  return y;
}

/// x [rows, n] + bias [n], the same for every row.
template <Backend B>
Real<B> add_bias(const Context<B>& cx, const Real<B>& x, const Real<B>& bias) {
  using R = typename B::real;
  check(int(bias.shape().size()) == x.cols(), "add_bias: bias ", bias.shape(), " for rows of ", x.cols());
  const std::size_t work = std::size_t(x.cols());
  auto y = cx.result(x.shape(), x, bias);
  run(cx.device, x.rows(), work, kernel::AddBias<R>{x.matrix(), bias.data(), y.matrix(), x.cols()});
  cx.remember(y, [x, bias, y, work] {
    if (x.needs_grad())
      run(y.device(), y.rows(), work,
          kernel::Add<R>{x.grad_matrix(), y.grad_matrix(), x.grad_matrix(), y.cols(), R(1)});
    if (bias.needs_grad())
      run(y.device(), y.cols(), std::size_t(y.rows()), kernel::SumColumns<R>{y.grad_matrix(), bias.grad(), y.rows()});
  });
  return y;
}

/// s x
template <Backend B>
Real<B> scale(const Context<B>& cx, const Real<B>& x, double s) {
  return map<typename B::real>(cx, x, function::Scale{s});
}

/// a b, number by number; b [rows, 1] scales whole rows.
template <Backend B>
Real<B> multiply(const Context<B>& cx, const Real<B>& a, const Real<B>& b) {
  using R = typename B::real;
  const bool column = b.cols() == 1 && a.cols() != 1;
  check(a.rows() == b.rows() && (column || a.cols() == b.cols()), "multiply: ", a.shape(), " and ", b.shape(),
        " differ");
  auto y = cx.result(a.shape(), a, b);
  const std::size_t work = std::size_t(a.cols());
  run(cx.device, a.rows(), work, kernel::Multiply<R, false>{a.matrix(), b.matrix(), y.matrix(), a.cols(), column});
  cx.remember(y, [a, b, y, column, work] {
    B& device = y.device();
    if (a.needs_grad())
      run(device, a.rows(), work,
          kernel::Multiply<R, true>{y.grad_matrix(), b.matrix(), a.grad_matrix(), a.cols(), column});
    if (b.needs_grad() && column)
      run(device, a.rows(), work, kernel::Dot<R>{y.grad_matrix(), a.matrix(), b.grad_matrix(), a.cols()});
    else if (b.needs_grad())
      run(device, a.rows(), work,
          kernel::Multiply<R, true>{y.grad_matrix(), a.matrix(), b.grad_matrix(), a.cols(), false});
  });
  return y;
}

template <Backend B>
Real<B> sigmoid(const Context<B>& cx, const Real<B>& x) {
  return map<typename B::real>(cx, x, function::Sigmoid{});
}

/// The sum of all numbers, [1].
template <Backend B>
Real<B> sum(const Context<B>& cx, const Real<B>& x) {
  using R = typename B::real;
  check(x.contiguous(), "sum: a view of columns; copy it first");
  auto y = cx.result({1}, x);
  run(cx.device, 1, x.shape().size(), kernel::Sum<R>{x.data(), x.shape().size(), y.data()});
  cx.remember(y, [x, y] {
    run(y.device(), x.rows(), std::size_t(x.cols()), kernel::Spread<R>{y.grad(), x.grad_matrix(), x.cols()});
  });
  return y;
}

}  // namespace anser
