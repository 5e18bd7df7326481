#include <anser/router/sigmoid_gate.hpp>

#include "../module/pool.hpp"
#include "../ops/host.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(sigmoid_gate_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(one_weight_per_row, B, Backends) {
  const Site site = linear_site(6, 3, 1);
  const std::vector<Input> in{input({5, 6}, 1), input({1, 6}, 2)};
  auto expected = product_t(in[0].values, in[1].values, 5, 1, 6);
  for (double& v : expected) v = 1 / (1 + std::exp(-v));
  check_op<B>(
      in,
      [&]<class D>(const Context<D>& cx, const Inputs<D>& t) {
        SigmoidGate::On<D> on(cx.device, {}, site);
        on.prepare(site, lora_pool({site}, {2}));
        on.gate = t[1];
        const auto r = on.route(cx, cast<typename D::element>(cx, t[0]), Batch<D>{});
        BOOST_TEST((r.expert.host() == std::vector<std::int32_t>(5, 0)));
        return r.weight;
      },
      expected);
}

using B = Cpu<float>;

BOOST_AUTO_TEST_CASE(a_gate_starts_at_zeros_or_where_it_was) {
  const Site site = linear_site(6, 3, 1);
  auto pool = lora_pool({site}, {2});
  SigmoidGate::On<B> again(device<B>(), {}, site);
  again.prepare(site, pool);
  BOOST_TEST((doubles(again.gate.host()) == gate_of(site, 0)));
  BOOST_TEST(again.gate.needs_grad());
  pool[0].gates = nullptr;
  SigmoidGate::On<B> fresh(device<B>(), {}, site);
  fresh.prepare(site, pool);
  BOOST_TEST((fresh.gate.host() == std::vector<float>(6, 0)));
  std::vector<std::string> names;
  SigmoidGate::On<B>::visit(fresh, [&](const std::string& n, Real<B>&) { names.push_back(n); });
  BOOST_TEST((names == std::vector<std::string>{"gate.e0"}));
  const auto half = fresh.route({device<B>()}, tensor<B>(device<B>(), {2, 6}, numbers(12, 3)), Batch<B>{});
  BOOST_TEST((half.weight.host() == std::vector<float>(2, 0.5f)));
}

BOOST_AUTO_TEST_CASE(one_expert_with_a_gate_that_fits) {
  const Site site = linear_site(6, 3, 2);
  SigmoidGate::On<B> on(device<B>(), {}, site);
  BOOST_CHECK_EXCEPTION(on.prepare(site, lora_pool({site}, {1, 1})), Error, says("this pool has 2"));
  BOOST_CHECK_EXCEPTION(on.prepare(site, {}), Error, says("this pool has 0"));
  auto pool = lora_pool({site}, {1});
  const auto wide = std::make_shared<MemorySource>("gate.safetensors");
  wide->add(site.name, {7}, std::vector<float>(7));
  pool[0].gates = wide;
  BOOST_CHECK_EXCEPTION(on.prepare(site, pool), Error, says("the site reads 6"));
}

BOOST_AUTO_TEST_CASE(without_the_expert_there_is_no_gate) {
  const Site site = linear_site(6, 3, 1);
  SigmoidGate::On<B> on(device<B>(), {}, site);
  on.prepare(site, lora_pool({site}, {0}));
  BOOST_TEST(!on.route({device<B>()}, tensor<B>(device<B>(), {2, 6}, numbers(12, 3)), Batch<B>{}).expert);
  int named = 0;
  SigmoidGate::On<B>::visit(on, [&](const auto&...) { ++named; });
  BOOST_TEST(named == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
