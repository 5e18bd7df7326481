#pragma once
#include <cmath>
#include <vector>

#include "../tensor/context.hpp"

namespace anser {
namespace kernel {

/// y[r][e] = the Euclidean norm of columns begin[e] to begin[e + 1] of row r
template <class R>
struct ColumnNorms {
  Matrix<const R> x;
  const std::int32_t* begin;
  Matrix<R> y;
  int n;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    for (int e = team.rank(); e < n; e += team.size()) {
      R s = 0;
      for (int j = begin[e]; j < begin[e + 1]; ++j) s += x[r][j] * x[r][j];
      y[r][e] = std::sqrt(s);
    }
  }
};

/// dx += dy x / y, and nothing where y is 0
template <class R>
struct ColumnNormsBackward {
  Matrix<const R> x;
  const std::int32_t* begin;
  Matrix<const R> y, dy;
  Matrix<R> dx;
  int n;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    for (int e = team.rank(); e < n; e += team.size()) {
      const R by = y[r][e] > 0 ? dy[r][e] / y[r][e] : R(0);
      for (int j = begin[e]; j < begin[e + 1]; ++j) dx[r][j] += by * x[r][j];
    }
  }
};

}  // namespace kernel

/// Norms of neighbouring columns: x [rows, n], begin [groups + 1] ascending from 0 to n -> [rows, groups].
template <Backend B>
Real<B> column_norms(const Context<B>& cx, const Real<B>& x, const Index<B>& begin) {
  using R = typename B::real;
  const int groups = int(begin.shape().size()) - 1;
  check(groups > 0, "column_norms: no groups of columns");
  auto y = cx.result({x.rows(), groups}, x);
  const std::size_t work = std::size_t(x.cols());
  run(cx.device, x.rows(), work, kernel::ColumnNorms<R>{x.matrix(), begin.data(), y.matrix(), groups});
  cx.remember(y, [x, begin, y, groups, work] {
    run(y.device(), x.rows(), work,
        kernel::ColumnNormsBackward<R>{x.matrix(), begin.data(), y.matrix(), y.grad_matrix(), x.grad_matrix(), groups});
  });
  return y;
}

}  // namespace anser
