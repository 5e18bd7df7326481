#pragma once
#include "concept.hpp"

namespace anser {

/// No experts: the host alone. What T5<B> is without a pool.
struct NoModule {
  template <Backend B>
  struct On;
};

template <Backend B>
struct NoModule::On {
  On(B&, NoModule, const Site&) {}
  static void visit(auto&, auto&&) {}
  Real<B> forward(const Context<B>&, const Host<B>& host, const Tensor<B>& x, const OutputRouting<B>&) const {
    return host(x);
  }
};

}  // namespace anser
