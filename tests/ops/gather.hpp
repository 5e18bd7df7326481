#pragma once
#include <anser/ops/gather.hpp>

#include "../gradient.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(gather_hpp)

// Rows named never, once and several times, from a view of a wider table of elements.
BOOST_AUTO_TEST_CASE_TEMPLATE(rows_by_index, B, Backends) {
  const std::vector<Input> in{input({6, 8}, 1)};
  const std::vector<std::int32_t> index{4, 0, 4, 2, 4, 0, 5};
  std::vector<double> expected;
  for (const int i : index)
    for (const double v : part(in[0].values, 8, i, 1, 1, 5)) expected.push_back(v);
  check_op<B>(
      in,
      [&]<class D>(const Context<D>& cx, const Inputs<D>& x) {
        return gather(cx, cast<typename D::element>(cx, x[0]).columns(1, 5), indices(cx.device, index));
      },
      expected);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(ids_of_several_examples, B, Backends) {
  const std::vector<Input> in{input({3, 2}, 2)};
  const auto& v = in[0].values;
  check_op<B>(in,
              []<class D>(const Context<D>& cx, const Inputs<D>& x) {
                const auto y = gather(cx, x[0], indices(cx.device, {2, 2}, {2, 0, 0, 2}));
                BOOST_TEST(y.shape() == (Shape{4, 2}));
                return y;
              },
              {v[4], v[5], v[0], v[1], v[0], v[1], v[4], v[5]});
}

BOOST_AUTO_TEST_CASE_TEMPLATE(one_row_of_one_number, B, Backends) {
  check_op<B>(
      {{{1, 1}, {0.5}}},
      []<class D>(const Context<D>& cx, const Inputs<D>& x) { return gather(cx, x[0], indices(cx.device, {0})); },
      {0.5});
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
