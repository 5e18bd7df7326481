#include <anser/router/given.hpp>

#include "../module/pool.hpp"
#include "../ops/host.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(given_hpp)

template <Backend B>
OutputRouting<B> given(std::vector<int> expert, int examples) {
  const Site site = linear_site(4, 3, 3);
  Given::On<B> on(device<B>(), {}, site);
  on.prepare(site, lora_pool({site}, {1, 0, 2}));
  Batch<B> batch;
  batch.examples = examples;
  batch.expert = std::move(expert);
  return on.route({device<B>()}, tensor<B, typename B::element>(device<B>(), {6, 4}, numbers(24, 1)), batch);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(each_example_has_its_own, B, Backends) {
  const auto r = given<B>({2, 1, 0}, 3);
  BOOST_TEST((r.expert.host() == std::vector<std::int32_t>{2, -1, 0}));  // expert 1 lacks the site
  BOOST_TEST(doubles(r.weight.host()) == (std::vector<double>{1, 1, 1}), boost::test_tools::per_element());
  BOOST_TEST((given<B>({2, 0}, 6).expert.shape() == Shape{2, 1}));  // three beams of each
}

BOOST_AUTO_TEST_CASE(nobody_is_the_host_alone) { BOOST_TEST(!given<Cpu<float>>({-1, 1}, 2).expert); }

BOOST_AUTO_TEST_CASE(what_cannot_be_is_refused) {
  using B = Cpu<float>;
  BOOST_CHECK_EXCEPTION(given<B>({}, 2), Error, says("0 experts are given for 2 examples"));
  BOOST_CHECK_EXCEPTION(given<B>({0, 1}, 3), Error, says("2 experts are given for 3 examples"));
  BOOST_CHECK_EXCEPTION(given<B>({3}, 1), Error, says("the expert 3 is given, and the pool has 3"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
