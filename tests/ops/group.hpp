#pragma once
#include <anser/ops/group.hpp>

#include "../gradient.hpp"

namespace anser::test {

template <class B>
void check_groups(const std::vector<std::int32_t>& expert, int experts, const std::vector<std::int32_t>& order,
                  const std::vector<std::int32_t>& begin) {
  const Context<B> cx{device<B>()};
  const auto g = group_by_expert(cx, indices(cx.device, expert), experts);
  auto found = g.order.host();
  found.resize(order.size());  // behind the last group nothing is promised
  BOOST_TEST(found == order, boost::test_tools::per_element());
  BOOST_TEST(g.begin.host() == begin, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE(group_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(slots_sorted_by_expert_and_ascending_within_one, B, Backends) {
  check_groups<B>({2, 0, 2, 1, 0, 2}, 3, {1, 4, 3, 0, 2, 5}, {0, 2, 3, 6});
}

BOOST_AUTO_TEST_CASE_TEMPLATE(experts_without_slots, B, Backends) {
  check_groups<B>({4, 1, 4}, 7, {1, 0, 2}, {0, 0, 1, 1, 1, 3, 3, 3});
}

BOOST_AUTO_TEST_CASE_TEMPLATE(slots_of_nobody, B, Backends) {
  check_groups<B>({-1, 1, -1, 0, 1, -1}, 2, {3, 1, 4}, {0, 1, 3});
  check_groups<B>({-1, -1}, 3, {}, {0, 0, 0, 0});
}

BOOST_AUTO_TEST_CASE_TEMPLATE(one_of_each_and_none_at_all, B, Backends) {
  check_groups<B>({0}, 1, {0}, {0, 1});
  check_groups<B>({}, 2, {}, {0, 0, 0});
}

// Elsewhere the indices never visit the host.
BOOST_AUTO_TEST_CASE_TEMPLATE(experts_beyond_the_pool, B, Backends) {
  if constexpr (B::on_host)
    BOOST_CHECK_EXCEPTION(check_groups<B>({0, 2}, 2, {}, {}), Error, says("the expert 2 is not among the 2"));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(weights_of_nobody_are_zero, B, Backends) {
  const std::vector<Input> in{input({3, 2}, 3)};
  auto expected = in[0].values;
  expected[1] = expected[2] = 0;
  check_op<B>(
      in,
      []<class D>(const Context<D>& cx, const Inputs<D>& x) {
        return heard_weights(cx, indices(cx.device, {3, 2}, {0, -1, -1, 4, 1, 0}), x[0]);
      },
      expected);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(rows_that_hear_somebody, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto y = heard_rows(cx, indices(cx.device, {4, 2}, {0, 1, -1, -1, 1, -1, 0, 1}),
                            tensor<B>(cx.device, {4, 2}, {0, 0.5, 1, 1, -1, 0, 0, 0}));
  BOOST_TEST(doubles(y.host()) == (std::vector<double>{1, 0, 1, 0}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(many_against_a_stable_sort, B, Backends) {
  const int slots = 500, experts = 37;
  const Random random{5, 5};
  std::vector<std::int32_t> expert, order, begin{0};
  for (int s = 0; s < slots; ++s) expert.push_back(std::int32_t(random.draw(std::uint64_t(s))[0] % (experts + 1)) - 1);
  for (int e = 0; e < experts; ++e) {
    for (int s = 0; s < slots; ++s)
      if (expert[std::size_t(s)] == e) order.push_back(s);
    begin.push_back(std::int32_t(order.size()));
  }
  check_groups<B>(expert, experts, order, begin);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
