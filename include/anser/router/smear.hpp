#pragma once
#include <cstdint>

#include "../nn/example_scores.hpp"
#include "../ops/softmax.hpp"
#include "concept.hpp"

namespace anser {

/// Soft merging of experts with adaptive routing (Muqeeth et al. 2023, section 3): per example and site a softmax over
/// all experts, by which their parameters are averaged; one expert then runs. The encoder's sites read the mean of
/// their own inputs, the decoder's that of the encoder's output, so that the decoder decides once per input. Trained
/// jointly with the experts.
struct Smear {
  double dropout = 0.1;    // of whole experts, per example, while training
  std::uint64_t seed = 0;  // of new rows
  template <Backend B>
  struct On;
};

template <Backend B>
struct Smear::On {
  Smear options;
  ExampleScores<B> scores;

  On(B& device, Smear o, const Site& s) : options(o), scores(device, s) {}
  static void visit(auto& self, auto&& f) { ExampleScores<B>::visit(self.scores, f); }
  void prepare(const Site& s, std::span<const Expert> experts) { scores.prepare(s, experts, options.seed); }

  ParameterRouting<B> route(const Context<B>& cx, const Tensor<B>& x, const Batch<B>& batch) const {
    return scores.empty() ? ParameterRouting<B>{} : decide(cx, scores.score(cx, scores.read(cx, x, batch)), batch);
  }
  ParameterRouting<B> plan(const Context<B>& cx, const Batch<B>& batch) const { return route(cx, {}, batch); }

 private:
  ParameterRouting<B> decide(const Context<B>& cx, const Real<B>& s, const Batch<B>& batch) const {
    return {scores.everyone(s.rows()), softmax(cx, scores.with_dropout(cx, s, options.dropout, batch)), {}, {}};
  }
};
static_assert(Router<Smear>);

}  // namespace anser
