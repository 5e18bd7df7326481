#pragma once
#include "../ops/loss.hpp"
#include "model.hpp"

namespace anser {

/// The decoder's input for a target: shifted right behind the start token; negative labels (ignored) become pad.
inline Tokens shift_right(const Tokens& labels, int start, int pad) {
  check(labels.ids.size() == std::size_t(labels.examples) * std::size_t(labels.tokens), "target: ", labels.ids.size(),
        " ids do not fill ", labels.examples, " x ", labels.tokens);
  Tokens t{labels.examples, labels.tokens, std::vector<std::int32_t>(labels.ids.size()), {}};
  for (int b = 0; b < t.examples; ++b)
    for (int j = 0; j < t.tokens; ++j) {
      const std::size_t at = std::size_t(b) * std::size_t(t.tokens) + std::size_t(j);
      const std::int32_t before = j ? labels.ids[at - 1] : start;
      t.ids[at] = before < 0 ? pad : before;
    }
  return t;
}

/// The labels that count: what the mask hides becomes -100. Throws Error where ids and mask differ in size.
inline std::vector<std::int32_t> counted_labels(const Tokens& labels) {
  check(labels.mask.empty() || labels.mask.size() == labels.ids.size(), "target: ids and mask differ in size");
  auto ids = labels.ids;
  for (std::size_t i = 0; i < labels.mask.size(); ++i)
    if (!labels.mask[i]) ids[i] = -100;
  return ids;
}

/// Cross-entropy of every target token, teacher-forced: labels [hypotheses, tokens] -> [rows]. A label that is
/// negative, or hidden by the labels' mask, is ignored. `logits`, if given, takes the [rows, vocabulary] for further
/// use.
template <Backend B>
Real<B> token_losses(const Context<B>& cx, const T5Model<B>& model, Session<B>& session, const Tokens& labels,
                     double smoothing = 0, Real<B>* logits = nullptr) {
  const auto& c = model.config();
  for (std::int32_t id : labels.ids)
    check(id < c.vocabulary, "target: the id ", id, " is not among the model's, 0 to ", c.vocabulary - 1);
  const auto counted = counted_labels(labels);
  const auto y = model.decode(cx, session, shift_right(labels, c.start, c.pad), false);
  if (logits) *logits = y;
  return cross_entropy(cx, y, Index<B>(model.device(), {labels.examples * labels.tokens}, counted), smoothing, !logits);
}

/// Mean cross-entropy over all target tokens that count: [1].
template <Backend B>
Real<B> mean_loss(const Context<B>& cx, const T5Model<B>& model, Session<B>& session, const Tokens& labels,
                  double smoothing = 0) {
  std::ptrdiff_t counted = 0;
  for (std::int32_t id : counted_labels(labels)) counted += id >= 0;
  check(counted > 0, "loss: no target token counts");
  return scale(cx, sum(cx, token_losses(cx, model, session, labels, smoothing)), 1 / double(counted));
}

/// Rank classification: per choice the mean log-likelihood over its tokens, eos included. `choices[b]` are the target
/// ids (with eos) of example b; all read from one encoding of the inputs, some thousands of tokens at a time. Throws
/// NotFinite for a likelihood that is not.
template <Backend B>
std::vector<std::vector<double>> score_choices(const T5Model<B>& model, const Context<B>& cx, const Tokens& inputs,
                                               const std::vector<std::vector<std::vector<std::int32_t>>>& choices,
                                               const Batch<B>& batch = {}) {
  check(int(choices.size()) == inputs.examples, "score: choices for ", choices.size(), " of ", inputs.examples,
        " examples");
  std::size_t most = 0;
  for (const auto& of : choices) {
    check(!of.empty(), "score: an example without choices");
    for (const auto& c : of) check(!c.empty(), "score: an empty choice");
    most = std::max(most, of.size());
  }
  auto session = model.encode(cx, inputs, batch);
  std::vector<std::vector<double>> scores(choices.size());
  constexpr std::size_t rows_at_once = 4096;  // logits of a row are a vocabulary wide
  for (std::size_t first = 0; first < most;) {
    std::size_t longest = 0, n = 0;  // choices [first, first + n) of every example
    for (; first + n < most; ++n) {
      std::size_t wider = longest;
      for (const auto& of : choices)
        if (first + n < of.size()) wider = std::max(wider, of[first + n].size());
      if (n > 0 && (n + 1) * wider * choices.size() > rows_at_once) break;
      longest = wider;
    }
    Tokens labels{int(n) * inputs.examples, int(longest), {}, {}};
    labels.ids.assign(std::size_t(labels.examples) * longest, -100);
    const auto row = [&](std::size_t b, std::size_t i) { return (b * n + i - first) * longest; };
    for (std::size_t b = 0; b < choices.size(); ++b)
      for (std::size_t i = first; i < std::min(first + n, choices[b].size()); ++i)
        std::copy(choices[b][i].begin(), choices[b][i].end(), labels.ids.begin() + std::ptrdiff_t(row(b, i)));
    const auto loss = token_losses(cx, model, session, labels).host();
    for (std::size_t b = 0; b < choices.size(); ++b)
      for (std::size_t i = first; i < std::min(first + n, choices[b].size()); ++i) {
        double total = 0;
        for (std::size_t j = 0; j < choices[b][i].size(); ++j) total -= double(loss[row(b, i) + j]);
        if (!std::isfinite(total)) [[unlikely]]
          throw NotFinite(
              "score: a log-likelihood is not finite; a weight or an expert holds NaN or overflows "
              "(`anser inspect --values` and `anser pool check` find it)");
        scores[b].push_back(total / double(choices[b][i].size()));
      }
    first += n;
  }
  return scores;
}

}  // namespace anser
