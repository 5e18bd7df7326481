// Sites whole: a group of linears, a pool, every module with every router.
#include <anser/module/lora.hpp>
#include <anser/module/none.hpp>
#include <anser/nn/linear.hpp>
#include <anser/routed.hpp>
#include <anser/router/none.hpp>
#include <anser/router/sigmoid_gate.hpp>
#include <anser/router/uniform.hpp>

#include "ops/host.hpp"
#include "router/phatgoose.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(routed_hpp)

constexpr int in_size = 10, rows = 6;
const std::vector<int> outs{4, 3};

struct Setting {
  std::vector<Site> sites{linear_site(in_size, outs[0], 0, "q"), linear_site(in_size, outs[1], 0, "k")};
  std::vector<int> ranks;
  std::vector<Expert> pool = lora_pool(sites, ranks);
  explicit Setting(std::vector<int> of = {2, 1, 3}) : ranks(std::move(of)) { pool = lora_pool(sites, ranks); }
};

/// Two linears of one input. Inputs: x, W of the first, W of the second.
template <Backend B, class M, class R>
std::shared_ptr<LinearGroup<B>> group(const Setting& s, R router, const std::vector<Tensor<B>>& weights) {
  B& on = device<B>();
  const auto g = std::make_shared<LinearGroup<B>>(
      on, in_size, std::initializer_list<std::pair<const char*, int>>{{"q", outs[0]}, {"k", outs[1]}});
  for (std::size_t i = 0; i < 2; ++i) {
    auto& m = g->members()[i];
    m.linear.weight = weights[i];
    m.site = s.sites[i];
    m.site.index = int(i);
    m.experts = std::make_unique<Routed<B, M, R>>(on, M{}, router, m.site, s.pool);
  }
  return g;
}

template <Backend B>
Batch<B> two_examples() {
  Batch<B> b;
  b.examples = 2;
  b.tokens = rows / 2;
  return b;
}

/// What both members gave, side by side, with gradients flowing.
template <class D>
Real<D> side_by_side(const Context<D>& cx, const std::vector<Real<D>>& y) {
  // one number per output, so that sums reach both
  const auto ones = tensor<D>(cx.device, {outs[0], outs[1]}, numbers(std::size_t(outs[0] * outs[1]), 50));
  return add(cx, y[1], matmul(cx, scale(cx, y[0], 1), ones));
}
std::vector<double> side_by_side(const std::vector<double>& a, const std::vector<double>& b) {
  const auto ones = numbers(std::size_t(outs[0] * outs[1]), 50);
  auto y = b;
  for (int r = 0; r < rows; ++r)
    for (int j = 0; j < outs[1]; ++j)
      for (int i = 0; i < outs[0]; ++i)
        y[std::size_t(r * outs[1] + j)] += a[std::size_t(r * outs[0] + i)] * ones[std::size_t(i * outs[1] + j)];
  return y;
}

/// What a router decides at a site, in double.
using Rule = std::function<Decision(const Site&, const std::vector<double>&)>;

template <class B, class M, class R>
void check_pair(const Setting& s, R router, const Rule& rule) {
  const std::vector<Input> in{input({rows, in_size}, 1), frozen({outs[0], in_size}, 2), frozen({outs[1], in_size}, 3)};
  std::vector<std::vector<double>> y;
  for (std::size_t i = 0; i < 2; ++i) {
    y.push_back(product_t(in[0].values, in[1 + i].values, rows, outs[i], in_size));
    if (!rule) continue;
    const auto d = rule(s.sites[i], in[0].values);
    y[i] = mixed(y[i], s.sites[i], s.ranks, in[0].values, rows, 1, d.expert, d.weight);
  }
  std::vector<std::shared_ptr<void>> alive;  // a packed group's tape refers to it
  for (bool packed : {false, true})
    check_op<B>(
        in,
        [&]<class D>(const Context<D>& cx, const Inputs<D>& t) {
          using E = typename D::element;
          const auto g = group<D, M>(s, router, {cast<E>(cx, t[1]), cast<E>(cx, t[2])});
          if (packed) g->pack();
          alive.push_back(g);
          return side_by_side<D>(cx, g->forward(cx, cast<E>(cx, t[0]), two_examples<D>()));
        },
        side_by_side(y[0], y[1]));
}

Decision equal(const std::vector<int>& who) {
  Decision d;
  for (int r = 0; r < rows; ++r)
    for (int e : who) {
      d.expert.push_back(e);
      d.weight.push_back(1.0 / double(who.size()));
    }
  return d;
}

using Checked = std::tuple<Cpu<double>, Squad<double>, Cpu<float>>;

