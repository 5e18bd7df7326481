#pragma once
#include <algorithm>
#include <anser/ops/matmul.hpp>
#include <anser/ops/norm.hpp>
#include <anser/ops/top_k.hpp>
#include <numeric>

#include "../gradient.hpp"

namespace anser::test {

struct Choice {
  std::vector<std::int32_t> expert;
  std::vector<double> weight;
};

inline Choice chosen(const std::vector<double>& logits, std::size_t n, std::size_t k, double eps) {
  Choice c;
  for (std::size_t r = 0; r < logits.size() / n; ++r) {
    const double* x = logits.data() + r * n;
    std::vector<std::int32_t> order(n);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return x[a] > x[b]; });
    double all = 0, kept = 0;
    for (std::size_t j = 0; j < n; ++j) all += std::exp(x[j] - x[order[0]]);
    for (std::size_t i = 0; i < k; ++i) kept += std::exp(x[order[i]] - x[order[0]]) / all;
    for (std::size_t i = 0; i < k; ++i) {
      c.expert.push_back(order[i]);
      c.weight.push_back(std::exp(x[order[i]] - x[order[0]]) / all / (kept + eps));
    }
  }
  return c;
}

/// Scores at least 1/16 apart within a row, so that a step of finite differences changes no choice.
inline std::vector<double> distinct_scores(int rows, int n, std::uint64_t stream) {
  std::vector<double> s;
  const Random random{3, stream};
  for (int r = 0; r < rows; ++r) {
    std::vector<double> row(static_cast<std::size_t>(n));
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = (double(j) - n / 2) / 8 + 1. / 64;
    for (std::size_t j = row.size(); j > 1; --j)
      std::swap(row[j - 1], row[random.draw(std::uint64_t(r) * 100 + j)[0] % j]);
    s.insert(s.end(), row.begin(), row.end());
  }
  return s;
}

