#pragma once
#include "../core/random.hpp"
#include "../tensor/context.hpp"

namespace anser {
namespace kernel {

/// column[r] = where row r is greatest; of equal ones the first
template <class R>
struct ArgMax {
  Matrix<const R> x;
  std::int32_t* column;
  int n;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    if (team.rank() != 0) return;  // rows are as short as a pool
    int best = 0;
    for (int j = 1; j < n; ++j)
      if (x[r][j] > x[r][best]) best = j;
    column[r] = best;
  }
};

/// column[r] = j with the probability p[r][j]
template <class R>
struct Sample {
  Matrix<const R> p;
  std::int32_t* column;
  int n;
  Random random;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    if (team.rank() != 0) return;
    R left = R(random.uniform(std::uint64_t(r)));
    int j = 0;
    while (j + 1 < n && left >= p[r][j]) left -= p[r][j++];
    column[r] = j;
  }
};

/// y[r] = x[r][column[r]]
template <class R>
struct TakeColumn {
  Matrix<const R> x;
  const std::int32_t* column;
  Matrix<R> y;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    if (team.rank() == 0) y[r][0] = x[r][column[r]];
  }
};

template <class R>
struct TakeColumnBackward {
  const std::int32_t* column;
  Matrix<const R> dy;
  Matrix<R> dx;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    if (team.rank() == 0) dx[r][column[r]] += dy[r][0];
  }
};

/// y[i] = name[column[i]]
struct NameColumns {
  const std::int32_t* column;
  const std::int32_t* name;
  std::int32_t* y;
  template <class Team>
  ANSER_HD void operator()(Team team, int i) const {
    if (team.rank() == 0) y[i] = name[column[i]];
  }
};

}  // namespace kernel

/// The column where each row of x [rows, n] is greatest -> [rows, 1]; of equal ones the first.
template <Backend B>
Index<B> arg_max(const Context<B>& cx, const Real<B>& x) {
  using R = typename B::real;
  Index<B> y(cx.device, {x.rows(), 1});
  run(cx.device, x.rows(), std::size_t(x.cols()), kernel::ArgMax<R>{x.matrix(), y.data(), x.cols()});
  return y;
}

/// A column of each row, drawn by the row's probabilities p [rows, n] -> [rows, 1]. Row r takes the draw r.
template <Backend B>
Index<B> sample(const Context<B>& cx, const Real<B>& p, Random random) {
  using R = typename B::real;
  Index<B> y(cx.device, {p.rows(), 1});
  run(cx.device, p.rows(), std::size_t(p.cols()), kernel::Sample<R>{p.matrix(), y.data(), p.cols(), random});
  return y;
}

/// One number of each row: x [rows, n], column [rows, 1] -> [rows, 1]. The caller has checked the columns.
template <Backend B>
Real<B> take_column(const Context<B>& cx, const Real<B>& x, const Index<B>& column) {
  using R = typename B::real;
  check(int(column.shape().size()) == x.rows(), "take_column: ", column.shape(), " columns of ", x.shape());
  auto y = cx.result({x.rows(), 1}, x);
  run(cx.device, x.rows(), 1, kernel::TakeColumn<R>{x.matrix(), column.data(), y.matrix()});
  cx.remember(y, [x, column, y] {
    run(y.device(), x.rows(), 1, kernel::TakeColumnBackward<R>{column.data(), y.grad_matrix(), x.grad_matrix()});
  });
  return y;
}

/// The experts that columns stand for: column of any shape, candidate [columns] -> that shape.
template <Backend B>
Index<B> name_columns(const Context<B>& cx, const Index<B>& column, const Index<B>& candidate) {
  Index<B> y(cx.device, column.shape());
  run(cx.device, int(column.shape().size()), 1, kernel::NameColumns{column.data(), candidate.data(), y.data()});
  return y;
}

}  // namespace anser
