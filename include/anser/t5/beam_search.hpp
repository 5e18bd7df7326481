#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "../core/error.hpp"

namespace anser {

/// When a finished set of hypotheses ends the search of an example, as Hugging Face's early_stopping says it.
enum class EarlyStopping { no, yes, never };

struct BeamOptions {
  int beams = 4;
  double length_penalty = 1;  // scores are divided by length^penalty
  EarlyStopping early_stopping = EarlyStopping::no;
};

/// Beam search over a batch, on the host: told the log-probabilities, it says which hypotheses go on and with what.
/// Scores are sums of log-probabilities; a finished one is divided by its length (eos counts) to the penalty's power.
class BeamSearch {
 public:
  struct Hypothesis {
    std::vector<std::int32_t> tokens;
    double score = 0;
  };

  BeamSearch(int examples, BeamOptions options, int eos, int pad, int max_tokens)
      : options_(options), eos_(eos), pad_(pad), max_tokens_(max_tokens), searches_(std::size_t(examples)) {
    check(options.beams >= 1, "beam search: ", options.beams, " beams");
    check(std::isfinite(options.length_penalty), "beam search: the length penalty ", options.length_penalty,
          " is not a finite number");
    for (auto& s : searches_)
      for (int i = 0; i < options.beams; ++i) s.running.push_back({{}, i == 0 ? 0.0 : -1e9});
  }

  /// Logits [examples * beams, vocabulary] of the next token. Returns the hypothesis that each goes on from.
  std::vector<std::int32_t> step(std::span<const float> logits, int vocabulary) {
    ++length_;
    std::vector<std::int32_t> source;
    for (std::size_t b = 0; b < searches_.size(); ++b) {
      const std::size_t first = b * std::size_t(options_.beams);
      advance(searches_[b], logits.subspan(first * std::size_t(vocabulary)), vocabulary);
      for (int from : searches_[b].source) source.push_back(std::int32_t(first) + from);
    }
    return source;
  }

  /// The token that each hypothesis just took; what is done pads on.
  std::vector<std::int32_t> last() const {
    std::vector<std::int32_t> ids;
    for (const auto& s : searches_)
      for (const auto& h : s.running) ids.push_back(s.done ? pad_ : h.tokens.back());
    return ids;
  }
  bool done() const {
    return std::all_of(searches_.begin(), searches_.end(), [](const Search& s) { return s.done; });
  }
  /// The best of each example; what never finished counts with the length it has.
  std::vector<Hypothesis> best() const {
    std::vector<Hypothesis> out;
    for (const auto& s : searches_) {
      std::vector<Hypothesis> all = s.finished;
      if (!s.done)
        for (const auto& h : s.running) keep(all, {h.tokens, penalised(h.score, int(h.tokens.size()))});
      out.push_back(*std::max_element(all.begin(), all.end(),
                                      [](const Hypothesis& a, const Hypothesis& b) { return a.score < b.score; }));
    }
    return out;
  }

 private:
  struct Search {
    std::vector<Hypothesis> running, finished;
    std::vector<int> source;
    bool done = false;
  };
  struct Candidate {
    double score;
    int beam, token;
  };

  double penalised(double score, int length) const { return score / std::pow(double(length), options_.length_penalty); }

  /// The best `beams` finished hypotheses stay.
  void keep(std::vector<Hypothesis>& finished, Hypothesis h) const {
    if (int(finished.size()) < options_.beams) {
      finished.push_back(std::move(h));
      return;
    }
    auto worst = std::min_element(finished.begin(), finished.end(),
                                  [](const Hypothesis& a, const Hypothesis& b) { return a.score < b.score; });
    if (h.score > worst->score) *worst = std::move(h);
  }

  void advance(Search& s, std::span<const float> logits, int vocabulary) const {
    s.source.clear();
    if (s.done) {
      for (int i = 0; i < options_.beams; ++i) s.source.push_back(i);
      return;
    }
    const auto candidates = largest(s, logits, vocabulary, options_.beams * std::min(2, vocabulary));
    std::vector<Hypothesis> next;
    for (std::size_t rank = 0; rank < candidates.size() && int(next.size()) < options_.beams; ++rank) {
      const auto& c = candidates[rank];
      auto tokens = s.running[std::size_t(c.beam)].tokens;
      tokens.push_back(c.token);
      if (c.token == eos_) {  // an eos below the first `beams` candidates never won: it is dropped
        if (int(rank) < options_.beams) keep(s.finished, {std::move(tokens), penalised(c.score, length_)});
        continue;
      }
      next.push_back({std::move(tokens), c.score});
      s.source.push_back(c.beam);
    }
    while (int(next.size()) < options_.beams) {  // fewer words than beams
      next.push_back({s.running[0].tokens, -1e9});
      next.back().tokens.push_back(pad_);
      s.source.push_back(0);
    }
    s.running = std::move(next);
    s.done = finished(s, candidates[0].score);
  }

  /// Nothing that still runs can beat the worst of the finished.
  bool finished(const Search& s, double best_running) const {
    if (int(s.finished.size()) < options_.beams) return false;
    if (options_.early_stopping == EarlyStopping::yes) return true;
    double worst = std::numeric_limits<double>::infinity();
    for (const auto& h : s.finished) worst = std::min(worst, h.score);
    const bool full = options_.early_stopping == EarlyStopping::never && options_.length_penalty > 0;
    return worst >= penalised(best_running, full ? max_tokens_ : length_);
  }

  /// The `n` best continuations over all beams, best first; equal scores: the lower beam, then the lower token.
  static std::vector<Candidate> largest(const Search& s, std::span<const float> logits, int vocabulary, int n) {
    std::vector<Candidate> heap;
    const auto before = [](const Candidate& a, const Candidate& b) {
      if (a.score != b.score) return a.score > b.score;
      return a.beam != b.beam ? a.beam < b.beam : a.token < b.token;
    };
    for (std::size_t beam = 0; beam < s.running.size(); ++beam) {
      const float* row = logits.data() + beam * std::size_t(vocabulary);
      float top = row[0];
      for (int j = 1; j < vocabulary; ++j) top = std::max(top, row[j]);
      double sum = 0;
      for (int j = 0; j < vocabulary; ++j) sum += std::exp(row[j] - top);
      const double base = s.running[beam].score - double(top) - std::log(sum);
      for (int j = 0; j < vocabulary; ++j) {
        const Candidate c{double(row[j]) + base, int(beam), j};
        if (int(heap.size()) < n) {
          heap.push_back(c);
          std::push_heap(heap.begin(), heap.end(), before);
        } else if (before(c, heap.front())) {
          std::pop_heap(heap.begin(), heap.end(), before);
          heap.back() = c;
          std::push_heap(heap.begin(), heap.end(), before);
        }
      }
    }
    std::sort(heap.begin(), heap.end(), before);
    return heap;
  }

  BeamOptions options_;
  int eos_, pad_, max_tokens_;
  int length_ = 0;
  std::vector<Search> searches_;
};

}  // namespace anser
