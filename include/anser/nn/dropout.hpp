#pragma once
#include "../ops/dropout.hpp"
#include "routing.hpp"

namespace anser {

/// The model's dropout at one of its places, which are numbered so that each draws for itself; x itself while the model
/// does not train.
template <Backend B, class T>
Tensor<B, T> drop(const Context<B>& cx, const Tensor<B, T>& x, const Batch<B>& batch, int place) {
  return dropout(cx, x, batch.dropout, batch.random.fork(std::uint64_t(place)));
}

}  // namespace anser