BOOST_AUTO_TEST_CASE_TEMPLATE(every_router_with_lora, B, Checked) {
  check_pair<B, Lora>(Setting{}, None{}, nullptr);
  check_pair<B, Lora>(Setting{}, Uniform{}, [](const Site&, const auto&) { return equal({0, 1, 2}); });
  check_pair<B, Lora>(Setting{{1, 0, 2}}, Uniform{}, [](const Site&, const auto&) { return equal({0, 2}); });
  check_pair<B, Lora>(Setting{}, PhatGoose{2}, [](const Site& site, const std::vector<double>& x) {
    return phatgoose_rule(x, rows, in_size, {gate_of(site, 0), gate_of(site, 1), gate_of(site, 2)}, {0, 1, 2}, 2);
  });
  check_pair<B, Lora>(Setting{{3}}, SigmoidGate{}, [](const Site& site, const std::vector<double>& x) {
    Decision d{std::vector<std::int32_t>(rows, 0), product_t(x, gate_of(site, 0), rows, 1, in_size)};
    for (double& w : d.weight) w = 1 / (1 + std::exp(-w));
    return d;
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(without_a_module_every_router_leaves_the_host, B, Checked) {
  check_pair<B, NoModule>(Setting{}, None{}, nullptr);
  check_pair<B, NoModule>(Setting{}, Uniform{}, nullptr);
  check_pair<B, NoModule>(Setting{}, PhatGoose{}, nullptr);
  check_pair<B, NoModule>(Setting{{3}}, SigmoidGate{}, nullptr);
}

template <Backend B>
std::vector<Tensor<B>> weights() {
  using E = typename B::element;
  std::vector<Tensor<B>> w;
  for (std::size_t i = 0; i < 2; ++i)
    w.push_back(tensor<B, E>(device<B>(), {outs[i], in_size}, numbers(std::size_t(outs[i] * in_size), 2 + i)));
  return w;
}
template <Backend B>
Tensor<B> rows_of_x() {
  return tensor<B, typename B::element>(device<B>(), {rows, in_size}, numbers(rows * in_size, 1));
}

BOOST_AUTO_TEST_CASE(decisions_are_traced_per_row) {
  using B = Cpu<float>;
  std::vector<TraceEntry<B>> trace;
  auto batch = two_examples<B>();
  batch.trace = &trace;
  batch.step = 4;
  group<B, Lora>(Setting{}, Uniform{}, weights<B>())->forward({device<B>()}, rows_of_x<B>(), batch);
  BOOST_TEST_REQUIRE(trace.size() == 2u);
  BOOST_TEST(trace[1].site.name == "encoder.block.0.layer.0.SelfAttention.k");
  BOOST_TEST(trace[1].step == 4);
  BOOST_TEST((trace[0].expert.shape() == Shape{rows, 3}));  // one decision, repeated for every row
  BOOST_TEST(trace[0].weight.rows() == rows);
  trace.clear();
  group<B, Lora>(Setting{}, None{}, weights<B>())->forward({device<B>()}, rows_of_x<B>(), batch);
  BOOST_TEST(trace.empty());  // nobody was heard
}

/// Chooses an expert per example once per input; asked row by row it would choose the first.
struct Appointed {
  std::vector<std::int32_t> expert;
  template <Backend B>
  struct On;
};
template <Backend B>
struct Appointed::On {
  Appointed options;
  On(B&, Appointed o, const Site&) : options(std::move(o)) {}
  static void visit(auto&, auto&&) {}
  OutputRouting<B> plan(const Context<B>& cx, const Batch<B>&) const { return decided(cx, options.expert); }
  OutputRouting<B> route(const Context<B>& cx, const Tensor<B>&, const Batch<B>& batch) const {
    return decided(cx, std::vector<std::int32_t>(std::size_t(batch.examples), 0));
  }
  static OutputRouting<B> decided(const Context<B>& cx, const std::vector<std::int32_t>& who) {
    const std::vector<typename B::real> ones(who.size(), 1);
    return {Index<B>(cx.device, {int(who.size()), 1}, who), Real<B>(cx.device, {int(who.size()), 1}, ones)};
  }
};

BOOST_AUTO_TEST_CASE_TEMPLATE(a_plan_is_made_once_and_then_followed, B, Checked) {
  const Setting s;
  const Context<B> cx{device<B>()};
  const auto g = group<B, Lora>(s, Appointed{{2, 1}}, weights<B>());
  auto batch = two_examples<B>();
  const auto hear = [&] { return doubles(scale(cx, g->forward(cx, rows_of_x<B>(), batch)[0], 1).host()); };
  const auto expected = [&](const std::vector<std::int32_t>& who) {
    const auto x = numbers(rows * in_size, 1);
    return mixed(product_t(x, numbers(std::size_t(outs[0] * in_size), 2), rows, outs[0], in_size), s.sites[0], s.ranks,
                 x, rows, rows / 2, who, {1, 1});
  };
  check_near(hear(), expected({0, 0}), Tolerance<B>::value, "without a plan");
  std::vector<std::shared_ptr<const void>> plans;
  for (const auto& m : g->members()) plans.push_back(m.experts->plan(cx, batch));
  batch.plans = &plans;
  check_near(hear(), expected({2, 1}), Tolerance<B>::value, "with a plan");
  plans[0] = nullptr;
  check_near(hear(), expected({0, 0}), Tolerance<B>::value, "a site without one");
}

BOOST_AUTO_TEST_CASE(only_planning_routers_plan_and_only_scoring_routers_have_rows) {
  using B = Cpu<float>;
  const Setting s;
  const Context<B> cx{device<B>()};
  const auto uniform = group<B, Lora>(s, Uniform{}, weights<B>());
  BOOST_TEST(uniform->members()[0].experts->plan(cx, two_examples<B>()) == nullptr);
  BOOST_TEST(!uniform->members()[0].experts->rows());
  const auto goose = group<B, Lora>(s, PhatGoose{}, weights<B>());
  BOOST_TEST((goose->members()[0].experts->rows().shape() == Shape{3, in_size}));
}

BOOST_AUTO_TEST_CASE(parameters_of_module_and_router_are_named_together) {
  using B = Cpu<float>;
  const Setting s{{2}};
  std::vector<std::string> names;
  group<B, Lora>(s, SigmoidGate{}, weights<B>())->members()[0].experts->visit([&](const std::string& n, Real<B>&) {
    names.push_back(n);
  });
  BOOST_TEST((names == std::vector<std::string>{"lora_A.e0.weight", "lora_B.e0.weight", "gate.e0"}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
