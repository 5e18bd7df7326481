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
  const auto scores = s.score(cx, s.of_rows(cx, x, batch));
  BOOST_TEST((scores.shape() == Shape{2, 2}));
  BOOST_TEST((s.with_dropout(cx, scores, 1, batch).host() == scores.host()));  // it does not train
  batch.training = true;
  BOOST_TEST((s.with_dropout(cx, scores, 0, batch).host() == scores.host()));
  for (const auto v : s.with_dropout(cx, scores, 1, batch).host()) BOOST_TEST(double(v) < -1e9);
}

BOOST_AUTO_TEST_CASE(draws_differ_by_site_step_and_use) {
  using B = Cpu<float>;
  Site one = linear_site(4, 3), two = one;
  two.index = 1;
  Batch<B> batch, later;
  batch.random = Random{1, 1};
  later.random = Random{1, 2};
  const auto first = [](const Random& r) { return r.draw(0)[0]; };
  const ExampleScores<B> a(device<B>(), one), b(device<B>(), two);
  BOOST_TEST(first(a.draws(batch, 1)) == first(a.draws(batch, 1)));
  BOOST_TEST(first(a.draws(batch, 1)) != first(a.draws(batch, 2)));
  BOOST_TEST(first(a.draws(batch, 1)) != first(b.draws(batch, 1)));
  BOOST_TEST(first(a.draws(batch, 1)) != first(a.draws(later, 1)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
