#pragma once
#include <anser/ops/softmax.hpp>

#include "../gradient.hpp"

namespace anser::test {

inline std::vector<double> softmax_rows(const std::vector<double>& x, std::size_t n, double temperature = 1) {
  std::vector<double> y(x.size());
  for (std::size_t r = 0; r < x.size() / n; ++r) {
    double top = x[r * n], s = 0;
    for (std::size_t j = 0; j < n; ++j) top = std::fmax(top, x[r * n + j]);
    for (std::size_t j = 0; j < n; ++j) s += std::exp((x[r * n + j] - top) / temperature);
    for (std::size_t j = 0; j < n; ++j) y[r * n + j] = std::exp((x[r * n + j] - top) / temperature) / s;
  }
  return y;
}

BOOST_AUTO_TEST_SUITE(softmax_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(rows, B, Backends) {
  for (auto [count, n] : {std::pair{3, 7}, {1, 13}, {4, 1}, {2, 2}, {3, 131}}) {
    const std::vector<Input> in{input({count, n}, 1)};
    check_op<B>(
        in, []<class D>(const Context<D>& cx, const Inputs<D>& x) { return softmax(cx, x[0]); },
        softmax_rows(in[0].values, std::size_t(n)));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_view_and_a_temperature, B, Backends) {
  const std::vector<Input> in{input({3, 8}, 2)};
  check_op<B>(
      in, []<class D>(const Context<D>& cx, const Inputs<D>& x) { return softmax(cx, x[0].columns(1, 5), 0.7); },
      softmax_rows(part(in[0].values, 8, 0, 3, 1, 5), 5, 0.7));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(large_logits_do_not_overflow, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto y = softmax(cx, tensor<B>(cx.device, {2, 3}, {10000, 9999, -10000, -10000, -10000, -10000}));
  const double p = 1 / (1 + std::exp(-1.0));
  check_near(doubles(y.host()), {p, 1 - p, 0, 1. / 3, 1. / 3, 1. / 3}, 1e-6, "softmax");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_temperature_of_nothing, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto x = tensor<B>(cx.device, {1, 3}, numbers(3, 1));
  BOOST_CHECK_EXCEPTION(softmax(cx, x, 0), Error, says("softmax: a temperature of 0 is not above 0"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
