#pragma once
#include <functional>
#include <optional>

#include "beam_search.hpp"
#include "model.hpp"
#include "sampling.hpp"

namespace anser {

struct Generation {
  int max_new_tokens = 128;
  BeamOptions beam{.beams = 1};
  std::optional<Sampling> sampling{};  // instead of the most likely token; one beam only
  std::uint64_t seed = 0;
  std::function<void(int)> progress{};  // told the number of steps done

  void validate() const {
    check(max_new_tokens >= 1, "generate: --max-new-tokens is ", max_new_tokens, "; at least 1");
    check(beam.beams >= 1, "generate: ", beam.beams, " beams; at least 1");
    check(!sampling || beam.beams == 1, "generate: sampling and beam search exclude each other");
    if (sampling) sampling->validate();
  }
};

/// What was generated: per example the new tokens, the eos included where one came, and the score (log-likelihood of
/// the hypothesis over its length to the penalty's power; 0 for sampling).
struct Generated {
  std::vector<std::int32_t> tokens;
  double score = 0;
};

namespace detail {
template <Backend B>
std::vector<float> to_float(const Real<B>& x) {
  const auto v = x.host();
  return std::vector<float>(v.begin(), v.end());
}
/// Logits that are not numbers would pass for a choice; they are an error of the model or of an expert.
inline void check_logits(std::span<const float> logits) {
  for (float v : logits)
    if (!std::isfinite(v)) [[unlikely]]
      throw NotFinite(
          "generate: the model's logits are not finite; a weight or an expert holds NaN or overflows "
          "(`anser inspect --values` and `anser pool check` find it)");
}
}  // namespace detail

/// Decode from a session that has read its input: greedy, beam search as Hugging Face runs it, or sampling with
/// counter-based draws (the same for a seed on every backend, whatever the batch's order of steps). Throws NotFinite
/// for logits that are not.
template <Backend B>
std::vector<Generated> generate(const T5Model<B>& model, Session<B>& session, const Generation& o) {
  o.validate();
  check(session.length == 0, "generate: the session has decoded already; read the input again");
  const auto& c = model.config();
  const Context<B> cx{model.device()};
  const int examples = session.source.examples, beams = o.beam.beams;
  std::vector<std::int32_t> next(std::size_t(examples) * std::size_t(beams), c.start);
  auto logits = [&] {
    auto v = detail::to_float<B>(model.decode(cx, session, {int(next.size()), 1, next, {}}, true));
    detail::check_logits(v);
    return v;
  };

  if (beams > 1) {
    BeamSearch search(examples, o.beam, c.eos, c.pad, o.max_new_tokens);
    for (int step = 0; step < o.max_new_tokens && !search.done(); ++step) {
      const auto source = search.step(logits(), c.vocabulary);
      next = search.last();
      bool moved = false;
      for (std::size_t i = 0; i < source.size(); ++i) moved = moved || source[i] != std::int32_t(i);
      if (moved) model.select(cx, session, source);
      if (o.progress) o.progress(step + 1);
    }
    std::vector<Generated> out;
    for (auto& h : search.best()) out.push_back({std::move(h.tokens), h.score});
    return out;
  }

  std::vector<Generated> out(std::size_t(examples), Generated{});
  std::vector<bool> done(std::size_t(examples), false);
  for (int step = 0, running = examples; step < o.max_new_tokens && running; ++step) {
    const auto l = logits();
    for (std::size_t b = 0; b < out.size(); ++b) {
      if (done[b]) {
        next[b] = c.pad;
        continue;
      }
      const std::span<const float> row(l.data() + b * std::size_t(c.vocabulary), std::size_t(c.vocabulary));
      const Random random{o.seed, b};
      next[b] = o.sampling ? o.sampling->draw(row, random.uniform_double(std::uint64_t(step)))
                           : std::int32_t(std::max_element(row.begin(), row.end()) - row.begin());
      out[b].tokens.push_back(next[b]);
      if (next[b] == c.eos) {
        done[b] = true;
        --running;
      }
    }
    if (o.progress) o.progress(step + 1);
  }
  return out;
}

}  // namespace anser
