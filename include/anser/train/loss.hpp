#pragma once
#include <cmath>
#include <vector>

#include "../nn/routing.hpp"
#include "../ops/loss.hpp"
#include "../ops/matmul.hpp"
#include "../ops/softmax.hpp"

namespace anser {

/// How much each term of a multiple-choice loss counts. The defaults are T-Few's (Liu et al. 2022, section 3.2).
struct ChoiceLoss {
  double language = 1;      // cross-entropy of the right choice's tokens
  double choice = 1;        // cross-entropy over the choices' length-normalised scores
  double unlikelihood = 1;  // of the tokens of wrong choices
};

namespace function {
/// Of a token's loss l = -log p: -log(1 - p + 1e-2), as T-Few's code has it, so that p = 1 stays finite.
struct Unlikelihood {
  template <class T>
  ANSER_HD T operator()(T loss) const {
    return -std::log(1 - std::exp(-loss) + T(1e-2));
  }
  template <class T>
  ANSER_HD T slope(T loss) const {
    const T p = std::exp(-loss);
    return -p / (1 - p + T(1e-2));
  }
};
}  // namespace function

/// The loss of multiple choice: [1].
/// `token_loss` [examples * choices * tokens]: cross-entropies, 0 where a token does not count; `lengths` [examples *
/// choices]: how many do, 0 for a choice that only fills the table up; `right` [examples]: the right choice of each.
/// Throws Error where a right choice is none.
template <Backend B>
Real<B> choice_loss(const Context<B>& cx, const Real<B>& token_loss, const std::vector<int>& lengths,
                    const std::vector<int>& right, const ChoiceLoss& o = {}) {
  using R = typename B::real;
  const int examples = int(right.size()), rows = int(lengths.size());
  check(examples > 0 && rows % examples == 0 && token_loss.shape().size() % std::size_t(rows) == 0,
        "choice_loss: ", token_loss.shape(), " token losses for ", rows, " choices of ", examples, " examples");
  const int choices = rows / examples, tokens = int(token_loss.shape().size()) / rows;
  std::vector<R> mean(token_loss.shape().size()), language = mean, wrong = mean;
  std::vector<R> hidden(lengths.size());
  std::vector<std::int32_t> labels;
  double right_tokens = 0, wrong_tokens = 0;
  for (int b = 0; b < examples; ++b) {
    check(right[std::size_t(b)] >= 0 && right[std::size_t(b)] < choices &&
              lengths[std::size_t(b * choices + right[std::size_t(b)])] > 0,
          "choice_loss: example ", b, " has no choice ", right[std::size_t(b)]);
    labels.push_back(right[std::size_t(b)]);
    for (int c = 0; c < choices; ++c) {
      const int row = b * choices + c, n = lengths[std::size_t(row)];
      const bool is_right = c == right[std::size_t(b)];
      (is_right ? right_tokens : wrong_tokens) += n;
      if (n == 0) hidden[std::size_t(row)] = R(-1e9);
      for (int t = 0; t < n; ++t) {
        const std::size_t at = std::size_t(row) * std::size_t(tokens) + std::size_t(t);
        mean[at] = R(-1) / R(n);
        (is_right ? language : wrong)[at] = 1;
      }
    }
  }
  B& device = cx.device;
  const auto table = token_loss.as({rows, tokens});
  const auto weighted = [&](const Real<B>& x, const std::vector<R>& by) {
    return multiply(cx, x, Real<B>(device, {rows, tokens}, by));
  };
  auto loss = scale(cx, sum(cx, weighted(table, language)), o.language / right_tokens);
  if (o.choice != 0 && choices > 1) {
    const Real<B> ones(device, {1, tokens}, std::vector<R>(std::size_t(tokens), R(1)));
    const auto scores = matmul_t(cx, weighted(table, mean), ones);  // [rows, 1]
    const auto seen = add(cx, scores.as({examples, choices}), Real<B>(device, {examples, choices}, hidden));
    const auto each = cross_entropy(cx, seen, Index<B>(device, {examples}, labels));
    loss = add(cx, loss, sum(cx, each), o.choice / examples);
  }
  if (o.unlikelihood != 0 && wrong_tokens > 0)
    loss = add(cx, loss, sum(cx, weighted(map<R>(cx, table, function::Unlikelihood{}), wrong)),
               o.unlikelihood / wrong_tokens);
  return loss;
}

/// How far two passes over the same targets are apart: half of KL(p || q) + KL(q || p), summed over the vocabulary, the
/// mean over the rows that count (Wang et al. 2022, section 3.3) -> [1]. a, b: logits [rows, vocabulary]; labels: the
/// negative ones do not count.
template <Backend B>
Real<B> consistency_loss(const Context<B>& cx, const Real<B>& a, const Real<B>& b,
                         const std::vector<std::int32_t>& labels) {
  using R = typename B::real;
  check(int(labels.size()) == a.rows(), "consistency_loss: ", labels.size(), " labels for ", a.rows(), " rows");
  double counted = 0;
  for (const auto l : labels) counted += l >= 0;
  check(counted > 0, "consistency_loss: no target token counts");
  std::vector<R> share;
  for (const auto l : labels) share.push_back(l >= 0 ? R(0.5 / counted) : R(0));
  // sum (p - q)(ln p - ln q) is sum (p - q)(a - b): what the logarithms subtract is the same for the whole row, and
  // the p - q sum to 0.
  const auto apart = multiply(cx, add(cx, softmax(cx, a), softmax(cx, b), -1), add(cx, a, b, -1));
  const Real<B> ones(cx.device, {1, a.cols()}, std::vector<R>(std::size_t(a.cols()), R(1)));
  return sum(cx, multiply(cx, matmul_t(cx, apart, ones), Real<B>(cx.device, {a.rows(), 1}, share)));
}

/// A mean loss with what routers added to the sum of which it is the mean: over `counted` tokens; `each` [examples, 1]
/// is every example's own sum, without a gradient, for what was deferred.
template <Backend B>
Real<B> with_losses(const Context<B>& cx, Real<B> mean, const Losses<B>& added, const Real<B>& each, double counted) {
  for (const Real<B>& l : added.scalar) mean = add(cx, mean, l, 1 / counted);
  for (const auto& close : added.deferred)
    mean = add(cx, mean, close(cx, each), 1 / (counted * double(added.deferred.size())));
  return mean;
}

}  // namespace anser
