#include <anser/core/error.hpp>
#include <anser/eval/intervals.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "../io/temporary.hpp"

namespace {

using namespace anser;

BOOST_AUTO_TEST_CASE(students_quantiles_are_those_of_tables) {
  const double table[][3] = {
      {0.975, 1, 12.706204736174698},  {0.975, 4, 2.7764451051977925}, {0.975, 9, 2.262157162798204},
      {0.95, 5, 2.0150483733330233},   {0.995, 30, 2.749995653567231}, {0.975, 1e6, 1.959966},
      {0.9995, 3, 12.923978636687485}, {0.75, 2, 0.816496580927726},
  };
  for (const auto& [probability, degrees, x] : table) {
    BOOST_TEST(student_quantile(probability, degrees) == x, boost::test_tools::tolerance(1e-6));
    BOOST_TEST(student_quantile(1 - probability, degrees) == -x, boost::test_tools::tolerance(1e-6));
  }
  BOOST_TEST(std::abs(student_quantile(0.5, 3)) < 1e-12);
  CHECK_SAYS(student_quantile(1, 3), "probability is 1");
  CHECK_SAYS(student_quantile(0.9, 0), "degrees of freedom");
}

BOOST_AUTO_TEST_CASE(an_interval_over_seeds_needs_five) {
  const std::vector<double> values = {0.36, 0.24, 0.38, 0.32, 0.49};
  // scipy.stats.t.interval(0.95, 4, loc=numpy.mean(values), scale=scipy.stats.sem(values))
  const auto [low, high] = seed_interval(values);
  BOOST_TEST(low == 0.24474281784141821, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(high == 0.47125718215858176, boost::test_tools::tolerance(1e-12));
  CHECK_SAYS(seed_interval(std::span(values).first(4)), "an interval over 4 seeds", "5 or more");
}

BOOST_AUTO_TEST_CASE(percentiles_are_interpolated) {
  // numpy.percentile([3, 1, 4, 1, 5, 9, 2, 6, 5, 3], [2.5, 97.5])
  const auto [low, high] = percentile_interval({3, 1, 4, 1, 5, 9, 2, 6, 5, 3});
  BOOST_TEST(low == 1.0);
  BOOST_TEST(high == 8.325, boost::test_tools::tolerance(1e-14));
  const auto narrow = percentile_interval({0.25, 0.25, 0.25});
  BOOST_TEST(narrow.low == 0.25);
  BOOST_TEST(narrow.high == 0.25);
}

BOOST_AUTO_TEST_CASE(bootstrap_means_spread_as_theory_says) {
  std::vector<double> values(203, 0.0);  // no multiple of four
  for (std::size_t i = 0; i < 61; ++i) values[i] = 1;
  const double p = 61.0 / 203, deviation = std::sqrt(p * (1 - p) / 203);
  const int n = 20000;
  const auto means = resampled_means(values, n, {7, 1});
  double squares = 0;
  for (const double m : means) squares += (m - p) * (m - p);
  BOOST_TEST(std::abs(mean(means) - p) < 4 * deviation / std::sqrt(n));
  BOOST_TEST(std::sqrt(squares / n) == deviation, boost::test_tools::tolerance(0.02));
  const auto [low, high] = percentile_interval(means);
  BOOST_TEST(low == p - 1.96 * deviation, boost::test_tools::tolerance(0.03));
  BOOST_TEST(high == p + 1.96 * deviation, boost::test_tools::tolerance(0.03));
  // The same for the same seed, and another for another; and the draws depend on the number of values alone.
  BOOST_TEST(means == resampled_means(values, n, {7, 1}), boost::test_tools::per_element());
  BOOST_TEST((means != resampled_means(values, n, {8, 1})));
  std::vector<double> halves = values;
  for (double& v : halves) v /= 2;
  const auto scaled = resampled_means(halves, 100, {7, 1});
  for (std::size_t i = 0; i < scaled.size(); ++i) BOOST_TEST(scaled[i] == means[i] / 2);
}

BOOST_AUTO_TEST_CASE(every_value_is_drawn_alike) {
  std::vector<double> powers = {1, 1e3, 1e6, 1e9, 1e12};  // the digits of a sum count who was drawn
  double drawn[5] = {};
  for (const double m : resampled_means(powers, 4000, {3, 9})) {
    double rest = std::round(m * 5);
    for (int i = 4; i >= 0; --i) {
      drawn[i] += std::floor(rest / powers[std::size_t(i)]);
      rest = std::fmod(rest, powers[std::size_t(i)]);
    }
  }
  for (const double d : drawn) BOOST_TEST(std::abs(d - 4000) < 4 * std::sqrt(20000 * 0.2 * 0.8));
}

BOOST_AUTO_TEST_CASE(nothing_has_no_mean) {
  CHECK_SAYS(mean({}), "no values");
  CHECK_SAYS(resampled_means({}, 10, {}), "no values");
  CHECK_SAYS(resampled_means(std::vector<double>{1}, 0, {}), "0 resamples");
}

}  // namespace
