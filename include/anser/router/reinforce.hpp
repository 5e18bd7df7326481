#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "../core/function.hpp"
#include "../nn/example_scores.hpp"
#include "../ops/choose.hpp"
#include "../ops/softmax.hpp"
#include "concept.hpp"

namespace anser {

/// REINFORCE with a learned baseline (Williams 1992; Clark et al. 2022, as Muqeeth et al. 2023 compare it): while
/// training an expert is drawn per example and site, and becomes more likely where the example's loss turns out lower
/// than the baseline foretold. In evaluation the most probable. Trained jointly with the experts; the loss is deferred,
/// so activations are not recomputed.
struct Reinforce {
  static constexpr bool deferred = true;  // its loss; blocks are not recomputed
  double policy = 0.01;                   // weights of its losses, beside the sum of the tokens' losses
  double value = 0.01;                    // of the baseline's error
  double entropy = 5e-4;                  // a penalty, as in the reference: decided routers are preferred
  int reduction = 8;                      // the baseline's width is the site's by this
  std::uint64_t seed = 0;                 // of new rows
  template <Backend B>
  struct On;
};

template <Backend B>
struct Reinforce::On {
  using R = typename B::real;
  Reinforce options;
  ExampleScores<B> scores;
  Real<B> down, down_bias, up, up_bias;  // the baseline: two linears, [width / reduction, width] and [1, .]

  On(B& device, Reinforce o, const Site& s) : options(o), scores(device, s) {}
  static void visit(auto& self, auto&& f) {
    ExampleScores<B>::visit(self.scores, f);
    if (!self.down) return;
    f("router.baseline.down.weight", self.down);
    f("router.baseline.down.bias", self.down_bias);
    f("router.baseline.up.weight", self.up);
    f("router.baseline.up.bias", self.up_bias);
  }
  void prepare(const Site& s, std::span<const Expert> experts) {
    check(options.reduction > 0, "reinforce: a reduction by ", options.reduction, "; at least 1");
    scores.prepare(s, experts, options.seed);
    if (scores.empty()) return;
    const int inner = std::max(1, scores.width() / options.reduction);
    down = scores.drawn(inner, scores.width(), options.seed, 1);
    down_bias = Real<B>(*scores.device, {1, inner}, std::vector<R>(std::size_t(inner)));
    up = scores.drawn(1, inner, options.seed, 2);
    up_bias = Real<B>(*scores.device, {1, 1}, std::vector<R>(1));
  }

  OutputRouting<B> route(const Context<B>& cx, const Tensor<B>& x, const Batch<B>& batch) const {
    return scores.empty() ? OutputRouting<B>{} : decide(cx, scores.read(cx, x, batch), batch);
  }
  OutputRouting<B> plan(const Context<B>& cx, const Batch<B>& batch) const { return route(cx, {}, batch); }

 private:
  OutputRouting<B> decide(const Context<B>& cx, const Real<B>& read, const Batch<B>& batch) const {
    const int n = read.rows();
    const auto p = softmax(cx, scores.score(cx, read));
    const auto column =
        batch.training ? sample(cx, p, router_draws(batch, scores.site, RouterDraws::expert)) : arg_max(cx, p);
    if (batch.training && batch.losses) defer(cx, read, p, column, *batch.losses);
    return {name_columns(cx, column, scores.candidate), Real<B>(cx.device, {n, 1}, std::vector<R>(std::size_t(n), 1))};
  }
  void defer(const Context<B>& cx, const Real<B>& read, const Real<B>& p, const Index<B>& column,
             Losses<B>& losses) const {
    const auto seen = scale(Context<B>{cx.device}, read, 1);  // the baseline teaches nothing before it
    const auto inner = add_bias(cx, matmul_t(cx, seen, down), down_bias);
    const auto foretold = add_bias(cx, matmul_t(cx, inner, up), up_bias);  // [examples, 1]
    const auto log = map<R>(cx, p, function::Log{1e-20});
    const auto taken = take_column(cx, log, column);
    const auto each = scale(cx, sum(cx, multiply(cx, p, log)), -1);
    losses.deferred.push_back([o = options, foretold, taken, each](const Context<B>& on, const Real<B>& loss) {
      const double examples = loss.rows();
      const Context<B> untaped{on.device};
      const auto policy = sum(on, multiply(on, taken, add(untaped, loss, foretold, -1)));
      const auto error = sum(on, map<R>(on, add(on, loss, foretold, -1), function::Huber{}));
      return add(on, add(on, scale(on, policy, o.policy / examples), error, o.value / examples), each,
                 o.entropy / examples);
    });
  }
};
static_assert(Router<Reinforce>);

}  // namespace anser
