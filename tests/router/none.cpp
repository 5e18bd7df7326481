#include <anser/router/none.hpp>

#include "../module/pool.hpp"

namespace anser::test {

BOOST_AUTO_TEST_CASE(none_hears_nobody) {
  using B = Cpu<float>;
  None::On<B> on(device<B>(), {}, linear_site(4, 3, 2));
  const auto r = on.route({device<B>()}, tensor<B>(device<B>(), {5, 4}, numbers(20, 1)), Batch<B>{});
  BOOST_TEST(!r.expert);
  BOOST_TEST(!r.weight);
}

}  // namespace anser::test
