#include <anser/router/ada_mix.hpp>

#include "../ops/host.hpp"
#include "joint.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(ada_mix_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(while_training_halves_are_drawn_apart, B, Backends) {
  constexpr int examples = 900;
  const Context<B> cx{device<B>()};
  const auto on = joint_router(device<B>(), AdaMix{});
  const auto x = joint_rows(device<B>(), examples);
  const auto r = on.route(cx, x, joint_batch<B>(examples, true));
  const auto first = r.expert.host(), second = r.second_expert.host();
  for (const auto& half : {first, second}) {
    std::vector<int> count(4);
    for (const auto e : half) ++count.at(std::size_t(e));
    BOOST_TEST(count[1] == 0);
    for (const int e : {0, 2, 3}) BOOST_TEST(std::abs(count[std::size_t(e)] - 300) < 71);  // five standard deviations
  }
  int same = 0;
  for (std::size_t b = 0; b < examples; ++b) same += first[b] == second[b];
  BOOST_TEST(std::abs(same - 300) < 71);
  BOOST_TEST((on.route(cx, x, joint_batch<B>(examples, true, 2)).expert.host() != first));  // the second pass
  for (const auto w : r.weight.host()) BOOST_TEST(double(w) == 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(in_evaluation_all_are_averaged, B, Backends) {
  const auto r = joint_router(device<B>(), AdaMix{}).plan({device<B>()}, joint_batch<B>(2));
  BOOST_TEST((r.expert.host() == std::vector<std::int32_t>{0, 2, 3, 0, 2, 3}));
  for (const auto w : r.weight.host()) BOOST_CHECK_SMALL(double(w) - 1. / 3, 1e-6);
  BOOST_TEST(!r.second_expert);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
