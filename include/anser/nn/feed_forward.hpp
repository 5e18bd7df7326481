#pragma once
#include "../ops/activation.hpp"
#include "dropout.hpp"
#include "linear.hpp"

namespace anser {

/// wo(relu(wi(x))), or gated: wo(gelu_new(wi_0(x)) * wi_1(x)). HF: DenseReluDense.
template <Backend B>
struct FeedForward {
  bool gated = false;
  int place = 0;  // of its dropout
  LinearGroup<B> wi, wo;

  FeedForward() = default;
  FeedForward(B& device, int d_model, int d_ff, bool gated_)
      : gated(gated_),
        wi(gated_ ? LinearGroup<B>(device, d_model, {{"wi_0", d_ff}, {"wi_1", d_ff}})
                  : LinearGroup<B>(device, d_model, {{"wi", d_ff}})),
        wo(device, d_ff, {{"wo", d_model}}) {}
  static void visit(auto& self, auto&& f) {
    std::remove_cvref_t<decltype(self.wi)>::visit(self.wi, f);
    std::remove_cvref_t<decltype(self.wo)>::visit(self.wo, f);
  }

  /// x [rows, d_model] -> the same shape.
  Real<B> forward(const Context<B>& cx, const Tensor<B>& x, const Batch<B>& batch) const {
    const auto y = wi.forward(cx, x, batch);
    const auto h = gated ? drop(cx, gated_gelu(cx, y[0], y[1]), batch, place)
                         : relu_dropout(cx, y[0], batch.dropout, batch.random.fork(std::uint64_t(place)));
    return wo.forward(cx, h, batch)[0];
  }
};

}  // namespace anser
