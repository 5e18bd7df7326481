#pragma once
#include <cstdint>
#include <vector>

#include "../core/function.hpp"
#include "../nn/example_scores.hpp"
#include "../ops/elementwise.hpp"
#include "concept.hpp"

namespace anser {

/// DSelect-k (Hazimeh et al. 2021) with one selector, as Muqeeth et al. 2023 compare it: per example and site log2 E
/// smooth bits spell an expert's number; while bits are undecided several experts are heard, and a loss pushes towards
/// one. Trained jointly with the experts.
struct DSelectK {
  double entropy = 0.1;    // weight of the loss that makes the selector decide
  std::uint64_t seed = 0;  // of new rows
  template <Backend B>
  struct On;
};

template <Backend B>
struct DSelectK::On {
  using R = typename B::real;
  DSelectK options;
  ExampleInput<B> input;
  Real<B> bits;  // [bits, width]; undefined where fewer than two experts are

  On(B& device, DSelectK o, const Site& s) : options(o), input(device, s) {}
  static void visit(auto& self, auto&& f) {
    if (!self.bits) return;
    f("router.bits", self.bits);
    ExampleInput<B>::visit(self.input, f);
  }
  void prepare(const Site& s, std::span<const Expert> experts) {
    input.prepare(s, experts);
    int n = 0;
    while (1 << n < input.candidates()) ++n;
    if (n > 0) bits = input.drawn(n, input.width(), options.seed);
  }

  OutputRouting<B> route(const Context<B>& cx, const Tensor<B>& x, const Batch<B>& batch) const {
    return input.empty() ? OutputRouting<B>{} : decide(cx, input.read(cx, x, batch), batch);
  }
  OutputRouting<B> plan(const Context<B>& cx, const Batch<B>& batch) const { return route(cx, {}, batch); }

 private:
  Real<B> constant(int rows, int columns, R v) const {
    return Real<B>(*input.device, {rows, columns}, std::vector<R>(std::size_t(rows) * std::size_t(columns), v));
  }
  OutputRouting<B> decide(const Context<B>& cx, const Real<B>& read, const Batch<B>& batch) const {
    const int n = read.rows(), e = input.candidates();
    auto weight = constant(n, e, 1);
    if (bits) {
      const auto step = map<R>(cx, matmul_t(cx, read, bits), function::SmoothStep{});
      for (int bit = 0; bit < bits.rows(); ++bit) weight = multiply(cx, weight, agreement(cx, step, bit));
      if (batch.training && batch.losses) batch.losses->scalar.push_back(indecision(cx, weight));
    }
    return {input.everyone(n), weight};
  }
  /// How far each example's bit is each candidate's: s or 1 - s, [examples, candidates]. The first bit is the highest.
  Real<B> agreement(const Context<B>& cx, const Real<B>& step, int bit) const {
    const int m = bits.rows(), e = input.candidates();
    std::vector<R> sign(std::size_t(e) * std::size_t(m)), offset(std::size_t(e), R(0));
    for (int j = 0; j < e; ++j) {
      const bool set = (j >> (m - 1 - bit)) & 1;
      sign[std::size_t(j * m + bit)] = set ? R(1) : R(-1);
      offset[std::size_t(j)] = set ? R(0) : R(1);
    }
    return add_bias(cx, matmul_t(cx, step, Real<B>(*input.device, {e, m}, sign)),
                    Real<B>(*input.device, {1, e}, offset));
  }
  /// The mean entropy of the examples' selectors; where numbers are left over that no expert has, also 1 / their sum.
  Real<B> indecision(const Context<B>& cx, const Real<B>& weight) const {
    const int n = weight.rows(), e = weight.cols();
    auto loss = scale(cx, sum(cx, multiply(cx, weight, map<R>(cx, weight, function::Log{1e-6}))), -1);
    if (e != 1 << bits.rows()) {
      const auto total = matmul_t(cx, weight, constant(1, e, 1));
      loss = add(cx, loss, sum(cx, map<R>(cx, total, function::Reciprocal{1e-6 * e})));
    }
    return scale(cx, loss, options.entropy / n);
  }
};
static_assert(Router<DSelectK>);

}  // namespace anser
