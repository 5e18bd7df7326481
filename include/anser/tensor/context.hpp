#pragma once
#include "tape.hpp"

namespace anser {

/// Where the work runs and whether it is remembered. Without a tape: inference.
template <Backend B>
struct Context {
  B& device;
  Tape* tape = nullptr;

  /// An op's result; it learns if the tape runs and any input does.
  template <class T = typename B::real, class... In>
  Tensor<B, T> result(Shape shape, const In&... in) const {
    return Tensor<B, T>(device, shape, tape && (in.needs_grad() || ...));
  }
  /// How to push the result's gradient back into the inputs.
  template <class T, class F>
  void remember(const Tensor<B, T>& y, F backward) const {
    if (tape && y.needs_grad()) tape->record(std::move(backward));
  }
};

/// Run a row kernel over `rows` rows of about `work` elements each.
template <Backend B, class K>
void run(B& device, int rows, std::size_t work, K kernel) {
  if (rows > 0) device.for_rows(rows, work, kernel);
}

}  // namespace anser
