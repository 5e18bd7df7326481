#include <anser/router/mean_input.hpp>

#include "../module/pool.hpp"
#include "../ops/host.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(mean_input_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(the_mean_of_examples_means, B, Backends) {
  const Site site = linear_site(3, 2, 1);
  MeanInput::On<B> on(device<B>(), {}, site);
  on.prepare(site, lora_pool({site}, {1}));
  const Context<B> cx{device<B>()};
  const auto x = numbers(12, 1), later = numbers(3, 2);
  Batch<B> batch;
  batch.examples = 2;
  batch.mask = indices(cx.device, {2, 2}, {1, 1, 1, 0});
  const auto r = on.route(cx, tensor<B, typename B::element>(cx.device, {4, 3}, x), batch);
  BOOST_TEST((r.expert.host() == std::vector<std::int32_t>{0}));
  batch.examples = 1;
  batch.mask = {};
  on.route(cx, tensor<B, typename B::element>(cx.device, {1, 3}, later), batch);
  std::vector<double> expected;
  for (std::size_t j = 0; j < 3; ++j) expected.push_back(((x[j] + x[3 + j]) / 2 + x[6 + j] + later[j]) / 3);
  int named = 0;
  walk(on, [&](const std::string& name, Real<B>& t) {
    ++named;
    BOOST_TEST(name == "activation.e0");
    check_near(doubles(t.host()), expected, Tolerance<B>::value, "the mean");
  });
  BOOST_TEST(named == 1);
}

BOOST_AUTO_TEST_CASE(one_expert_or_none) {
  using B = Cpu<float>;
  const Site site = linear_site(3, 2, 2);
  MeanInput::On<B> two(device<B>(), {}, site), none(device<B>(), {}, site);
  BOOST_CHECK_EXCEPTION(two.prepare(site, lora_pool({site}, {1, 1})), Error, says("and 2 are heard"));
  none.prepare(site, lora_pool({site}, {0}));
  BOOST_TEST(!none.route({device<B>()}, tensor<B>(device<B>(), {1, 3}, numbers(3, 1)), Batch<B>{}).expert);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
