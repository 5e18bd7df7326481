#pragma once
#include <concepts>

#include "../nn/layer.hpp"
#include "parameters.hpp"

namespace anser {

/// How parameters follow their gradients: an options struct whose On<B> is built from the parameters, holds what is
/// remembered of them, and has
///   step(rate, factor)  one step; gradients count `factor` times (clipping, and averages over accumulated batches);
///                       parameters without a gradient stay as they are
///   steps               how many were made
///   visit(self, f)      names each remembered tensor: f("<parameter>.<what>", tensor), for checkpoints
template <class O, class B>
concept Optimizer = Backend<B> && requires(typename O::template On<B>& on, double rate, AnyVisitor v,
                                           const std::vector<Parameter<B>>& parameters, const O& options) {
  typename O::template On<B>;
  {typename O::template On<B>(options, parameters)};
  on.step(rate, rate);
  { on.steps } -> std::convertible_to<long long>;
  O::template On<B>::visit(on, v);
};

/// Zeros in the shape of a parameter: what an optimizer remembers of it.
template <Backend B>
Real<B> zeros_like(const Real<B>& x) {
  const Real<B> z(x.device(), x.shape());
  x.device().zero(z.data(), z.shape().size() * sizeof(typename B::real));
  return z;
}

}  // namespace anser
