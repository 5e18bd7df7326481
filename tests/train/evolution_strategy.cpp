#include <anser/train/evolution_strategy.hpp>
#include <limits>

#include "../gradient.hpp"

namespace anser::test {
namespace {

/// A bowl whose lowest point, of value 2, is `at`.
auto bowl(std::vector<double> at) {
  return [at = std::move(at)](const std::vector<double>& x) {
    double v = 2;
    for (std::size_t i = 0; i < x.size(); ++i) v += (x[i] - at[i]) * (x[i] - at[i]);
    return v;
  };
}

}  // namespace

BOOST_AUTO_TEST_SUITE(evolution_strategy_hpp)

BOOST_AUTO_TEST_CASE(it_finds_the_lowest_point) {
  for (const std::uint64_t seed : {0, 1, 2, 3}) {
    const auto found = minimise(bowl({0.7, -1.2, 0, 0.1}), std::vector<double>(4), {.trials = 400}, Random{seed});
    BOOST_CHECK_CLOSE(found.start, 3.94, 1e-9);
    BOOST_CHECK_SMALL(found.value - 2, 1e-6);
    BOOST_CHECK_SMALL(found.at[1] + 1.2, 1e-3);
    const double rate = found.successes / 400.0;  // the aim is a fifth
    BOOST_TEST((rate > 0.12 && rate < 0.3), "seed " << seed << ": a share of " << rate << " succeeded");
  }
}

BOOST_AUTO_TEST_CASE(forty_trials_in_twenty_dimensions_help) {
  std::vector<double> goal(20);
  for (std::size_t i = 0; i < 20; ++i) goal[i] = i % 3 ? 0.1 : 0.9;
  double left = 0;  // of the way down, on average
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto found = minimise(bowl(goal), std::vector<double>(20), {}, Random{seed});
    left += (found.value - 2) / (found.start - 2) / 200;
  }
  BOOST_TEST(left < 0.56, left);
}

BOOST_AUTO_TEST_CASE(a_seed_is_a_search) {
  std::vector<std::vector<double>> seen, again, other;
  const auto record = [](auto& into) {
    return [&](const std::vector<double>& x) {
      into.push_back(x);
      return bowl({1, 1})(x);
    };
  };
  const auto a = minimise(record(seen), {0, 0}, {.trials = 9}, Random{4});
  const auto b = minimise(record(again), {0, 0}, {.trials = 9}, Random{4});
  minimise(record(other), {0, 0}, {.trials = 9}, Random{5});
  BOOST_TEST(seen.size() == 10u);
  BOOST_TEST((seen[0] == std::vector<double>{0, 0}));
  BOOST_TEST((seen == again && a.at == b.at && a.value == b.value));
  BOOST_TEST((seen != other));
  // What was best is what was tried and gave the lowest value.
  const auto best = std::min_element(seen.begin(), seen.end(), [](const auto& x, const auto& y) {
    return bowl({1, 1})(x) < bowl({1, 1})(y);
  });
  BOOST_TEST((*best == a.at));
}

BOOST_AUTO_TEST_CASE(bounds_hold_and_what_is_not_finite_is_passed_over) {
  bool within = true;
  const auto found = minimise(
      [&](const std::vector<double>& x) {
        for (const double v : x) within = within && v >= -0.5 && v <= 0.25;
        if (x[1] < -0.1) return std::numeric_limits<double>::quiet_NaN();
        return bowl({5, -5})(x);
      },
      {0, 0}, {.trials = 200, .least = -0.5, .most = 0.25}, Random{1});
  BOOST_TEST(within);
  BOOST_TEST(found.at[0] == 0.25);
  BOOST_TEST((found.at[1] >= -0.1 && found.at[1] < -0.05), found.at[1]);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_is_refused) {
  const auto f = bowl({0});
  BOOST_CHECK_EXCEPTION(minimise(f, {}, {}, {}), Error, says("no numbers"));
  BOOST_CHECK_EXCEPTION(minimise(f, {2}, {}, {}), Error, says("it begins at 2"));
  BOOST_CHECK_EXCEPTION(minimise(f, {0}, {.trials = -1}, {}), Error, says("-1 trials"));
  BOOST_CHECK_EXCEPTION(minimise(f, {0}, {.spread = 0}, {}), Error, says("a spread of 0"));
  BOOST_CHECK_EXCEPTION(minimise(f, {0}, {.least = 1, .most = -1}, {}), Error, says("from 1 to -1"));
  BOOST_CHECK_EXCEPTION(minimise([](const auto&) { return INFINITY; }, {0}, {}, {}), Error, says("begins is inf"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
