#pragma once
#include <cstdint>

#include "../nn/example_scores.hpp"
#include "../ops/softmax.hpp"
#include "concept.hpp"

namespace anser {

/// All experts run and their outputs are weighted by a softmax per example and site: what SMEAR's merge stands for, at
/// E times its cost (Muqeeth et al. 2023, section 4). Trained jointly with the experts.
struct Ensemble {
  double dropout = 0;      // of whole experts, per example, while training
  std::uint64_t seed = 0;  // of new rows
  template <Backend B>
  struct On;
};

template <Backend B>
struct Ensemble::On {
  Ensemble options;
  ExampleScores<B> scores;

  On(B& device, Ensemble o, const Site& s) : options(o), scores(device, s) {}
  static void visit(auto& self, auto&& f) { ExampleScores<B>::visit(self.scores, f); }
  void prepare(const Site& s, std::span<const Expert> experts) { scores.prepare(s, experts, options.seed); }

  OutputRouting<B> route(const Context<B>& cx, const Tensor<B>& x, const Batch<B>& batch) const {
    return scores.empty() ? OutputRouting<B>{} : decide(cx, scores.score(cx, scores.read(cx, x, batch)), batch);
  }
  OutputRouting<B> plan(const Context<B>& cx, const Batch<B>& batch) const { return route(cx, {}, batch); }

 private:
  OutputRouting<B> decide(const Context<B>& cx, const Real<B>& s, const Batch<B>& batch) const {
    return {scores.everyone(s.rows()), softmax(cx, scores.with_dropout(cx, s, options.dropout, batch))};
  }
};
static_assert(Router<Ensemble>);

}  // namespace anser
