#pragma once
#include <anser/ops/mean.hpp>

#include "../gradient.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(mean_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(of_the_rows_that_are_shown, B, Backends) {
  constexpr int examples = 3, rows = 4, n = 5;
  const std::vector<std::int32_t> mask{1, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0};
  for (const bool masked : {false, true}) {
    const std::vector<Input> in{input({examples * rows, n + 2}, 1)};
    const auto x = part(in[0].values, n + 2, 0, examples * rows, 1, n);
    std::vector<double> expected(examples * n);
    for (int b = 0; b < examples; ++b) {
      double shown = 0;
      for (int t = 0; t < rows; ++t) {
        if (masked && !mask[std::size_t(b * rows + t)]) continue;
        ++shown;
        for (int j = 0; j < n; ++j) expected[std::size_t(b * n + j)] += x[std::size_t((b * rows + t) * n + j)];
      }
      for (int j = 0; j < n && shown > 0; ++j) expected[std::size_t(b * n + j)] /= shown;
    }
    check_op<B>(
        in,
        [&]<class D>(const Context<D>& cx, const Inputs<D>& t) {
          const auto m = masked ? indices(cx.device, {examples, rows}, mask) : Index<D>{};
          return mean_rows(cx, t[0].columns(1, n), examples, m);
        },
        expected);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(rows_that_do_not_divide_are_refused, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto x = tensor<B>(cx.device, {4, 2}, numbers(8, 1));
  BOOST_CHECK_EXCEPTION(mean_rows(cx, x, 3, Index<B>{}), Error, says("rows of 3 examples"));
  BOOST_CHECK_EXCEPTION(mean_rows(cx, x, 2, indices(cx.device, {2, 1}, {1, 1})), Error, says("mean_rows"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
