#include <anser/router/random.hpp>

#include "../ops/host.hpp"
#include "joint.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(random_router_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(drawn_while_training_and_all_alike_in_evaluation, B, Backends) {
  constexpr int examples = 600;
  const Context<B> cx{device<B>()};
  const auto on = joint_router(device<B>(), RandomRouter{});
  const auto x = joint_rows(device<B>(), examples);
  const auto r = on.route(cx, x, joint_batch<B>(examples, true));
  std::vector<int> count(4);
  for (const auto e : r.expert.host()) ++count.at(std::size_t(e));
  BOOST_TEST(count[1] == 0);
  for (const int e : {0, 2, 3}) BOOST_TEST(std::abs(count[std::size_t(e)] - 200) < 60);  // five standard deviations
  BOOST_TEST((on.route(cx, x, joint_batch<B>(examples, true)).expert.host() == r.expert.host()));
  BOOST_TEST((on.route(cx, x, joint_batch<B>(examples, true, 2)).expert.host() != r.expert.host()));
  const auto all = on.route(cx, x, joint_batch<B>(examples));
  BOOST_TEST((all.expert.host() == std::vector<std::int32_t>{0, 2, 3}));
  for (const auto w : all.weight.host()) BOOST_CHECK_SMALL(double(w) - 1.0 / 3, 1e-7);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
