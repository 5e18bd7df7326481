#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "../core/error.hpp"
#include "../core/random.hpp"

namespace anser {

/// T5's objective of pretraining (Raffel et al. 2020, section 3.1.4): spans of a text are left out, and to be told.
struct SpanCorruption {
  double density = 0.15;       // share of the tokens that are left out
  double mean_span = 3.0;      // tokens
  bool final_sentinel = true;  // closes the target, as in the paper; T5's published code leaves it out

  void validate() const {
    check(density > 0 && density < 1, "span corruption: a density of ", density, " is not between 0 and 1");
    check(mean_span >= 1 && std::isfinite(mean_span), "span corruption: spans of ", mean_span,
          " tokens on average; at least 1");
  }
};

/// Of how many tokens something consists.
struct NoiseCount {
  int tokens = 0, noise = 0, spans = 0;  // in all; left out; spans that are left out, as many as stay

  /// Of a text of this length; T5 counts texts of one token as two. Halves are rounded to even, as T5's code does.
  static NoiseCount of(int length, const SpanCorruption& o) {
    NoiseCount n{std::max(length, 2), 0, 0};
    n.noise = std::clamp(int(std::nearbyint(n.tokens * o.density)), 1, n.tokens - 1);
    n.spans = std::clamp(int(std::nearbyint(n.noise / o.mean_span)), 1, std::min(n.noise, n.tokens - n.noise));
    return n;
  }
  int input() const { return tokens - noise + spans + 1; }  // with a sentinel for each span, and the end
  int target(const SpanCorruption& o) const { return noise + spans + (o.final_sentinel ? 2 : 1); }
};

/// The longest text whose corrupted form is no longer than `input` tokens: T5's compute_input_and_target_lengths,
/// without its special case of a density of 0.5. Throws Error where not even two tokens fit.
inline NoiseCount longest_text(int input, const SpanCorruption& o) {
  o.validate();
  check(input >= NoiseCount::of(2, o).input() && input <= 1 << 24, "span corruption: inputs of ", input,
        " tokens; between ", NoiseCount::of(2, o).input(), " and 16,777,216");
  int length = 2, beyond = 3;
  while (beyond < 1 << 28 && NoiseCount::of(beyond, o).input() <= input) beyond *= 2;  // longer texts, longer inputs
  while (beyond - length > 1) {
    const int middle = length + (beyond - length) / 2;
    (NoiseCount::of(middle, o).input() <= input ? length : beyond) = middle;
  }
  return NoiseCount::of(length, o);
}

/// `items` cut into that many segments, none empty, every way of doing so equally likely -> their lengths.
inline std::vector<int> cut_segments(int items, int segments, Random random) {
  std::vector<int> lengths{1};
  for (int i = 1; i < items; ++i) {
    const int missing = segments - int(lengths.size());
    if (random.uniform_double(std::uint64_t(i)) * (items - i) < missing)
      lengths.push_back(1);
    else
      ++lengths.back();
  }
  return lengths;
}

/// What a model reads and what it is to tell, both with the end of text.
struct CorruptedText {
  std::vector<std::int32_t> input, target;
};

/// A text whose spans are replaced by sentinels, and its target: each sentinel followed by its span. `ids` are without
/// the end; `sentinels` are the ids of <extra_id_0>, <extra_id_1> and so on. Text comes first, and a span last. The
/// same `random` corrupts a text alike. Throws Error for a text without tokens, one that holds sentinels itself, and
/// where there are too few of them.
inline CorruptedText corrupt_spans(std::span<const std::int32_t> ids, std::span<const std::int32_t> sentinels,
                                   std::int32_t eos, Random random, const SpanCorruption& o = {}) {
  o.validate();
  check(!ids.empty(), "span corruption: a text without tokens");
  const auto n = NoiseCount::of(int(ids.size()), o);
  check(std::size_t(n.spans) + (o.final_sentinel ? 1 : 0) <= sentinels.size(), "span corruption: a text of ",
        ids.size(), " tokens takes ", n.spans + (o.final_sentinel ? 1 : 0), " sentinels, and the vocabulary has ",
        sentinels.size(), "; cut texts shorter, or make spans longer");
  for (std::size_t i = 0; i < sentinels.size(); ++i)
    check(std::find(ids.begin(), ids.end(), sentinels[i]) == ids.end(),
          "span corruption: the text itself holds <extra_id_", i, ">, which stands for what is left out; take it away");
  const auto kept = cut_segments(n.tokens - n.noise, n.spans, random.fork(0));
  const auto noise = cut_segments(n.noise, n.spans, random.fork(1));
  CorruptedText out;
  std::size_t sentinel = 0;
  for (std::size_t at = 0; sentinel < noise.size(); ++sentinel) {
    const auto take = [&](std::vector<std::int32_t>& to, int count) {
      const std::size_t end = std::min(ids.size(), at + std::size_t(count));
      to.insert(to.end(), ids.begin() + std::ptrdiff_t(at), ids.begin() + std::ptrdiff_t(end));
      at = end;
    };
    take(out.input, kept[sentinel]);
    if (at == ids.size()) break;  // a single token stays
    out.input.push_back(sentinels[sentinel]);
    out.target.push_back(sentinels[sentinel]);
    take(out.target, noise[sentinel]);
  }
  if (o.final_sentinel || out.target.empty()) out.target.push_back(sentinels[sentinel]);
  out.input.push_back(eos);
  out.target.push_back(eos);
  return out;
}

/// The ids of <extra_id_0>, <extra_id_1> and so on. `vocabulary.id(piece)` is an optional id, as Tokenizer's. Throws
/// Error where there is none.
template <class Vocabulary>
std::vector<std::int32_t> find_sentinels(const Vocabulary& vocabulary) {
  std::vector<std::int32_t> ids;
  while (const auto id = vocabulary.id("<extra_id_" + std::to_string(ids.size()) + '>')) ids.push_back(*id);
  check(!ids.empty(), "span corruption: the vocabulary has no <extra_id_0>; T5's have 100 such sentinels");
  return ids;
}

}  // namespace anser
