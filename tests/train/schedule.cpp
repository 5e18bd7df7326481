#include <anser/train/schedule.hpp>

#include "../gradient.hpp"

namespace anser::test {
namespace {

using Kind = Schedule::Kind;

std::vector<double> rates(Schedule s, std::initializer_list<long long> steps) {
  std::vector<double> r;
  for (const long long step : steps) r.push_back(s.at(step));
  return r;
}

}  // namespace

// As transformers 4.57.6: optimization.py with a rate of 2 and 100 steps, 10 of them to warm up.
BOOST_AUTO_TEST_CASE(rates_equal_transformers) {
  const Schedule s{Kind::constant, 2, 10, 100};
  const auto with = [&](Kind kind) { return Schedule{kind, s.rate, s.warmup, s.steps}; };
  check_near(rates(with(Kind::constant), {0, 5, 10, 99, 200}), {0, 1, 2, 2, 2}, 1e-12, "constant");
  check_near(rates(with(Kind::linear), {0, 5, 10, 55, 99, 100, 200}), {0, 1, 2, 1, 2.0 / 90, 0, 0}, 1e-12, "linear");
  check_near(rates(with(Kind::cosine), {0, 5, 10, 40, 55, 100, 200}), {0, 1, 2, 1.5, 1, 0, 0}, 1e-12, "cosine");
  check_near(rates(with(Kind::inverse_sqrt), {0, 5, 10, 40, 160}), {0, 1, 2, 1, 0.5}, 1e-12, "inverse-sqrt");
  check_near(rates({Kind::inverse_sqrt, 2, 0, 100}, {0, 30000}), {2, 1}, 1e-12, "inverse-sqrt without a warm-up");
}

BOOST_AUTO_TEST_CASE(rates_end_at_a_share) {
  check_near(rates({Kind::linear, 2, 10, 100, 0.1}, {5, 10, 55, 100, 200}), {1, 2, 1.1, 0.2, 0.2}, 1e-12, "linear");
  check_near(rates({Kind::cosine, 2, 10, 100, 0.1}, {5, 10, 40, 55, 100}), {1, 2, 1.55, 1.1, 0.2}, 1e-12, "cosine");
}

BOOST_AUTO_TEST_CASE(names_and_others) {
  for (const auto name : Schedule::names) BOOST_CHECK(Schedule::names[std::size_t(Schedule::named(name))] == name);
  BOOST_CHECK_EXCEPTION(Schedule::named("polynomial"), Error, says("polynomial is none of constant"));
}

}  // namespace anser::test
