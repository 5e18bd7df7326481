#pragma once
#include "../ops/norm.hpp"
#include "layer.hpp"

namespace anser {

/// T5's layer norm: scale only.
template <Backend B>
struct RmsNorm {
  Real<B> weight;  // [d_model]
  double eps = 1e-6;
  static void visit(auto& self, auto&& f) { f("weight", self.weight); }
  /// x [rows, d_model] -> the next GEMM's input.
  Tensor<B> forward(const Context<B>& cx, const Real<B>& x) const { return rms_norm(cx, x, weight, eps); }
};

}  // namespace anser
