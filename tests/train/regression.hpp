#pragma once
#include <anser/ops/matmul.hpp>
#include <anser/train/adamw.hpp>
#include <anser/train/fit.hpp>

#include "../gradient.hpp"

namespace anser::test {

/// Fits a matrix to the rows of a known one; batches are drawn by step.
template <Backend B, class O = AdamW>
struct Regression {
  Real<B> truth = tensor<B>(device<B>(), {3, 5}, numbers(15, 1));
  Real<B> weight = tensor<B>(device<B>(), {3, 5}, std::vector<double>(15), true);
  Fit<B, O> fit{O{}, {{"weight", weight}}, {Schedule::Kind::constant, 0.05}};

  StepReport step(int rows = 8) {
    const auto number = std::uint64_t(fit.optimizer.steps);
    return fit.step([&](const Context<B>& cx, int i) {
      auto values = numbers(std::size_t(rows * 5) * std::size_t(fit.accumulate), 100 + number);
      values = {values.begin() + i * rows * 5, values.begin() + (i + 1) * rows * 5};
      const auto x = tensor<B>(cx.device, {rows, 5}, values);
      const auto error = add(cx, matmul_t(cx, x, weight), matmul_t(Context<B>{cx.device}, x, truth), -1);
      return scale(cx, sum(cx, multiply(cx, error, error)), 1.0 / rows);
    });
  }
};

}  // namespace anser::test
