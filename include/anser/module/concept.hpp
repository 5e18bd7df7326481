#pragma once
#include <concepts>

#include "../nn/layer.hpp"
#include "../nn/site_experts.hpp"

namespace anser {

/// A module is a plain struct of options whose On<B> holds a site's experts and lets them be heard:
/// forward(cx, host, x, routing) -> [rows, out]. A routing weight multiplies an expert's delta, never the host: with
/// all weights 0 the host remains. An overload for OutputRouting mixes outputs, one for ParameterRouting averages
/// parameters.
template <class M, class Said, class B = AnyBackend>
concept Module = Layer<typename M::template On<B>> &&
    requires(const typename M::template On<B>& m, const Context<B>& cx, const Host<B>& host, const Tensor<B>& x,
             const Said& said) {
  { m.forward(cx, host, x, said) } -> std::same_as<Real<B>>;
};

}  // namespace anser
