#pragma once
#include <anser/router/phatgoose.hpp>

#include "../module/pool.hpp"

namespace anser::test {

struct Decision {
  std::vector<std::int32_t> expert;
  std::vector<double> weight;
};

/// The rule in double: ln(u) . ln(v_e) / sqrt(d), softmax, the k largest over (their sum + 1e-6).
inline Decision phatgoose_rule(const std::vector<double>& x, int rows, int in,
                               const std::vector<std::vector<double>>& gates,
                               const std::vector<std::int32_t>& candidates, int k) {
  const auto standard = [&](std::vector<double> v) {
    double mean = 0, variance = 0;
    for (double n : v) mean += n / in;
    for (double n : v) variance += (n - mean) * (n - mean) / in;
    for (double& n : v) n = (n - mean) / std::sqrt(variance + 1e-5);
    return v;
  };
  k = std::min(k, int(candidates.size()));
  Decision d;
  for (int r = 0; r < rows; ++r) {
    const auto u = standard(part(x, in, r, 1, 0, in));
    std::vector<std::pair<double, int>> p;  // -probability, column: sorts largest first, ties by column
    double total = 0, kept = 0;
    for (std::size_t e = 0; e < gates.size(); ++e) {
      const auto v = standard(gates[e]);
      double s = 0;
      for (int i = 0; i < in; ++i) s += u[std::size_t(i)] * v[std::size_t(i)];
      p.emplace_back(-std::exp(s / std::sqrt(double(in))), int(e));
      total -= p.back().first;
    }
    std::sort(p.begin(), p.end());
    for (int i = 0; i < k; ++i) kept -= p[std::size_t(i)].first / total;
    for (int i = 0; i < k; ++i) {
      d.expert.push_back(candidates[std::size_t(p[std::size_t(i)].second)]);
      d.weight.push_back(-p[std::size_t(i)].first / total / (kept + 1e-6));
    }
  }
  return d;
}

inline constexpr int gate_width = 24, routed_rows = 7;

/// A router on a pool at one site, and its decision by both ways of scoring.
template <Backend B>
struct Routes {
  PhatGoose::On<B> on;
  OutputRouting<B> plain, scored;

  Routes(const Site& site, const std::vector<Expert>& pool, int k, const std::vector<double>& rows)
      : on(device<B>(), {k}, site) {
    const Context<B> cx{device<B>()};
    on.prepare(site, pool);
    const auto x = tensor<B, typename B::element>(cx.device, {int(rows.size()) / site.in, site.in}, rows);
    plain = on.route(cx, x, Batch<B>{});
    if (const auto gates = on.rows()) scored = on.route(cx, {matmul_t(cx, x, gates), statistics(cx, x)}, Batch<B>{});
  }
};

BOOST_AUTO_TEST_SUITE(phatgoose_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(decisions_follow_the_rule_however_scores_were_made, B, Backends) {
  const Site site = linear_site(gate_width, 4, 6);
  const std::vector<int> ranks{1, 0, 2, 1, 1, 1};  // e1 has nothing here: never a candidate
  const std::vector<std::int32_t> candidates{0, 2, 3, 4, 5};
  const auto x = numbers(routed_rows * gate_width, 5);
  std::vector<std::vector<double>> gates;
  for (auto e : candidates) gates.push_back(gate_of(site, std::size_t(e)));
  for (int k : {1, 2, 5, 9}) {  // more than there are means all
    const auto expected = phatgoose_rule(x, routed_rows, gate_width, gates, candidates, k);
    const Routes<B> r(site, lora_pool({site}, ranks), k, x);
    BOOST_TEST((r.plain.expert.shape() == Shape{routed_rows, std::min(k, 5)}));
    BOOST_TEST((r.plain.expert.host() == expected.expert));
    check_near(doubles(r.plain.weight.host()), expected.weight, 1e-5, "weights");
    if constexpr (!std::is_same_v<typename B::element, bf16>)
      BOOST_TEST((r.scored.expert.host() == expected.expert));  // rounded gates may exchange close experts
    if (k < 9 && k != 5) continue;
    // All candidates: compare by expert, since rounding may exchange neighbours.
    const auto by_expert = [&](const std::vector<std::int32_t>& e, const std::vector<double>& w) {
      std::vector<double> dense(std::size_t(routed_rows) * ranks.size());
      for (std::size_t i = 0; i < e.size(); ++i) dense[i / 5 * ranks.size() + std::size_t(e[i])] = w[i];
      return dense;
    };
    check_near(by_expert(r.scored.expert.host(), doubles(r.scored.weight.host())),
               by_expert(expected.expert, expected.weight), std::is_same_v<typename B::element, bf16> ? 1e-2 : 1e-5,
               "weights from the site's own product");
  }
}

// Rounded gates do not sum to 0, so that a large mean of the input would leak into the scores.
BOOST_AUTO_TEST_CASE_TEMPLATE(the_mean_of_the_input_does_not_matter, B, Backends) {
  const Site site = linear_site(gate_width, 4, 3);
  auto x = numbers(routed_rows * gate_width, 6);
  for (double& v : x) v = std::round(v * 8) / 8 + 12;  // exact in bf16
  const Routes<B> r(site, lora_pool({site}, {1, 1, 1}), 1, x);
  std::vector<std::vector<double>> gates{gate_of(site, 0), gate_of(site, 1), gate_of(site, 2)};
  const auto all = phatgoose_rule(x, routed_rows, gate_width, gates, {0, 1, 2}, 3);
  for (int row = 0; row < routed_rows; ++row) {
    const std::size_t at = std::size_t(3 * row);
    if (all.weight[at] - all.weight[at + 1] < 0.05) continue;  // too close to call in bf16
    BOOST_TEST(r.plain.expert.host()[std::size_t(row)] == all.expert[at]);
    BOOST_TEST(r.scored.expert.host()[std::size_t(row)] == all.expert[at]);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(fresh_gates_choose_evenly_the_lower_index_first, B, Backends) {
  const Site site = linear_site(gate_width, 4, 4);
  auto pool = lora_pool({site}, {1, 1, 1, 1});
  const auto zeros = std::make_shared<MemorySource>("zeros");
  zeros->add(site.name, {gate_width}, std::vector<float>(gate_width));
  for (auto& e : pool) e.gates = zeros;
  const Routes<B> r(site, pool, 2, numbers(routed_rows * gate_width, 7));
  for (const auto& heard : {r.plain, r.scored}) {
    for (int row = 0; row < routed_rows; ++row)
      for (int i : {0, 1}) BOOST_TEST(heard.expert.host()[std::size_t(2 * row + i)] == i);
    for (auto w : heard.weight.host()) BOOST_CHECK_SMALL(double(w) - 0.25 / (0.5 + 1e-6), 1e-6);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(weights_pass_gradients_to_the_input, B, Backends) {
  const Site site = linear_site(gate_width, 4, 3);
  const auto pool = lora_pool({site}, {1, 1, 1});
  const std::vector<std::vector<double>> gates{gate_of(site, 0), gate_of(site, 1), gate_of(site, 2)};
  const std::vector<Input> in{input({2, gate_width}, 8)};
  check_op<B>(
      in,
      [&]<class D>(const Context<D>& cx, const Inputs<D>& t) {
        PhatGoose::On<D> on(cx.device, {2}, site);
        on.prepare(site, pool);
        return on.route(cx, cast<typename D::element>(cx, t[0]), Batch<D>{}).weight;
      },
      phatgoose_rule(in[0].values, 2, gate_width, gates, {0, 1, 2}, 2).weight);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
