#pragma once
#include "../tensor/context.hpp"

namespace anser {
namespace kernel {

/// y[r] = table[index[r]]
template <class T, class R>
struct Gather {
  Matrix<const T> table;
  const std::int32_t* index;
  Matrix<R> y;
  int n;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    ANSER_SIMD()
    for (int j = team.rank(); j < n; j += team.size()) y[r][j] = R(table[index[r]][j]);
  }
};

/// The first row that names a table row adds the gradients of all that do: no two teams write one place.
template <class R>
struct GatherBackward {
  const std::int32_t* index;
  Matrix<const R> dy;
  Matrix<R> dtable;
  int rows, n;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    for (int i = 0; i < r; ++i)
      if (index[i] == index[r]) return;
    for (int i = r; i < rows; ++i)
      if (index[i] == index[r]) {
        ANSER_SIMD()
        for (int j = team.rank(); j < n; j += team.size()) dtable[index[r]][j] += dy[i][j];
      }
  }
};

}  // namespace kernel

/// Rows of a table by index: table [count, n], index [...] -> [index.size(), n]. Indices must be below count.
template <Backend B, class T>
Real<B> gather(const Context<B>& cx, const Tensor<B, T>& table, const Index<B>& index) {
  using R = typename B::real;
  const int rows = int(index.shape().size()), n = table.cols();
  auto y = cx.result({rows, n}, table);
  run(cx.device, rows, std::size_t(n), kernel::Gather<T, R>{table.matrix(), index.data(), y.matrix(), n});
  cx.remember(y, [table, index, y, rows, n] {
    run(y.device(), rows, std::size_t(n),
        kernel::GatherBackward<R>{index.data(), y.grad_matrix(), table.grad_matrix(), rows, n});
  });
  return y;
}

}  // namespace anser
