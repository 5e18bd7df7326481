#pragma once
#include <vector>

#include "elementwise.hpp"
#include "table.hpp"

namespace anser {
namespace kernel {

/// y[b] = sum over slots of weight[b][s] p_e, e = expert[b][s]
template <class R>
struct Average {
  const R* const* table;
  const std::int32_t* expert;
  const R* weight;
  Matrix<R> y;
  int k, n;
  template <class Team>
  ANSER_HD void operator()(Team team, int b) const {
    R* to = y[b];
    for (int j = team.rank(); j < n; j += team.size()) to[j] = 0;
    for (int s = b * k; s < (b + 1) * k; ++s) {
      if (expert[s] < 0) continue;
      const R* from = table[expert[s]];
      const R by = weight[s];
      ANSER_SIMD()
      for (int j = team.rank(); j < n; j += team.size()) to[j] += by * from[j];
    }
  }
};

/// dweight[slot] += p_e . dy[b]; a row is a slot.
template <class R>
struct AverageGradientWeight {
  const R* const* table;
  const std::int32_t* expert;
  Matrix<const R> dy;
  R* dweight;
  int k, n;
  template <class Team>
  ANSER_HD void operator()(Team team, int slot) const {
    if (expert[slot] < 0) return;
    const R *from = table[expert[slot]], *d = dy[slot / k];
    R s = 0;
    ANSER_SIMD(reduction(+ : s))
    for (int j = team.rank(); j < n; j += team.size()) s += from[j] * d[j];
    s = team.sum(s);
    if (team.rank() == 0) dweight[slot] += s;
  }
};

/// dp_e += sum over its slots of weight dy; a row is an expert.
template <class R>
struct AverageGradient {
  R* const* gradient;  // null where it does not learn
  const std::int32_t* expert;
  const R* weight;
  Matrix<const R> dy;
  int slots, k, n;
  template <class Team>
  ANSER_HD void operator()(Team team, int e) const {
    R* to = gradient[e];
    if (!to) return;
    for (int s = 0; s < slots; ++s) {
      if (expert[s] != e) continue;
      const R* d = dy[s / k];
      const R by = weight[s];
      ANSER_SIMD()
      for (int j = team.rank(); j < n; j += team.size()) to[j] += by * d[j];
    }
  }
};

}  // namespace kernel

/// Parameters of one shape averaged per example: n of them, expert and weight [examples, k] -> [examples, size].
/// Negative experts are nobody. Gradients to the weights and to the parameters. Throws Error where shapes differ.
template <Backend B>
Real<B> average(const Context<B>& cx, const std::vector<Real<B>>& parameters, const Index<B>& expert,
                const Real<B>& weight) {
  using R = typename B::real;
  check(!parameters.empty() && expert.rows() == weight.rows() && expert.cols() == weight.cols(),
        "average: ", parameters.size(), " parameters by ", expert.shape(), " experts and ", weight.shape(), " weights");
  bool learns = weight.needs_grad();
  for (const auto& p : parameters) {
    check(p.shape() == parameters[0].shape() && p.contiguous(), "average: parameters of the shapes ",
          parameters[0].shape(), " and ", p.shape(), "; what is averaged must be alike");
    learns = learns || p.needs_grad();
  }
  const int examples = weight.rows(), k = weight.cols(), n = int(parameters[0].shape().size());
  B& device = cx.device;
  std::vector<const R*> values;
  for (const auto& p : parameters) values.push_back(p.data());
  const auto table = upload_table(device, values);
  Real<B> y(device, {examples, n}, cx.tape && learns);
  const auto* read = entries<const R*>(table);
  run(device, examples, std::size_t(n) * std::size_t(k),
      kernel::Average<R>{read, expert.data(), weight.data(), y.matrix(), k, n});
  cx.remember(y, [=] {
    B& on = y.device();
    if (weight.needs_grad())
      run(on, examples * k, std::size_t(n),
          kernel::AverageGradientWeight<R>{read, expert.data(), y.grad_matrix(), weight.grad(), k, n});
    std::vector<R*> into;
    for (const auto& p : parameters) into.push_back(p.needs_grad() ? p.grad() : nullptr);
    const auto gradients = upload_table(on, into);
    run(on, int(parameters.size()), std::size_t(n) * std::size_t(examples),
        kernel::AverageGradient<R>{entries<R*>(gradients), expert.data(), weight.data(), y.grad_matrix(), examples * k,
                                   k, n});
    (void)table;  // alive until here
  });
  return y;
}

/// x Wᵀ with a weight of each example's own: x [examples * rows, in], w [examples, out * in] -> [examples * rows, out].
/// Throws Error where the sizes do not meet.
template <Backend B>
Real<B> matmul_t_each(const Context<B>& cx, const Real<B>& x, const Real<B>& w, int out) {
  using R = typename B::real;
  const int examples = w.rows(), in = x.cols();
  check(examples > 0 && x.rows() % examples == 0 && w.cols() == out * in && w.contiguous(), "matmul_t_each: x ",
        x.shape(), " and weights ", w.shape(), " do not meet");
  const int m = x.rows() / examples;
  auto y = cx.result({x.rows(), out}, x, w);
  const std::ptrdiff_t to_x = m * x.stride(), to_w = std::ptrdiff_t(out) * in, to_y = m * y.stride();
  const Matrix<R> weight{w.data(), in};
  cx.device.gemm(
      Gemm<R, R>{x.matrix(), weight, y.matrix(), m, out, in, false, true, 1, 0, {examples, to_x, to_w, to_y}, {}});
  cx.remember(y, [=] {
    B& on = y.device();
    const auto dy = y.grad_matrix();
    if (x.needs_grad())
      on.gemm(
          Gemm<R, R>{dy, weight, x.grad_matrix(), m, in, out, false, false, 1, 1, {examples, to_y, to_w, to_x}, {}});
    if (w.needs_grad())
      on.gemm(
          Gemm<R, R>{dy, x.matrix(), {w.grad(), in}, out, in, m, true, false, 1, 1, {examples, to_y, to_x, to_w}, {}});
  });
  return y;
}

}  // namespace anser
