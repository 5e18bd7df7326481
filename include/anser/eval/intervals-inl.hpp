#pragma once
#include <algorithm>
#include <cmath>
#include <numeric>

#include "../core/error.hpp"
#include "intervals.hpp"

namespace anser {

ANSER_INLINE double mean(std::span<const double> values) {
  check(!values.empty(), "no values, and so no mean");
  return std::accumulate(values.begin(), values.end(), 0.0) / double(values.size());
}

ANSER_INLINE std::vector<double> resampled_means(std::span<const double> values, int resamples, Random random) {
  check(!values.empty(), "no values to resample");
  check(resamples > 0, "bootstrap: ", resamples, " resamples; at least 1");
  const std::size_t n = values.size(), draws = (n + 3) / 4;  // a draw is four words
  std::vector<double> means(static_cast<std::size_t>(resamples));
  for (std::size_t r = 0; r < means.size(); ++r) {
    double total = 0;
    for (std::size_t i = 0; i < draws; ++i) {
      const auto words = random.draw(r * draws + i);
      for (std::size_t j = 0; j < std::min<std::size_t>(4, n - 4 * i); ++j)
        total += values[std::size_t(std::uint64_t(words[j]) * n >> 32)];
    }
    means[r] = total / double(n);
  }
  return means;
}

ANSER_INLINE Interval percentile_interval(std::vector<double> means, double level) {
  check(!means.empty(), "no resamples, and so no interval");
  std::sort(means.begin(), means.end());
  const auto at = [&](double share) {
    const double place = share * double(means.size() - 1);
    const auto below = std::size_t(place);
    const std::size_t above = std::min(below + 1, means.size() - 1);
    return means[below] + (place - double(below)) * (means[above] - means[below]);
  };
  return {at((1 - level) / 2), at((1 + level) / 2)};
}

namespace detail {

/// The regularised incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22) and Lentz' method.
inline double incomplete_beta(double a, double b, double x) {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incomplete_beta(b, a, 1 - x);  // where the fraction converges quickly
  const double front =
      std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x)) / a;
  constexpr double least = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (std::abs(d) < least ? least : d);
  double fraction = d;
  for (int m = 1; m < 10000; ++m) {
    double change = 1;
    for (const double term : {m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                              -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))}) {
      d = 1 + term * d;
      d = 1 / (std::abs(d) < least ? least : d);
      c = 1 + term / c;
      if (std::abs(c) < least) c = least;
      change = c * d;
      fraction *= change;
    }
    if (std::abs(change - 1) < 1e-16) break;
  }
  return front * fraction;
}

/// The probability that |t| exceeds x.
inline double student_tails(double x, double degrees) {
  return incomplete_beta(degrees / 2, 0.5, degrees / (degrees + x * x));
}

}  // namespace detail

ANSER_INLINE double student_quantile(double probability, double degrees) {
  check(probability > 0 && probability < 1, "Student's t: the probability is ", probability, "; between 0 and 1");
  check(degrees > 0 && std::isfinite(degrees), "Student's t: ", degrees, " degrees of freedom; above 0");
  if (probability < 0.5) return -student_quantile(1 - probability, degrees);
  const double tails = 2 * (1 - probability);
  double low = 0, high = 1;
  while (detail::student_tails(high, degrees) > tails && high < 1e300) high *= 2;
  for (int i = 0; i < 200 && high - low > 1e-15 * high; ++i) {
    const double middle = low + (high - low) / 2;
    (detail::student_tails(middle, degrees) > tails ? low : high) = middle;
  }
  return low + (high - low) / 2;
}

ANSER_INLINE Interval seed_interval(std::span<const double> values, double level) {
  check(int(values.size()) >= fewest_seeds, "an interval over ", values.size(), " seeds says little; run ",
        fewest_seeds, " or more");
  const double m = mean(values), n = double(values.size());
  double squares = 0;
  for (const double v : values) squares += (v - m) * (v - m);
  const double half = student_quantile((1 + level) / 2, n - 1) * std::sqrt(squares / (n - 1) / n);
  return {m - half, m + half};
}

}  // namespace anser
