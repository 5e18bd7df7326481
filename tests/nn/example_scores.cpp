#include <anser/nn/example_scores.hpp>

#include "../module/pool.hpp"
#include "../ops/host.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(example_scores_hpp)

// Their numbers are checked where SMEAR's are; here, what they say of a pool and of dropped experts.
BOOST_AUTO_TEST_CASE_TEMPLATE(who_is_there_is_scored, B, Backends) {
  const Site site = linear_site(4, 3, 3);
  ExampleScores<B> s(device<B>(), site), none(device<B>(), site);
  none.prepare(site, lora_pool({site}, {0}), 1);
  BOOST_TEST(none.empty());
  s.prepare(site, lora_pool({site}, {1, 0, 2}), 1);
  BOOST_TEST(!s.empty());
  BOOST_TEST((s.everyone(2).host() == std::vector<std::int32_t>{0, 2, 0, 2}));
  const Context<B> cx{device<B>()};
  Batch<B> batch;
  batch.examples = 2;
  const auto x = tensor<B, typename B::element>(cx.device, {6, 4}, numbers(24, 1));
  const auto scores = s.score(cx, s.read(cx, x, batch));
  BOOST_TEST((scores.shape() == Shape{2, 2}));
  BOOST_TEST((s.with_dropout(cx, scores, 1, batch).host() == scores.host()));  // it does not train
  batch.training = true;
  BOOST_TEST((s.with_dropout(cx, scores, 0, batch).host() == scores.host()));
  for (const auto v : s.with_dropout(cx, scores, 1, batch).host()) BOOST_TEST(double(v) < -1e9);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
