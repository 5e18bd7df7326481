#pragma once
#include <cstdint>

#include "../nn/example_scores.hpp"
#include "../ops/choose.hpp"
#include "../ops/softmax.hpp"
#include "concept.hpp"

namespace anser {

/// The switch router (Fedus et al. 2022): per example and site the most probable expert, its output times its
/// probability, through which the router learns. Trained jointly with the experts.
struct Top1 {
  double dropout = 0.1;    // of whole experts, per example, while training
  std::uint64_t seed = 0;  // of new rows
  template <Backend B>
  struct On;
};

template <Backend B>
struct Top1::On {
  Top1 options;
  ExampleScores<B> scores;

  On(B& device, Top1 o, const Site& s) : options(o), scores(device, s) {}
  static void visit(auto& self, auto&& f) { ExampleScores<B>::visit(self.scores, f); }
  void prepare(const Site& s, std::span<const Expert> experts) { scores.prepare(s, experts, options.seed); }

  OutputRouting<B> route(const Context<B>& cx, const Tensor<B>& x, const Batch<B>& batch) const {
    return scores.empty() ? OutputRouting<B>{} : decide(cx, scores.score(cx, scores.read(cx, x, batch)), batch);
  }
  OutputRouting<B> plan(const Context<B>& cx, const Batch<B>& batch) const { return route(cx, {}, batch); }

 private:
  OutputRouting<B> decide(const Context<B>& cx, const Real<B>& s, const Batch<B>& batch) const {
    const auto p = softmax(cx, scores.with_dropout(cx, s, options.dropout, batch));
    const auto column = arg_max(cx, p);
    return {name_columns(cx, column, scores.candidate), take_column(cx, p, column)};
  }
};
static_assert(Router<Top1>);

}  // namespace anser
