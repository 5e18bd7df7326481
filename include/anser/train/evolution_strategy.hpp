#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "../core/error.hpp"
#include "../core/random.hpp"

namespace anser {

/// The (1+1) evolution strategy (Rechenberg 1973), which needs values alone and no gradient: the best point so far plus
/// normal noise is tried, and taken where it is no worse; the noise grows with each success and shrinks with each
/// failure, so that about one trial in five succeeds. For few dimensions and few trials.
struct EvolutionStrategy {
  int trials = 40;
  double spread = 0.2;  // of the noise, at first
  double least = -1.5;  // bounds of every number; a trial beyond is set on them
  double most = 1.5;
};

struct Minimum {
  std::vector<double> at;
  double value = 0;
  double start = 0;  // the value where the search began
  int successes = 0;
  double spread = 0;  // that the noise had in the end
};

/// Searches for the x of the lowest f(x). f is asked trials + 1 times, first at the start; what is not finite is never
/// taken. The noise of trial t is a function of `random`, t and the dimension. Throws Error where a setting is none,
/// the start lies out of bounds, or f is not finite there.
template <class F>
Minimum minimise(F&& f, std::vector<double> start, const EvolutionStrategy& o, Random random) {
  check(o.trials >= 0, "search: ", o.trials, " trials");
  check(std::isfinite(o.spread) && o.spread > 0, "search: a spread of ", o.spread, " is not above 0");
  check(std::isfinite(o.least) && std::isfinite(o.most) && o.least < o.most, "search: from ", o.least, " to ", o.most,
        " there is nothing");
  check(!start.empty(), "search: a point of no numbers");
  for (const double v : start)
    check(v >= o.least && v <= o.most, "search: it begins at ", v, ", which is not between ", o.least, " and ", o.most);
  Minimum best{std::move(start), 0, 0, 0, o.spread};
  best.value = best.start = f(std::as_const(best.at));
  check(std::isfinite(best.start), "search: the value where it begins is ", best.start);
  const double rate = 1 / std::sqrt(double(best.at.size()) + 1);
  for (int t = 0; t < o.trials; ++t) {
    const Random noise = random.fork(std::uint64_t(t));
    auto trial = best.at;
    for (std::size_t i = 0; i < trial.size(); ++i)
      trial[i] = std::clamp(trial[i] + best.spread * double(noise.normal(i)), o.least, o.most);
    const double value = f(std::as_const(trial));
    const bool success = value <= best.value;  // a value that is no number is no success
    if (success) {
      best.at = std::move(trial);
      best.value = value;
      ++best.successes;
    }
    best.spread *= std::exp(success ? rate : -rate / 4);
  }
  return best;
}

}  // namespace anser
