#pragma once
/// How far a mean may be trusted.
#include <span>
#include <vector>

#include "../core/random.hpp"

namespace anser {

struct Interval {
  double low = 0, high = 0;
};

/// Throws Error where there are no values.
double mean(std::span<const double> values);

/// The means of `resamples` bootstrap samples, each of as many values drawn with replacement (Efron 1979). The same
/// draws for the same number of values: what was measured on the same examples is resampled together.
std::vector<double> resampled_means(std::span<const double> values, int resamples, Random random);

/// What lies between the percentiles that leave (1 - level) / 2 out on either side, interpolated between neighbours.
/// Where all values are alike it has no width: it says nothing of what was never seen.
Interval percentile_interval(std::vector<double> means, double level = 0.95);

/// Student's t: the x that t stays below with this probability, which is above 0 and below 1.
double student_quantile(double probability, double degrees_of_freedom);

/// The fewest seeds of which an interval is told.
inline constexpr int fewest_seeds = 5;

/// Student's interval of a mean over seeds: mean -+ t s / sqrt(n). Throws Error for fewer than five values.
Interval seed_interval(std::span<const double> values, double level = 0.95);

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "intervals-inl.hpp"
#endif
