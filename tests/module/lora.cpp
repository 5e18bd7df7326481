#include "../ops/host.hpp"
//
#include "lora.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(lora_creation)

using B = Cpu<double>;

Site here() { return linear_site(lora_in, lora_out); }
Lora::On<B> created(std::uint64_t seed, int experts = 1) {
  std::vector<Expert> pool;
  for (int e = 0; e < experts; ++e)
    pool.push_back(
        create_expert("e" + std::to_string(e), std::vector{here()}, {2, 1}, Random{seed, 0}.fork(std::uint64_t(e))));
  Lora::On<B> lora(device<B>(), {}, here());
  lora.load(here(), pool);
  Lora::On<B>::visit(lora, [](const std::string&, Real<B>& p) { p.require_grad(); });
  return lora;
}

BOOST_AUTO_TEST_CASE(new_experts_are_small_in_a_and_zero_in_b) {
  const auto lora = created(1, 2);
  BOOST_TEST(lora.experts->size() == 2);
  BOOST_TEST((lora.experts->a(0).shape() == Shape{2, lora_in}));
  BOOST_TEST((lora.experts->b(0).shape() == Shape{lora_out, 2}));
  BOOST_TEST(lora.experts->scale(0) == 0.5);  // alpha / rank
  BOOST_TEST(lora.experts->learns());
  for (double v : lora.experts->b(1).host()) BOOST_TEST(v == 0);
  const auto a = lora.experts->a(1).host();
  for (double v : a) BOOST_TEST((v != 0 && std::fabs(v) < 0.06));
  BOOST_TEST((a != lora.experts->a(0).host()));
}

BOOST_AUTO_TEST_CASE(the_seed_and_the_site_decide) {
  BOOST_TEST((created(7).experts->a(0).host() == created(7, 2).experts->a(0).host()));
  BOOST_TEST((created(7).experts->a(0).host() != created(8).experts->a(0).host()));
  Site other = here();
  other.name += "2";
  other.index = 1;
  const auto two = create_expert("two", std::vector{other, here()}, {2, 1}, {7, 0});
  std::vector<float> a(2 * lora_in), b(2 * lora_in);
  convert(*two.tensors->find(here().name + ".lora_A.weight"), a.data());
  convert(*two.tensors->find(other.name + ".lora_A.weight"), b.data());
  BOOST_TEST((a != b));
  BOOST_TEST((two.sites == std::vector<std::string>{here().name, other.name}));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_is_refused) {
  BOOST_CHECK_EXCEPTION(create_expert("e", std::vector{here()}, {0, 1}, {}), Error, says("a rank of 0"));
  BOOST_CHECK_EXCEPTION(create_expert("e", std::vector{here()}, {2, 0}, {}), Error, says("an alpha of 0"));
  BOOST_CHECK_EXCEPTION(create_expert("e", {}, {2, 1}, {}), Error, says("no linear"));
}

BOOST_AUTO_TEST_CASE(a_step_against_the_gradient_lowers_the_loss) {
  auto lora = created(3);
  B& on = device<B>();
  const Inputs<B> t{tensor<B>(on, {4, lora_in}, numbers(4 * lora_in, 1)),
                    tensor<B>(on, {lora_out, lora_in}, numbers(lora_out * lora_in, 2))};
  const auto loss = [&](Tape* tape) {
    const Context<B> cx{on, tape};
    const auto y = with_host<B>(cx, t, [&](const Host<B>& h, const Tensor<B>& x) {
      return lora.forward(cx, h, x, OutputRouting<B>{indices(on, {1, 1}, {0}), tensor<B>(on, {1, 1}, {1})});
    });
    return sum(cx, multiply(cx, y, y));
  };
  double before = loss(nullptr).host()[0];
  for (int step = 0; step < 3; ++step) {
    Tape tape;
    tape.backward<B>(loss(&tape));
    Lora::On<B>::visit(lora, [&](const std::string&, Real<B>& p) {
      auto v = p.host();
      const auto g = p.host_grad();
      for (std::size_t i = 0; i < v.size(); ++i) v[i] -= 0.01 * g[i];
      p.assign(v);
      p.release_grad();
    });
    const double after = loss(nullptr).host()[0];
    BOOST_TEST(after < before);
    before = after;
  }
}

