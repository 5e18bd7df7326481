#pragma once
#include <anser/ops/average.hpp>

#include "../gradient.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(average_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(parameters_by_weight, B, Backends) {
  // Three parameters, of which example 1 hears one twice and nobody once.
  const std::vector<std::int32_t> expert{0, 2, 1, 1, -1, 0};
  const std::vector<Input> in{input({2, 3}, 1), input({2, 3}, 2), input({2, 3}, 3), input({3, 2}, 4)};
  std::vector<double> expected(3 * 6);
  for (std::size_t slot = 0; slot < 6; ++slot)
    for (std::size_t j = 0; j < 6 && expert[slot] >= 0; ++j)
      expected[slot / 2 * 6 + j] += in[3].values[slot] * in[std::size_t(expert[slot])].values[j];
  check_op<B>(
      in,
      [&]<class D>(const Context<D>& cx, const Inputs<D>& t) {
        return average(cx, std::vector<Real<D>>{t[0], t[1], t[2]}, indices(cx.device, {3, 2}, expert), t[3]);
      },
      expected);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(each_example_has_its_own_weight, B, Backends) {
  constexpr int examples = 2, rows = 3, n = 4, out = 5;
  const std::vector<Input> in{input({examples * rows, n + 1}, 1), input({examples, out * n}, 2)};
  const auto x = part(in[0].values, n + 1, 0, examples * rows, 1, n);
  std::vector<double> expected;
  for (std::size_t b = 0; b < examples; ++b) {
    const std::vector<double> of_x(x.begin() + long(b * rows * n), x.begin() + long((b + 1) * rows * n));
    const std::vector<double> w(in[1].values.begin() + long(b * out * n),
                                in[1].values.begin() + long((b + 1) * out * n));
    const auto y = product_t(of_x, w, rows, out, n);
    expected.insert(expected.end(), y.begin(), y.end());
  }
  check_op<B>(
      in,
      []<class D>(const Context<D>& cx, const Inputs<D>& t) {
        return matmul_t_each(cx, t[0].columns(1, n), t[1], out);
      },
      expected);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_does_not_meet_is_refused, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto x = tensor<B>(cx.device, {4, 2}, numbers(8, 1)), w = tensor<B>(cx.device, {2, 6}, numbers(12, 1));
  BOOST_CHECK_EXCEPTION(matmul_t_each(cx, x, w, 4), Error, says("do not meet"));
  const auto one = indices(cx.device, {1, 1}, {0});
  const auto weight = tensor<B>(cx.device, {1, 1}, {1});
  BOOST_CHECK_EXCEPTION(average(cx, std::vector<Real<B>>{x, w}, one, weight), Error, says("must be alike"));
  BOOST_CHECK_EXCEPTION(average(cx, std::vector<Real<B>>{}, one, weight), Error, says("0 parameters"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
