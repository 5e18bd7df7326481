#include <anser/router/weights.hpp>

#include "../module/pool.hpp"
#include "../ops/host.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(weights_hpp)

template <Backend B>
OutputRouting<B> mix_of(const Weights& weights, const std::vector<int>& ranks) {
  const Site site = linear_site(4, 3, int(ranks.size()));
  typename Weights::On<B> on(device<B>(), weights, site);
  on.prepare(site, lora_pool({site}, ranks));
  return on.route({device<B>()}, tensor<B, typename B::element>(device<B>(), {5, 4}, numbers(20, 1)), Batch<B>{});
}

BOOST_AUTO_TEST_CASE_TEMPLATE(those_named_that_are_there, B, Backends) {
  const auto r = mix_of<B>({{{"e3", 0.5}, {"e0", -2}, {"e1", 1}, {"e2", 0}}}, {1, 0, 2, 1});
  BOOST_TEST((r.expert.host() == std::vector<std::int32_t>{3, 0}));
  BOOST_TEST(doubles(r.weight.host()) == (std::vector<double>{0.5, -2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(they_can_be_set_anew) {
  using B = Cpu<float>;
  const Site site = linear_site(4, 3, 3);
  Weights::On<B> on(device<B>(), {{{"e0", 1}, {"e1", 1}, {"e2", 1}}}, site), nobody(device<B>(), {}, site);
  for (auto* o : {&on, &nobody}) o->prepare(site, lora_pool({site}, {1, 0, 2}));
  BOOST_TEST(!nobody.mix.weight);  // where nobody is named there is nothing to set
  on.mix.weight.assign(std::vector<float>{0.25f, -1});
  Weights::On<B>::visit(
      on, [](const std::string& name, const auto&) { BOOST_ERROR(name << " is fixed, and not learned"); });
  const auto r = on.route({device<B>()}, tensor<B>(device<B>(), {5, 4}, numbers(20, 1)), Batch<B>{});
  BOOST_TEST((r.expert.host() == std::vector<std::int32_t>{0, 2}));
  BOOST_TEST((r.weight.host() == std::vector<float>{0.25f, -1}));
}

BOOST_AUTO_TEST_CASE(nobody_is_the_host_alone) {
  using B = Cpu<float>;
  BOOST_TEST(!mix_of<B>({{{"e1", 1}}}, {1, 0}).expert);
  BOOST_TEST(!mix_of<B>({}, {1, 1}).expert);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_is_refused) {
  using B = Cpu<float>;
  BOOST_CHECK_EXCEPTION(mix_of<B>({{{"e9", 1}}}, {1}), Error, says("the pool has no expert e9"));
  BOOST_CHECK_EXCEPTION(mix_of<B>({{{"e0", 1}, {"e0", 2}}}, {1}), Error, says("e0 is there twice"));
  BOOST_CHECK_EXCEPTION(mix_of<B>({{{"e0", NAN}}}, {1}), Error, says("that of e0 is nan"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
