#pragma once
#include <anser/ops/choose.hpp>

#include "../gradient.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(choose_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(the_greatest_and_of_equals_the_first, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto x = tensor<B>(cx.device, {4, 3}, {1, 3, 2, 5, 5, 4, -1, -2, -1, 0, 0, 0});
  const auto column = arg_max(cx, x);
  BOOST_TEST(column.host() == (std::vector<std::int32_t>{1, 0, 0, 0}), boost::test_tools::per_element());
  const auto named = name_columns(cx, column, indices(cx.device, {7, 9, 8}));
  BOOST_TEST(named.host() == (std::vector<std::int32_t>{9, 7, 7, 7}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(draws_follow_the_probabilities, B, Backends) {
  const Context<B> cx{device<B>()};
  constexpr int rows = 4000;
  std::vector<double> p;
  for (int r = 0; r < rows; ++r) p.insert(p.end(), {0.5, 0.125, 0, 0.375});
  const auto drawn = sample(cx, tensor<B>(cx.device, {rows, 4}, p), Random{3, 4}).host();
  std::vector<int> count(4);
  for (const auto c : drawn) ++count.at(std::size_t(c));
  BOOST_TEST(std::abs(count[0] - 2000) < 160);  // five standard deviations
  BOOST_TEST(std::abs(count[1] - 500) < 105);
  BOOST_TEST(count[2] == 0);
  BOOST_TEST((sample(cx, tensor<B>(cx.device, {rows, 4}, p), Random{3, 4}).host() == drawn));
  BOOST_TEST((sample(cx, tensor<B>(cx.device, {rows, 4}, p), Random{3, 5}).host() != drawn));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(one_number_of_each_row, B, Backends) {
  const std::vector<Input> in{input({3, 4}, 1)};
  check_op<B>(in,
              []<class D>(const Context<D>& cx, const Inputs<D>& t) {
                return take_column(cx, t[0], indices(cx.device, {3, 1}, {2, 0, 3}));
              },
              {in[0].values[2], in[0].values[4], in[0].values[11]});
  const Context<B> cx{device<B>()};
  BOOST_CHECK_EXCEPTION(take_column(cx, tensor<B>(cx.device, {2, 2}, numbers(4, 1)), indices(cx.device, {0})), Error,
                        says("take_column: [1] columns of [2, 2]"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
