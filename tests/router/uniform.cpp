#include <anser/router/uniform.hpp>

#include "../module/pool.hpp"
#include "../ops/host.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(uniform_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(who_is_there_is_heard_alike, B, Backends) {
  const Site site = linear_site(4, 3, 4);
  Uniform::On<B> on(device<B>(), {}, site);
  on.prepare(site, lora_pool({site}, {1, 0, 2, 1}));
  const auto x = tensor<B, typename B::element>(device<B>(), {5, 4}, numbers(20, 1));
  const auto r = on.route({device<B>()}, x, Batch<B>{});
  BOOST_TEST((r.expert.shape() == Shape{1, 3}));
  BOOST_TEST((r.expert.host() == std::vector<std::int32_t>{0, 2, 3}));
  for (auto w : r.weight.host()) BOOST_CHECK_SMALL(double(w) - 1.0 / 3, 1e-7);
}

BOOST_AUTO_TEST_CASE(where_nobody_is_the_host_remains) {
  using B = Cpu<float>;
  const Site site = linear_site(4, 3, 2);
  Uniform::On<B> on(device<B>(), {}, site);
  on.prepare(site, lora_pool({site}, {0, 0}));
  BOOST_TEST(!on.route({device<B>()}, tensor<B>(device<B>(), {5, 4}, numbers(20, 1)), Batch<B>{}).expert);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
