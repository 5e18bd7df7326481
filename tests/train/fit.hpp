#pragma once
#include "regression.hpp"

namespace anser::test {

BOOST_AUTO_TEST_CASE_TEMPLATE(a_matrix_is_learned, B, Backends) {
  Regression<B> r;
  const double first = r.step().loss;
  double last = 0;
  for (int i = 0; i < 300; ++i) last = r.step().loss;
  BOOST_TEST(last < 1e-3 * first);
  check_near(doubles(r.weight.host()), doubles(r.truth.host()), 0.02, "the matrix");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(accumulated_batches_are_one_large_batch, B, Backends) {
  Regression<B> whole, parts;
  parts.fit.accumulate = 4;
  for (int i = 0; i < 5; ++i) {
    const auto a = whole.step(8), b = parts.step(2);
    BOOST_TEST(std::fabs(a.loss - b.loss) < 1e-5 * a.loss);
    BOOST_TEST(std::fabs(a.norm - b.norm) < 1e-5 * a.norm);
    BOOST_TEST(a.step == i + 1);
  }
  check_near(doubles(whole.weight.host()), doubles(parts.weight.host()), 1e-5, "the matrix");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(numbers_that_are_not_finite_stop_the_training, B, Backends) {
  Regression<B> r;
  r.step();
  const auto before = r.weight.host();
  BOOST_CHECK_EXCEPTION(r.fit.step([&](const Context<B>& cx, int) { return scale(cx, sum(cx, r.weight), INFINITY); }),
                        Error, says("the loss of step 2 is"));
  BOOST_TEST((r.weight.host() == before));
  BOOST_TEST(r.fit.optimizer.steps == 1);
  BOOST_TEST(!r.weight.has_grad());
  auto broken = before;
  broken[4] = typename B::real(NAN);
  r.weight.assign(broken);
  BOOST_CHECK_EXCEPTION(r.step(), Error, says("weight holds a number that is not finite"));
}

}  // namespace anser::test
