#pragma once
#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "../core/random.hpp"
#include "../ops/group.hpp"

namespace anser {

enum class Stack { encoder, decoder };
enum class SiteKind { linear, sublayer };

/// One place where experts act: a linear, or a sub-layer's output.
struct Site {
  SiteKind kind = SiteKind::linear;
  std::string name;              // as Hugging Face names it: encoder.block.0.layer.0.SelfAttention.q
  int index = 0;                 // counted over the model, encoder first
  Stack stack = Stack::encoder;  // where it stands
  Stack rows = Stack::encoder;   // whose tokens pass: the k and v of cross-attention read the encoder's
  int in = 0, out = 0;
  int experts = 0;  // in the pool
  int d_model = 0;  // of the model
};

/// Mix the experts' outputs: rows are tokens, or examples (each decision then serves all tokens of its example).
template <Backend B>
struct OutputRouting {
  Index<B> expert{};  // [rows, k] positions in the pool; undefined: nobody is heard
  Real<B> weight{};   // [rows, k]

  mutable std::shared_ptr<const Groups<B>> sorted{};

  /// The decision's slots by expert, sorted once however many ask.
  const Groups<B>& groups(const Context<B>& cx, int experts) const {
    if (!sorted) sorted = std::make_shared<const Groups<B>>(group_by_expert(cx, expert, experts));
    return *sorted;
  }
};

/// Average the experts' parameters and run one expert per example; a second pair routes the second matrix (AdaMix).
template <Backend B>
struct ParameterRouting {
  Index<B> expert{};  // [examples, k]; undefined: nobody is heard
  Real<B> weight{};   // [examples, k]
  Index<B> second_expert{};
  Real<B> second_weight{};

  /// What a module made of this decision for inference: a plan is merged once per input, however many tokens follow.
  std::shared_ptr<std::shared_ptr<const void>> merged = std::make_shared<std::shared_ptr<const void>>();

  /// What make() returns, an M; without a tape it is asked once.
  template <class M, class F>
  std::shared_ptr<const M> once(const Context<B>& cx, F&& make) const {
    auto m = std::static_pointer_cast<const M>(*merged);
    if (m && !cx.tape) return m;
    m = std::make_shared<const M>(make());
    if (!cx.tape) *merged = m;
    return m;
  }
};

template <class R, class B>
concept Routing = std::same_as<R, OutputRouting<B>> || std::same_as<R, ParameterRouting<B>>;

/// Scores of a router's rows that came out of the group's packed GEMM, on raw inputs.
template <Backend B>
struct Scores {
  Real<B> raw;         // [rows, candidates], or undefined
  Real<B> statistics;  // [rows, 2]: mean and 1 / std of the input rows
};

/// One site's decision, kept for whoever looks.
template <Backend B>
struct TraceEntry {
  Site site;
  int step = 0;  // the decoding step, 0 outside of generation
  Index<B> expert;
  Real<B> weight;
};

/// Loss terms that routers add while training, [1] each, weighted beside the SUM of the target tokens' losses: scalars,
/// and functions of the loss per example [examples, 1] that training closes after the LM loss. Scalars are added up; of
/// what was deferred the mean over the sites counts.
template <Backend B>
struct Losses {
  std::vector<Real<B>> scalar;
  std::vector<std::function<Real<B>(const Context<B>&, const Real<B>&)>> deferred;
};

/// What routers draw while they train, told apart.
enum class RouterDraws : std::uint64_t { dropout = 1, expert = 2, second_part = 3, skills = 4 };

/// What a router or module may know of the rows it is given, besides the rows. Never global.
template <Backend B>
struct Batch {
  int examples = 1;
  int tokens = 0;                   // rows per example
  Index<B> mask;                    // [examples, tokens], 0: padding; undefined: none
  Index<B> input_ids;               // [examples, source tokens]
  Index<B> encoder_mask;            // [examples, source tokens]
  Real<B> encoded;                  // [examples * source tokens, d_model], once the encoder has run
  std::vector<std::uint64_t> text;  // per example, a number that its tokens make; padding does not count
  std::vector<int> task;            // per example, where known
  std::vector<int> expert;          // per example, where it was decided outside (router Given); -1: nobody
  Real<B> embedding;                // [examples, width], where a sentence encoder made one
  bool training = false;
  float dropout = 0;           // the model's rate while it trains
  bool checkpointing = false;  // blocks keep their inputs alone, and run once more for the gradient
  int step = 0;                // of training, or of decoding
  int parts = 1;               // of a step of training, computed one after the other; their losses are averaged
  Random random{};
  std::vector<TraceEntry<B>>* trace = nullptr;
  Losses<B>* losses = nullptr;
  const std::vector<std::shared_ptr<const void>>* plans = nullptr;  // by site index; see SiteExperts::plan
};

/// A router's own random numbers at this site, step, part and pass.
template <Backend B>
Random router_draws(const Batch<B>& batch, const Site& site, RouterDraws use) {
  return batch.random.fork((std::uint64_t(use) << 32) + std::uint64_t(site.index));
}

}  // namespace anser
