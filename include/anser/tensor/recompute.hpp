#pragma once
#include <utility>
#include <vector>

#include "context.hpp"

namespace anser {

/// Gradient checkpointing (Chen et al. 2016): what `compute` needs for gradients is not kept. It runs now, and once
/// more on the way back, on a tape of its own; the tensors that it holds, its inputs and parameters, get their
/// gradients as from any op. `compute(cx, again)` returns its results, std::vector<Real<B>>; both runs must compute the
/// same numbers and return as many results; `again` says which run it is, for what may
/// happen only once. Throws Error, on the way back, where they are not.
template <Backend B, class F>
std::vector<Real<B>> recomputed(const Context<B>& cx, F compute) {
  if (!cx.tape) return compute(cx, false);
  // Without any tape ops may take other forms, which round otherwise, and nobody would know whether a result learns.
  Tape forgetful = Tape::forgetful();
  std::vector<Real<B>> results = compute(Context<B>{cx.device, &forgetful}, false);
  bool learns = false;
  for (const Real<B>& y : results) learns = learns || y.needs_grad();
  if (!learns) return results;
  cx.tape->record([&device = cx.device, results, compute = std::move(compute)] {
    Tape tape;
    const std::vector<Real<B>> again = compute(Context<B>{device, &tape}, true);
    check(again.size() == results.size(), "recompute: ", results.size(), " results at first, and then ", again.size());
    for (std::size_t i = 0; i < again.size(); ++i)
      if (results[i].has_grad()) again[i].take_grad(results[i]);
    tape.backward();
  });
  return results;
}

}  // namespace anser
