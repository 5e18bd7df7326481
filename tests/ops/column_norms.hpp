#pragma once
#include <anser/ops/column_norms.hpp>

#include "../gradient.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(column_norms_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(norms_of_neighbours, B, Backends) {
  const std::vector<Input> in{input({4, 6}, 1)};
  const std::vector<std::int32_t> begin{0, 1, 4, 4, 6};
  std::vector<double> expected;
  for (std::size_t r = 0; r < 4; ++r)
    for (std::size_t e = 0; e + 1 < begin.size(); ++e) {
      double s = 0;
      for (auto j = std::size_t(begin[e]); j < std::size_t(begin[e + 1]); ++j)
        s += in[0].values[r * 6 + j] * in[0].values[r * 6 + j];
      expected.push_back(std::sqrt(s));
    }
  check_op<B>(
      in,
      [&]<class D>(const Context<D>& cx, const Inputs<D>& t) {
        return column_norms(cx, t[0], indices(cx.device, begin));
      },
      expected);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(zeros_have_no_slope, B, Backends) {
  Tape tape;
  const Context<B> cx{device<B>(), &tape};
  const auto x = tensor<B>(cx.device, {1, 2}, {0, 0}, true);
  const auto y = sum(cx, column_norms(cx, x, indices(cx.device, {0, 2})));
  tape.backward<B>(y);
  for (const auto g : x.host_grad()) BOOST_TEST(double(g) == 0);
  BOOST_CHECK_EXCEPTION(column_norms(cx, x, indices(cx.device, {0})), Error, says("no groups"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
