#include <anser/router/ensemble.hpp>
#include <anser/router/top1.hpp>

#include "../ops/host.hpp"
#include "joint.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(top1_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(the_most_probable_by_its_probability, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto x = joint_rows(device<B>(), 5);
  const auto batch = joint_batch<B>(5);
  const auto r = joint_router(device<B>(), Top1{.seed = 5}).route(cx, x, batch);
  const auto all = joint_router(device<B>(), Ensemble{.seed = 5}).route(cx, x, batch);
  const auto p = all.weight.host();
  const auto who = all.expert.host();
  for (std::size_t b = 0; b < 5; ++b) {
    const auto best = std::size_t(std::max_element(p.begin() + long(3 * b), p.begin() + long(3 * b + 3)) - p.begin());
    BOOST_TEST(r.expert.host()[b] == who[best]);
    BOOST_TEST(r.weight.host()[b] == p[best]);
  }
}

// The router learns through the probability.
BOOST_AUTO_TEST_CASE(its_rows_have_gradients) {
  using B = Cpu<double>;
  auto on = joint_router(device<B>(), Top1{});
  on.scores.weight.require_grad();
  Tape tape;
  const Context<B> cx{device<B>(), &tape};
  tape.backward<B>(sum(cx, on.route(cx, joint_rows(device<B>(), 2), joint_batch<B>(2)).weight));
  double most = 0;
  for (const double g : on.scores.weight.host_grad()) most = std::max(most, std::fabs(g));
  BOOST_TEST(most > 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
