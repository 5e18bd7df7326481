#pragma once
#include "concept.hpp"

namespace anser {

/// Nobody is heard: the base model, whatever the pool.
struct None {
  template <Backend B>
  struct On;
};

template <Backend B>
struct None::On {
  On(B&, None, const Site&) {}
  static void visit(auto&, auto&&) {}
  OutputRouting<B> route(const Context<B>&, const Tensor<B>&, const Batch<B>&) const { return {}; }
};
static_assert(Router<None>);

}  // namespace anser
