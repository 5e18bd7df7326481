#include <anser/core/function.hpp>
#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(function_hpp)

using namespace anser;
namespace tt = boost::test_tools;

template <class F>
void check_slope(const F& f, std::initializer_list<double> at) {
  constexpr double step = 1e-6;
  for (const double x : at) BOOST_TEST(f.slope(x) == (f(x + step) - f(x - step)) / (2 * step), tt::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(what_they_are) {
  BOOST_TEST(function::Log{}(2.0) == std::log(2.0));
  BOOST_TEST(function::Log{1e-6}(0.0) == std::log(1e-6), tt::tolerance(1e-12));
  BOOST_TEST(function::Reciprocal{}(4.0) == 0.25);
  BOOST_TEST(function::Reciprocal{1.0}(3.0) == 0.25);
  const function::SmoothStep step;
  BOOST_TEST(step(-0.5) == 0);
  BOOST_TEST(step(-7.0) == 0);
  BOOST_TEST(step(0.0) == 0.5);
  BOOST_TEST(step(0.25) == 0.84375);  // -2/64 + 3/8 + 1/2
  BOOST_TEST(step(0.5) == 1);
  BOOST_TEST(step(7.0) == 1);
  const function::Huber huber;
  BOOST_TEST(huber(0.5) == 0.125);
  BOOST_TEST(huber(-0.5) == 0.125);
  BOOST_TEST(huber(-3.0) == 2.5);
}

BOOST_AUTO_TEST_CASE(slopes_are_their_derivatives) {
  check_slope(function::Log{1e-3}, {0.01, 1.0, 5.0});
  check_slope(function::Reciprocal{1e-3}, {0.2, 1.0, -5.0});
  check_slope(function::SmoothStep{}, {-0.4, -0.1, 0.3});
  check_slope(function::Huber{}, {-2.0, -0.7, 0.3, 4.0});
  BOOST_TEST(function::SmoothStep{}.slope(-0.6) == 0);
  BOOST_TEST(function::SmoothStep{}.slope(0.6) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
