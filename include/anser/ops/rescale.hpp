#pragma once
#include <vector>

#include "elementwise.hpp"
#include "table.hpp"

namespace anser {
namespace kernel {

/// y[r] = x[r] (1 + sum over slots of weight (g_e - 1)); a decision serves `times` rows.
template <class X, class Y, class R>
struct Rescale {
  const R* const* vector;
  const std::int32_t* expert;
  const R* weight;
  Matrix<const X> x;
  Matrix<Y> y;  // y += where `add`
  int k, times, n;
  bool add;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const std::int32_t* who = expert + std::ptrdiff_t(r / times) * k;
    const R* by = weight + std::ptrdiff_t(r / times) * k;
    for (int j = team.rank(); j < n; j += team.size()) {
      R factor = 1;
      for (int s = 0; s < k; ++s)
        if (who[s] >= 0) factor += by[s] * (vector[who[s]][j] - R(1));
      y[r][j] = Y((add ? R(y[r][j]) : R(0)) + R(x[r][j]) * factor);
    }
  }
  /// Along the vectors, as they lie.
  void operator()(Solo, int r) const {
    constexpr int width = 128;
    const std::int32_t* who = expert + std::ptrdiff_t(r / times) * k;
    const R* by = weight + std::ptrdiff_t(r / times) * k;
    const X* from = x[r];
    Y* to = y[r];
    for (int first = 0; first < n; first += width) {
      const int m = n - first < width ? n - first : width;
      R factor[width];
      for (int j = 0; j < m; ++j) factor[j] = 1;
      for (int s = 0; s < k; ++s) {
        if (who[s] < 0) continue;
        const R *g = vector[who[s]] + first, w = by[s];
        ANSER_SIMD()
        for (int j = 0; j < m; ++j) factor[j] += w * (g[j] - R(1));
      }
      if (add) {
        ANSER_SIMD()
        for (int j = 0; j < m; ++j) to[first + j] = Y(R(to[first + j]) + R(from[first + j]) * factor[j]);
      } else {
        ANSER_SIMD()
        for (int j = 0; j < m; ++j) to[first + j] = Y(R(from[first + j]) * factor[j]);
      }
    }
  }
};

/// dweight[slot] += sum over its rows of dy x (g_e - 1); a row is a slot.
template <class X, class R>
struct RescaleGradientWeight {
  const R* const* vector;
  const std::int32_t* expert;
  Matrix<const X> x;
  Matrix<const R> dy;
  R* dweight;
  int k, times, n;
  template <class Team>
  ANSER_HD void operator()(Team team, int slot) const {
    if (expert[slot] < 0) return;
    const R* g = vector[expert[slot]];
    R s = 0;
    for (int r = slot / k * times; r < (slot / k + 1) * times; ++r) {
      const X* u = x[r];
      const R* d = dy[r];
      ANSER_SIMD(reduction(+ : s))
      for (int j = team.rank(); j < n; j += team.size()) s += d[j] * R(u[j]) * (g[j] - R(1));
    }
    s = team.sum(s);
    if (team.rank() == 0) dweight[slot] += s;
  }
};

/// dg_e += sum over its slots and their rows of weight dy x; a row is an expert.
template <class X, class R>
struct RescaleGradient {
  R* const* gradient;  // null where it does not learn
  const std::int32_t* expert;
  const R* weight;
  Matrix<const X> x;
  Matrix<const R> dy;
  int slots, k, times, n;
  template <class Team>
  ANSER_HD void operator()(Team team, int e) const {
    R* to = gradient[e];
    if (!to) return;
    for (int slot = 0; slot < slots; ++slot) {
      if (expert[slot] != e) continue;
      const R by = weight[slot];
      for (int r = slot / k * times; r < (slot / k + 1) * times; ++r) {
        const X* u = x[r];
        const R* d = dy[r];
        ANSER_SIMD()
        for (int j = team.rank(); j < n; j += team.size()) to[j] += by * d[j] * R(u[j]);
      }
    }
  }
};

}  // namespace kernel

/// Rows scaled element by element by the experts heard: y = x (1 + sum over the k slots of weight (g_e - 1)), as IA3
/// does. x [rows, n], the experts' vectors [n] (undefined ones are never chosen), expert and weight [decisions, k],
/// each decision for rows / decisions rows in a row -> [rows, n], stored as Y. Negative experts are nobody. Gradients
/// to x, weight and the vectors. Throws Error where shapes do not meet.
template <class Y, Backend B, class X>
Tensor<B, Y> rescale(const Context<B>& cx, const Tensor<B, X>& x, const std::vector<Real<B>>& vectors,
                     const Index<B>& expert, const Real<B>& weight) {
  using R = typename B::real;
  const int rows = x.rows(), n = x.cols(), k = weight.cols(), decisions = weight.rows();
  check(decisions > 0 && rows % decisions == 0 && expert.rows() == decisions && expert.cols() == k, "rescale: x ",
        x.shape(), ", routing ", expert.shape(), " and ", weight.shape());
  const int times = rows / decisions, slots = decisions * k;
  bool learns = x.needs_grad() || weight.needs_grad(), trained = false;
  std::vector<const R*> from;
  for (const auto& v : vectors) {
    check(!v || (int(v.shape().size()) == n && v.contiguous()), "rescale: x ", x.shape(), " by a vector ", v.shape());
    from.push_back(v ? v.data() : nullptr);
    trained = trained || (v && v.needs_grad());
  }
  learns = learns || trained;
  const auto table = upload_table(cx.device, from);
  const auto* read = entries<const R*>(table);
  Tensor<B, Y> y(cx.device, {rows, n}, cx.tape && learns);
  run(cx.device, rows, std::size_t(n) * std::size_t(k),
      kernel::Rescale<X, Y, R>{read, expert.data(), weight.data(), x.matrix(), y.matrix(), k, times, n, false});
  cx.remember(y, [=] {
    B& on = y.device();
    const auto dy = y.grad_matrix();
    if (x.needs_grad())
      run(on, rows, std::size_t(n) * std::size_t(k),
          kernel::Rescale<R, R, R>{entries<const R*>(table), expert.data(), weight.data(), dy, x.grad_matrix(), k,
                                   times, n, true});
    if (weight.needs_grad())
      run(on, slots, std::size_t(n) * std::size_t(times),
          kernel::RescaleGradientWeight<X, R>{entries<const R*>(table), expert.data(), x.matrix(), dy, weight.grad(), k,
                                              times, n});
    if (!trained) return;
    std::vector<R*> into;
    for (const auto& v : vectors) into.push_back(v && v.needs_grad() ? v.grad() : nullptr);
    const auto gradients = upload_table(on, into);
    run(on, int(vectors.size()), std::size_t(n) * std::size_t(rows),
        kernel::RescaleGradient<X, R>{entries<R*>(gradients), expert.data(), weight.data(), x.matrix(), dy, slots, k,
                                      times, n});
  });
  return y;
}

}  // namespace anser