BOOST_AUTO_TEST_SUITE(top_k_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(weights_experts_and_gradients, B, Backends) {
  for (auto [rows, n, k] :
       {std::tuple{3, 9, 2}, {1, 5, 1}, {4, 6, 3}, {2, 4, 4}, {2, 3, 7}, {3, 1, 1}, {3, 166, 2}, {2, 75, 5}})
    for (const double eps : {1e-6, 0.125}) {
      const std::vector<Input> in{{{rows, n}, distinct_scores(rows, n, 1)}};
      const int keep = std::min(k, n);
      const auto expected = chosen(in[0].values, std::size_t(n), std::size_t(keep), eps);
      check_op<B>(
          in,
          [&, k = k]<class D>(const Context<D>& cx, const Inputs<D>& x) {
            const auto y = top_k(cx, x[0], TopKOptions<D>{.k = k, .eps = eps});
            BOOST_TEST(y.weight.shape() == (Shape{rows, keep}));
            return y.weight;
          },
          expected.weight);
      const Context<B> cx{device<B>()};
      const auto y = top_k(cx, tensor<B>(cx.device, in[0].shape, in[0].values), TopKOptions<B>{.k = k, .eps = eps});
      BOOST_TEST(y.expert.host() == expected.expert, boost::test_tools::per_element());
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_scale_and_a_view, B, Backends) {
  const std::vector<Input> in{{{3, 9}, distinct_scores(3, 9, 2)}};
  auto scores = part(in[0].values, 9, 0, 3, 2, 6);
  for (double& s : scores) s *= 3.5;
  check_op<B>(
      in,
      []<class D>(const Context<D>& cx, const Inputs<D>& x) {
        return top_k(cx, x[0].columns(2, 6), TopKOptions<D>{.k = 2, .scale = 3.5}).weight;
      },
      chosen(scores, 6, 2, 1e-6).weight);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(equal_scores_go_to_the_lower_index, B, Backends) {
  const Context<B> cx{device<B>()};
  const std::vector<double> scores{0, 1, 0, 1, 1, 0, /**/ 2, 2, 2, 2, 2, 2, /**/ 0, 0, 0, 0, 3, 0};
  for (const int k : {1, 2, 4, 6}) {
    const auto y = top_k(cx, tensor<B>(cx.device, {3, 6}, scores), TopKOptions<B>{.k = k});
    const auto expected = chosen(scores, 6, std::size_t(k), 1e-6);
    BOOST_TEST(y.expert.host() == expected.expert, boost::test_tools::per_element());
    check_near(doubles(y.weight.host()), expected.weight, 1e-6, "the weights");
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_small_margin_decides, B, Backends) {
  const Context<B> cx{device<B>()};
  const std::vector<double> scores{0.25, 0.2505, 0.2495, 0.251, 0.2500625};
  const auto y = top_k(cx, tensor<B>(cx.device, {1, 5}, scores), TopKOptions<B>{.k = 3});
  BOOST_TEST(y.expert.host() == (std::vector<std::int32_t>{3, 1, 4}), boost::test_tools::per_element());
}

// Columns that stand for experts 7, 3, ...: the names change, the weights and gradients do not.
BOOST_AUTO_TEST_CASE_TEMPLATE(named_candidates, B, Backends) {
  const std::vector<Input> in{{{3, 5}, distinct_scores(3, 5, 3)}};
  const std::vector<std::int32_t> names{7, 3, 11, 0, 5};
  auto expected = chosen(in[0].values, 5, 2, 1e-6);
  for (auto& e : expected.expert) e = names[std::size_t(e)];
  check_op<B>(
      in,
      [&]<class D>(const Context<D>& cx, const Inputs<D>& x) {
        const auto y = top_k(cx, x[0], TopKOptions<D>{.candidate = indices(cx.device, names)});
        BOOST_TEST(y.expert.host() == expected.expert, boost::test_tools::per_element());
        return y.weight;
      },
      expected.weight);
}

// The inference path: scores of raw rows, standardised after the product, against standardised rows in the first place.
BOOST_AUTO_TEST_CASE_TEMPLATE(standardised_after_the_fact, B, Backends) {
  using E = typename B::element;
  const int rows = 4, d = 24, experts = 7;
  const Context<B> cx{device<B>()};
  auto u = numbers(rows * d, 4);
  for (double& v : u) v = double(float(bf16(float(v + 0.5))));  // a mean away from 0
  const auto x = tensor<B, E>(cx.device, {rows, d}, u);
  const auto gates = standardise(cx, tensor<B>(cx.device, {experts, d}, numbers(experts * d, 5)));
  const auto g = doubles(cast<E>(cx, gates).host());  // in bf16 the rows no longer sum to 0
  std::vector<double> row_sum(experts), truth;
  for (std::size_t e = 0; e < experts; ++e)
    for (std::size_t j = 0; j < d; ++j) row_sum[e] += g[e * d + j];
  for (std::size_t r = 0; r < rows; ++r) {
    double mean = 0, variance = 0;
    for (std::size_t j = 0; j < d; ++j) mean += u[r * d + j] / d;
    for (std::size_t j = 0; j < d; ++j) variance += (u[r * d + j] - mean) * (u[r * d + j] - mean) / d;
    for (std::size_t e = 0; e < experts; ++e) {
      double dot = 0;
      for (std::size_t j = 0; j < d; ++j) dot += (u[r * d + j] - mean) / std::sqrt(variance + 1e-5) * g[e * d + j];
      truth.push_back(dot / std::sqrt(double(d)));
    }
  }
  const auto expected = chosen(truth, experts, 2, 1e-6);
  TopKOptions<B> options;
  options.scale = 1 / std::sqrt(double(d));
  options.statistics = statistics(cx, x);
  options.row_sum = tensor<B>(cx.device, {experts}, row_sum);
  const auto y = top_k(cx, matmul_t(cx, x, cast<E>(cx, gates)), options);
  BOOST_TEST(y.expert.host() == expected.expert, boost::test_tools::per_element());
  check_near(doubles(y.weight.host()), expected.weight, std::is_same_v<typename B::real, double> ? 1e-10 : 1e-4,
             "the weights");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(gradients_through_statistics, B, Backends) {
  const std::vector<Input> in{{{2, 5}, distinct_scores(2, 5, 6)},
                              {{2, 2}, {0.5, 1.5, -0.25, 2}, false},
                              {{5}, {0.03125, 0, -0.0625, 0.015625, 0}, false}};
  std::vector<double> logits;
  for (std::size_t i = 0; i < 10; ++i)
    logits.push_back((in[0].values[i] - in[1].values[i / 5 * 2] * in[2].values[i % 5]) * in[1].values[i / 5 * 2 + 1] *
                     0.75);
  check_op<B>(
      in,
      []<class D>(const Context<D>& cx, const Inputs<D>& x) {
        return top_k(cx, x[0], TopKOptions<D>{.k = 3, .scale = 0.75, .statistics = x[1], .row_sum = x[2]}).weight;
      },
      chosen(logits, 5, 3, 1e-6).weight);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(large_scores_do_not_overflow, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto y = top_k(cx, tensor<B>(cx.device, {1, 3}, {-3000, 3000, 2999}), TopKOptions<B>{});
  const double p = 1 / (1 + std::exp(-1.0));
  check_near(doubles(y.weight.host()), {p, 1 - p}, 1e-5, "the weights");
}

// Broken weights must not become a wild index.
BOOST_AUTO_TEST_CASE_TEMPLATE(scores_that_are_no_numbers_still_name_experts, B, Backends) {
  const Context<B> cx{device<B>()};
  const double inf = INFINITY;
  for (const std::vector<double>& scores :
       {std::vector<double>{NAN, NAN, NAN}, {1, NAN, 2}, {-inf, -inf, -inf}, {inf, inf, 0}}) {
    const auto y = top_k(cx, tensor<B>(cx.device, {1, 3}, scores), TopKOptions<B>{});
    for (const auto e : y.expert.host()) BOOST_TEST((e >= 0 && e < 3));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(nobody_to_hear, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto x = tensor<B>(cx.device, {1, 3}, numbers(3, 1));
  BOOST_CHECK_EXCEPTION(top_k(cx, x, TopKOptions<B>{.k = 0}), Error,
                        says("top-k: k is 0; at least one expert must be heard"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
