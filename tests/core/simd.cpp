#include <algorithm>
#include <anser/core/simd.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

namespace {

/// The largest error of f against truth on [from, to], relative, or absolute where the truth is below `scale`.
template <class F, class G>
double worst(F f, G truth, float from, float to, double scale = 0) {
  double error = 0;
  for (int i = 0; i <= 200000; ++i) {
    const float x = from + (to - from) * float(i) / 200000;
    const double t = truth(double(x));
    error = std::max(error, std::fabs(double(f(x)) - t) / std::max(std::fabs(t), scale));
  }
  return error;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(simd)

BOOST_AUTO_TEST_CASE(exponential) {
  const auto exp = [](float x) { return anser::simd::exp(x); };
  const auto truth = [](double x) { return std::exp(x); };
  BOOST_TEST(worst(exp, truth, -87.3, 88.37) < 3e-7);
  BOOST_TEST(worst(exp, truth, -1, 1) < 3e-7);
  BOOST_TEST(exp(0) == 1);
  BOOST_TEST(exp(-87.6f) > 0);  // no longer a normal float
  BOOST_TEST(exp(-87.7f) == 0);
  BOOST_TEST(exp(-1e30f) == 0);
  BOOST_TEST(std::isinf(exp(88.4f)));
  BOOST_TEST(std::isinf(exp(1e30f)));
  BOOST_TEST(exp(-std::numeric_limits<float>::infinity()) == 0);
  BOOST_TEST(std::isinf(exp(89)));
  BOOST_TEST(std::isinf(exp(std::numeric_limits<float>::infinity())));
  BOOST_TEST(std::isnan(exp(std::numeric_limits<float>::quiet_NaN())));
  BOOST_TEST(anser::simd::exp(0.3) == std::exp(0.3));
}

BOOST_AUTO_TEST_CASE(hyperbolic_tangent) {
  const auto tanh = [](float x) { return anser::simd::tanh(x); };
  const auto truth = [](double x) { return std::tanh(x); };
  BOOST_TEST(worst(tanh, truth, -20, 20) < 2e-6);
  BOOST_TEST(worst(tanh, truth, -0.3f, 0.3f) < 2e-6);  // around the seam of its two forms
  BOOST_TEST(tanh(0) == 0);
  BOOST_TEST(tanh(1000) == 1);
  BOOST_TEST(tanh(-1000) == -1);
  BOOST_TEST(anser::simd::tanh(0.3) == std::tanh(0.3));
}

BOOST_AUTO_TEST_CASE(error_function) {
  const auto erf = [](float x) { return anser::simd::erf(x); };
  const auto truth = [](double x) { return std::erf(x); };
  BOOST_TEST(worst(erf, truth, -6, 6) < 5e-7);
  BOOST_TEST(worst(erf, truth, -0.7f, 0.7f) < 5e-7);  // around the seam of its two forms
  BOOST_TEST(worst(erf, truth, -1e-3f, 1e-3f) < 5e-7);
  BOOST_TEST(erf(0) == 0);
  BOOST_TEST(erf(1000) == 1);
  BOOST_TEST(erf(-1000) == -1);
  BOOST_TEST(erf(-std::numeric_limits<float>::infinity()) == -1);
  BOOST_TEST(std::isnan(erf(std::numeric_limits<float>::quiet_NaN())));
  BOOST_TEST(anser::simd::erf(0.3) == std::erf(0.3));
}

BOOST_AUTO_TEST_CASE(logistic) {
  const auto sigmoid = [](float x) { return anser::simd::sigmoid(x); };
  BOOST_TEST(worst(
                 sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, -80, 80) < 1e-6);
  BOOST_TEST(sigmoid(-1000) == 0);
  BOOST_TEST(sigmoid(1000) == 1);
}

BOOST_AUTO_TEST_SUITE_END()
