#include <anser/router/st_gumbel.hpp>
#include <anser/router/top1.hpp>

#include "../ops/host.hpp"
#include "joint.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(st_gumbel_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(in_evaluation_the_best_alone, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto x = joint_rows(device<B>(), 5);
  const auto r = joint_router(device<B>(), StGumbel{.seed = 5}).route(cx, x, joint_batch<B>(5));
  BOOST_TEST(
      (r.expert.host() == joint_router(device<B>(), Top1{.seed = 5}).route(cx, x, joint_batch<B>(5)).expert.host()));
  for (const auto w : r.weight.host()) BOOST_TEST(double(w) == 1);
}

// New scores are nearly equal, so that noise alone decides; what is drawn counts 1, and its gradient is the softmax's.
BOOST_AUTO_TEST_CASE_TEMPLATE(while_training_one_is_drawn, B, Backends) {
  constexpr int examples = 600;
  auto on = joint_router(device<B>(), StGumbel{.temperature = 2});
  on.scores.weight.require_grad();
  Tape tape;
  const Context<B> cx{device<B>(), &tape};
  const auto r = on.route(cx, joint_rows(device<B>(), examples), joint_batch<B>(examples, true));
  std::vector<int> count(4);
  for (const auto e : r.expert.host()) ++count.at(std::size_t(e));
  BOOST_TEST(count[1] == 0);
  for (const int e : {0, 2, 3}) BOOST_TEST(std::abs(count[std::size_t(e)] - 200) < 60);  // five standard deviations
  for (const auto w : r.weight.host()) BOOST_CHECK_SMALL(double(w) - 1, 1e-5);
  tape.backward<B>(sum(cx, r.weight));
  double most = 0;
  for (const auto g : on.scores.weight.host_grad()) most = std::max(most, std::fabs(double(g)));
  BOOST_TEST(most > 0);
  const auto other =
      on.route(Context<B>{device<B>()}, joint_rows(device<B>(), examples), joint_batch<B>(examples, true, 2));
  BOOST_TEST((other.expert.host() != r.expert.host()));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
