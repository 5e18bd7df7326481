#pragma once
#include <anser/ops/dropout.hpp>

#include "../gradient.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(dropout_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(what_the_random_numbers_say, B, Backends) {
  const Random random{7, 3};
  const int rows = 4, cols = 19;  // more than two draws a row, the last not whole
  const std::vector<Input> in{input({rows, cols}, 11)};
  std::vector<double> expected;
  int kept = 0;
  for (int r = 0; r < rows; ++r)
    for (int j = 0; j < cols; ++j) {
      const auto word = random.draw(std::uint64_t(r * 3 + j / 8))[std::size_t(j % 8 / 2)];
      const bool keep = (word >> (j % 2 ? 16 : 0) & 0xffff) >= 16384;
      kept += keep;
      expected.push_back(keep ? in[0].values[expected.size()] / 0.75 : 0);
    }
  BOOST_TEST((kept > 40 && kept < 76));
  // Its gradient is checked too: the same draws backward.
  check_op<B>(
      in, [=]<class D>(const Context<D>& cx, const Inputs<D>& x) { return dropout(cx, x[0], 0.25f, random); },
      expected);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_mean_stays, B, Backends) {
  const Context<B> cx{device<B>()};
  const int n = 100000;
  const auto y = doubles(dropout(cx, tensor<B>(cx.device, {1, n}, std::vector<double>(n, 1.0)), 0.3f, {1, 2}).host());
  double mean = 0;
  int zeros = 0;
  for (double v : y) {
    mean += v / n;
    zeros += v == 0;
  }
  BOOST_TEST(std::fabs(mean - 1) < 0.01);
  BOOST_TEST(std::fabs(double(zeros) / n - 0.3) < 0.01);
}

/// The factor of every number of a matrix, as the draws say it.
inline std::vector<double> factors(const Random& random, int rows, int cols, double rate) {
  std::vector<double> all;
  for (int r = 0; r < rows; ++r)
    for (int j = 0; j < cols; ++j) {
      const auto word = random.draw(std::uint64_t(r * ((cols + 7) / 8) + j / 8))[std::size_t(j % 8 / 2)];
      all.push_back((word >> (j % 2 ? 16 : 0) & 0xffff) >= 65536 * rate ? 1 / (1 - rate) : 0);
    }
  return all;
}

// Rows of more than one and of less than one of a CPU's blocks; without dropout, too.
BOOST_AUTO_TEST_CASE_TEMPLATE(a_residual_in_place, B, Backends) {
  for (const auto& [rows, cols, rate] : {std::tuple{3, 5, 0.25}, {3, 150, 0.5}, {2, 9, 0.0}}) {
    const Random random{8, 2};
    const std::vector<Input> in{input({rows, cols}, 1), input({rows, cols}, 2)};
    const auto factor = factors(random, rows, cols, rate);
    std::vector<double> expected;
    for (std::size_t i = 0; i < factor.size(); ++i) expected.push_back(in[0].values[i] + factor[i] * in[1].values[i]);
    check_op<B>(
        in,
        [random, rate = float(rate)]<class D>(const Context<D>& cx, const Inputs<D>& x) {
          const auto y = scale(cx, x[1], 1);
          add_residual(cx, x[0], y, rate, random);
          return y;
        },
        expected);
    check_op<B>(
        {in[0], frozen({rows, cols}, 2)},
        [random, rate = float(rate)]<class D>(const Context<D>& cx, const Inputs<D>& x) {
          const auto y = scale(cx, x[1], 1);
          add_residual(cx, x[0], y, rate, random);
          return y;
        },
        expected);
  }
  const Context<B> cx{device<B>()};
  const auto x = tensor<B>(cx.device, {2, 3}, numbers(6, 1)), y = tensor<B>(cx.device, {3, 2}, numbers(6, 1));
  BOOST_CHECK_EXCEPTION(add_residual(cx, x, y, 0, {}), Error, says("add_residual: [2, 3] and [3, 2] differ"));
  BOOST_CHECK_EXCEPTION(add_residual(cx, x, x, 0, {}), Error, says("x lies there too"));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_relu_and_its_dropout, B, Backends) {
  for (const auto& [rows, cols, rate] : {std::tuple{3, 5, 0.25}, {3, 150, 0.5}, {2, 9, 0.0}}) {
    const Random random{9, 2};
    const std::vector<Input> in{input({rows, cols}, 3)};
    const auto factor = factors(random, rows, cols, rate);
    std::vector<double> expected;
    for (std::size_t i = 0; i < factor.size(); ++i) expected.push_back(factor[i] * std::fmax(0.0, in[0].values[i]));
    check_op<B>(
        in,
        [random, rate = float(rate)]<class D>(const Context<D>& cx, const Inputs<D>& x) {
          return relu_dropout(cx, scale(cx, x[0], 1), rate, random);
        },
        expected);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(inputs_of_gemm, B, Backends) {
  using E = typename B::element;
  Tape tape;
  const Context<B> cx{device<B>(), &tape};
  const auto x = tensor<B>(cx.device, {3, 9}, numbers(27, 1), true);
  const auto narrow = dropout(cx, cast<E>(cx, x), 0.5f, {4, 4});
  const auto wide = dropout(Context<B>{cx.device}, x, 0.5f, {4, 4});
  check_near(doubles(narrow.host()), doubles(wide.host()), Tolerance<B>::value, "the result");
  tape.backward<B>(sum(cx, cast<typename B::real>(cx, narrow)));
  std::vector<double> slope;
  for (const double v : doubles(wide.host())) slope.push_back(v == 0 ? 0 : 2);
  check_near(doubles(x.host_grad()), slope, Tolerance<B>::gradient, "the gradient");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_dropped_nan_is_gone, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto y = doubles(dropout(cx, tensor<B>(cx.device, {1, 64}, std::vector<double>(64, NAN)), 0.5f, {1, 2}).host());
  int zeros = 0, nans = 0;
  for (const double v : y) {
    zeros += v == 0;
    nans += std::isnan(v);
  }
  BOOST_TEST(zeros + nans == 64);
  BOOST_TEST((zeros > 16 && nans > 16));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(of_nothing_it_is_the_same_tensor, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto x = tensor<B>(cx.device, {2, 2}, numbers(4, 1));
  BOOST_TEST(dropout(cx, x, 0, {}).same_storage(x));
  BOOST_CHECK_EXCEPTION(dropout(cx, x, 1, {}), Error, says("a rate of 1 is not in [0, 1)"));
  BOOST_CHECK_EXCEPTION(dropout(cx, x, -0.5f, {}), Error, says("dropout: a rate of -0.5"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
