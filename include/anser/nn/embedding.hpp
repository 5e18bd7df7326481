#pragma once
#include "../ops/gather.hpp"
#include "layer.hpp"

namespace anser {

/// Rows by token id. Ids must be below the table's rows: the model checks what comes from outside.
template <Backend B>
struct Embedding {
  Tensor<B> weight;  // [vocabulary, d_model]
  static void visit(auto& self, auto&& f) { f("weight", self.weight); }
  Real<B> forward(const Context<B>& cx, const Index<B>& ids) const { return gather(cx, weight, ids); }
};

}  // namespace anser
