#include <anser/router/ensemble.hpp>
#include <anser/router/smear.hpp>

#include "../ops/host.hpp"
#include "joint.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(ensemble_hpp)

// The weights are SMEAR's; outputs are mixed by them instead of parameters.
BOOST_AUTO_TEST_CASE_TEMPLATE(it_weighs_as_smear_does, B, Backends) {
  const Context<B> cx{device<B>()};
  for (const auto stack : {Stack::encoder, Stack::decoder}) {
    const Site site = joint_site(stack);
    const auto on = joint_router(device<B>(), Ensemble{.dropout = 0.1, .seed = 5}, site);
    const auto smear = joint_router(device<B>(), Smear{.seed = 5}, site);
    auto batch = joint_batch<B>(3, true);
    batch.encoded = tensor<B>(cx.device, {3, joint_width}, numbers(3 * joint_width, 2));
    const auto x = joint_rows(device<B>(), 3);
    const bool decoder = stack == Stack::decoder;
    const auto a = decoder ? on.plan(cx, batch) : on.route(cx, x, batch);
    const auto b = decoder ? smear.plan(cx, batch) : smear.route(cx, x, batch);
    BOOST_TEST((a.expert.host() == b.expert.host()));
    BOOST_TEST((a.weight.host() == b.weight.host()));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
