#pragma once
#include <anser/ops/repeat.hpp>

#include "../gradient.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(repeat_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(rows_of_a_view, B, Backends) {
  for (const int times : {1, 2, 5}) {
    const std::vector<Input> in{input({3, 7}, 1)};
    std::vector<double> expected;
    for (int r = 0; r < 3; ++r)
      for (int i = 0; i < times; ++i)
        for (const double v : part(in[0].values, 7, r, 1, 2, 3)) expected.push_back(v);
    check_op<B>(
        in,
        [=]<class D>(const Context<D>& cx, const Inputs<D>& x) { return repeat_rows(cx, x[0].columns(2, 3), times); },
        expected);
    check_op<B>(
        in,
        [=]<class D>(const Context<D>& cx, const Inputs<D>& x) {
          return repeat_rows(cx, cast<typename D::element>(cx, x[0]).columns(2, 3), times);
        },
        expected);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(once_is_the_same_tensor_and_indices_repeat_too, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto index = indices(cx.device, {2, 2}, {4, -1, 0, 7});
  BOOST_TEST(repeat_rows(cx, index, 1).same_storage(index));
  BOOST_TEST(repeat_rows(cx, index, 3).host() == (std::vector<std::int32_t>{4, -1, 4, -1, 4, -1, 0, 7, 0, 7, 0, 7}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
