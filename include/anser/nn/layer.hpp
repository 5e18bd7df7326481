#pragma once
#include <string>
#include <string_view>
#include <type_traits>

#include "../tensor/tensor.hpp"

namespace anser {

struct AnyVisitor {
  void operator()(std::string_view, auto&) const {}
};

/// A layer names its parameters once, as Hugging Face names them: static visit(self, f) calls f(name, child) for each
/// tensor and each layer below. Saving, loading, counting, freezing and optimising all read that one list.
template <class L>
concept Layer = requires(L& l, AnyVisitor v) {
  L::visit(l, v);
};

/// Calls leaf(name, tensor) for every tensor of a layer and of the layers below, with its dotted name.
template <class L, class F>
void walk(L& layer, F&& leaf, const std::string& path = {}) {
  std::remove_const_t<L>::visit(layer, [&](std::string_view name, auto& child) {
    if constexpr (Layer<std::remove_cvref_t<decltype(child)>>)
      walk(child, leaf, path + std::string(name) + '.');
    else
      leaf(path + std::string(name), child);
  });
}

}  // namespace anser
