#include "../ops/host.hpp"
//
#include "phatgoose.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(phatgoose_pools)

using B = Cpu<float>;
const Site site = linear_site(gate_width, 4, 3);

void prepare(const std::vector<Expert>& pool) { PhatGoose::On<B>(device<B>(), {}, site).prepare(site, pool); }

BOOST_AUTO_TEST_CASE(experts_without_a_gate_are_named) {
  auto pool = lora_pool({site}, {1, 1, 1});
  pool[0].gates = nullptr;
  pool[2].gates = std::make_shared<MemorySource>("empty");
  BOOST_CHECK_EXCEPTION(prepare(pool), Error, says("phatgoose needs a gate for " + site.name));
  BOOST_CHECK_EXCEPTION(prepare(pool), Error, says("these experts have none: e0, e2;"));
}

BOOST_AUTO_TEST_CASE(gates_that_are_no_numbers_or_do_not_fit_are_refused) {
  auto pool = lora_pool({site}, {1, 1});
  auto gates = std::make_shared<MemorySource>("pool/e1/gate.safetensors");
  auto v = gate_of(site, 1);
  v[3] = NAN;
  gates->add(site.name, {gate_width}, floats(v));
  pool[1].gates = gates;
  BOOST_CHECK_EXCEPTION(
      prepare(pool), Error,
      says("pool/e1/gate.safetensors: " + site.name + " holds a number that is not finite: train the gate again"));
  gates->add(site.name, {gate_width + 1}, std::vector<float>(gate_width + 1));
  BOOST_CHECK_EXCEPTION(prepare(pool), Error, says("the site reads 24"));
}

BOOST_AUTO_TEST_CASE(a_site_that_no_expert_has_hears_nobody) {
  const Routes<B> r(site, lora_pool({site}, {0, 0}), 2, numbers(gate_width, 1));
  BOOST_TEST(!r.plain.expert);
  BOOST_TEST(!r.on.rows());
}

BOOST_AUTO_TEST_CASE(nobody_kept_is_an_error) {
  BOOST_CHECK_EXCEPTION(Routes<B>(site, lora_pool({site}, {1, 1}), 0, numbers(gate_width, 1)), Error, says("top-k"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
