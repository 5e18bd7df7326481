#include <anser/core/activation.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>

BOOST_AUTO_TEST_SUITE(activation_hpp)

using namespace anser;

double value(Activation a, double x) {
  return with_function(a, [x](auto f) { return f(x); });
}

BOOST_AUTO_TEST_CASE(what_they_are) {
  for (const double x : {-3.0, -0.5, 0.25, 2.0}) {
    BOOST_TEST(value(Activation::none, x) == x);
    BOOST_TEST(value(Activation::relu, x) == std::fmax(x, 0));
    BOOST_TEST(value(Activation::silu, x) == x / (1 + std::exp(-x)), boost::test_tools::tolerance(1e-12));
    const double inner = std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x);
    BOOST_TEST(value(Activation::gelu_new, x) == 0.5 * x * (1 + std::tanh(inner)), boost::test_tools::tolerance(1e-12));
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_a_number_stays_so) {
  for (const auto a : {Activation::none, Activation::relu, Activation::silu, Activation::gelu_new})
    BOOST_TEST(std::isnan(value(a, std::nan(""))));
}

BOOST_AUTO_TEST_CASE(slopes_are_their_derivatives) {
  constexpr double step = 1e-5;
  for (const auto a : {Activation::none, Activation::relu, Activation::silu, Activation::gelu_new})
    for (const double x : {-3.0, -0.5, 0.25, 2.0}) {
      const double slope = with_function(a, [x](auto f) { return f.slope(x); });
      BOOST_TEST(std::fabs(slope - (value(a, x + step) - value(a, x - step)) / (2 * step)) < 1e-8);
    }
}

BOOST_AUTO_TEST_SUITE_END()
