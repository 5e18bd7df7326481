#include <anser/nn/routing.hpp>

#include "../gradient.hpp"

namespace anser::test {

using B = Cpu<float>;
static_assert(Routing<OutputRouting<B>, B> && Routing<ParameterRouting<B>, B> && !Routing<Scores<B>, B>);

BOOST_AUTO_TEST_CASE(a_decision_is_sorted_once) {
  const Context<B> cx{device<B>()};
  const OutputRouting<B> r{indices(cx.device, {3, 2}, {2, 0, 0, 2, 1, 0}), Real<B>(cx.device, {3, 2})};
  const auto& first = r.groups(cx, 4);
  BOOST_TEST((first.order.host() == std::vector<std::int32_t>{1, 2, 5, 4, 0, 3}));
  BOOST_TEST((first.begin.host() == std::vector<std::int32_t>{0, 3, 4, 6, 6}));
  BOOST_TEST(&r.groups(cx, 4) == &first);
  const auto copy = r;  // a plan that was handed on is not sorted again either
  BOOST_TEST(&copy.groups(cx, 4) == &first);
}

BOOST_AUTO_TEST_CASE(undefined_means_nobody) {
  BOOST_TEST(!OutputRouting<B>{}.expert);
  BOOST_TEST(!OutputRouting<B>{}.weight);
}

}  // namespace anser::test