BOOST_AUTO_TEST_CASE(a_lone_learner_is_heard_only_where_it_is_named) {
  auto lora = created(3);
  B& on = device<B>();
  lora.experts->b(0).assign(numbers(2 * lora_out, 4));
  const Inputs<B> t{tensor<B>(on, {3, lora_in}, numbers(3 * lora_in, 1)),
                    tensor<B>(on, {lora_out, lora_in}, numbers(lora_out * lora_in, 2))};
  const auto run = [&](const std::vector<std::int32_t>& expert) {
    const Context<B> cx{on};
    return with_host<B>(cx, t, [&](const Host<B>& h, const Tensor<B>& x) {
      return lora.forward(cx, h, x, OutputRouting<B>{indices(on, {3, 1}, expert), tensor<B>(on, {3, 1}, {1, 1, 1})});
    });
  };
  const auto all = doubles(run({0, 0, 0}).host()), some = doubles(run({0, -1, 0}).host());
  const auto none = doubles(run({-1, -1, -1}).host());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool named = i / lora_out != 1;
    BOOST_TEST(some[i] == (named ? all[i] : none[i]));
    BOOST_TEST(all[i] != none[i]);
  }
  BOOST_CHECK_EXCEPTION(
      with_host<B>({on}, t,
                   [&](const Host<B>& h, const Tensor<B>& x) {
                     return lora.forward({on}, h, x,
                                         OutputRouting<B>{indices(on, {2, 1}, {0, 0}), tensor<B>(on, {2, 1}, {1, 1})});
                   }),
      Error, says("2 decisions for 3 rows"));
}

BOOST_AUTO_TEST_CASE(a_decision_is_merged_once_and_unlike_experts_are_not) {
  const Site site = here();
  Lora::On<B> lora(device<B>(), {}, site), unlike(device<B>(), {}, site);
  auto pool = lora_pool({site}, {2, 2});
  for (auto& e : pool) e.scale = [](std::string_view, int) { return 1.0; };
  lora.load(site, pool);
  unlike.load(site, lora_pool({site}, {2, 1}));
  B& on = device<B>();
  const Inputs<B> t{tensor<B>(on, {2, lora_in}, numbers(2 * lora_in, 1)),
                    tensor<B>(on, {lora_out, lora_in}, numbers(lora_out * lora_in, 2))};
  const ParameterRouting<B> r{indices(on, {1, 2}, {0, 1}), tensor<B>(on, {1, 2}, {0.5, 0.5})};
  const auto run = [&](const Lora::On<B>& l, const ParameterRouting<B>& said) {
    return with_host<B>({on}, t, [&](const Host<B>& h, const Tensor<B>& x) { return l.forward({on}, h, x, said); });
  };
  const auto first = run(lora, r).host();
  lora.experts->a(0).assign(numbers(2 * lora_in, 9));  // what was merged already stays, as a session's plan does
  BOOST_TEST((run(lora, ParameterRouting<B>(r)).host() == first));
  BOOST_TEST((run(lora, {r.expert, r.weight}).host() != first));
  BOOST_CHECK_EXCEPTION(run(unlike, {r.expert, r.weight}), Error, says("differ in rank or scale"));
}

BOOST_AUTO_TEST_CASE(parameters_have_pefts_names) {
  const Site site = linear_site(lora_in, lora_out);
  Lora::On<B> lora(device<B>(), {}, site);
  lora.load(site, lora_pool({site}, {2, 0, 1}));
  std::vector<std::string> names;
  Lora::On<B>::visit(lora, [&](const std::string& n, Real<B>&) { names.push_back(n); });
  BOOST_TEST((names == std::vector<std::string>{"lora_A.e0.weight", "lora_B.e0.weight", "lora_A.e2.weight",
                                                "lora_B.e2.weight"}));
}

BOOST_AUTO_TEST_CASE(experts_that_do_not_fit_are_named) {
  const Site site = linear_site(lora_in, lora_out);
  const auto load = [&](std::vector<Expert> pool) { Lora::On<B>(device<B>(), {}, site).load(site, pool); };
  auto pool = lora_pool({site}, {2, 1});
  pool[1].kind = "IA3";
  BOOST_CHECK_EXCEPTION(load(pool), Error, says("pool/e1: a IA3 expert; the module here is LoRA"));
  pool = lora_pool({site}, {2});
  const auto half = std::make_shared<MemorySource>("half");
  half->add(site.name + ".lora_A.weight", {2, lora_in}, floats(lora_a(site, 2, 0)));
  pool[0].tensors = half;
  BOOST_CHECK_EXCEPTION(load(pool), Error, says("has only one of lora_A and lora_B"));
  half->add(site.name + ".lora_B.weight", {lora_out + 1, 2}, std::vector<float>(2 * (lora_out + 1)));
  BOOST_CHECK_EXCEPTION(load(pool), Error, says("belong to another one"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
