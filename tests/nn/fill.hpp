#pragma once
// Layers with known numbers.
#include <anser/nn/layer.hpp>

#include "../gradient.hpp"

namespace anser::test {

/// Every tensor of a layer gets numbers of its own, times `by`; the first gets those of `stream`.
template <Backend B, class L>
void fill(L& layer, std::uint64_t stream = 40, double by = 0.25) {
  walk(layer, [&](const std::string&, auto& t) {
    using T = typename std::remove_cvref_t<decltype(t)>::value_type;
    auto v = numbers(t.shape().size(), stream++);
    for (double& x : v) x *= by;
    t = tensor<B, T>(t.device(), t.shape(), v);
  });
}

}  // namespace anser::test
