#pragma once
#include <anser/ops/norm.hpp>

#include "../gradient.hpp"

namespace anser::test {

inline std::vector<double> standardised(const std::vector<double>& x, std::size_t n, double eps) {
  std::vector<double> y(x.size());
  for (std::size_t r = 0; r < x.size() / n; ++r) {
    double mean = 0, variance = 0;
    for (std::size_t j = 0; j < n; ++j) mean += x[r * n + j] / double(n);
    for (std::size_t j = 0; j < n; ++j) variance += std::pow(x[r * n + j] - mean, 2) / double(n);
    for (std::size_t j = 0; j < n; ++j) y[r * n + j] = (x[r * n + j] - mean) / std::sqrt(variance + eps);
  }
  return y;
}

inline std::vector<double> rms_normed(const std::vector<double>& x, const std::vector<double>& weight, double eps) {
  const std::size_t n = weight.size();
  std::vector<double> y(x.size());
  for (std::size_t r = 0; r < x.size() / n; ++r) {
    double square = 0;
    for (std::size_t j = 0; j < n; ++j) square += x[r * n + j] * x[r * n + j] / double(n);
    for (std::size_t j = 0; j < n; ++j) y[r * n + j] = x[r * n + j] / std::sqrt(square + eps) * weight[j];
  }
  return y;
}

BOOST_AUTO_TEST_SUITE(norm_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(rms, B, Backends) {
  for (auto [rows, n] : {std::pair{4, 7}, {1, 5}, {3, 1}, {6, 2}, {3, 131}}) {
    const std::vector<Input> in{input({rows, n}, 1), input({n}, 2)};
    check_op<B>(
        in, []<class D>(const Context<D>& cx, const Inputs<D>& x) { return rms_norm(cx, x[0], x[1], 0.01); },
        rms_normed(in[0].values, in[1].values, 0.01));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(rms_of_a_view_beside_what_is_frozen, B, Backends) {
  for (const bool weight_learns : {false, true}) {
    const std::vector<Input> in{input({4, 9}, 3, !weight_learns), input({5}, 4, weight_learns)};
    check_op<B>(
        in,
        []<class D>(const Context<D>& cx, const Inputs<D>& x) {
          return rms_norm(cx, x[0].slice(1, 2).columns(3, 5), x[1]);
        },
        rms_normed(part(in[0].values, 9, 1, 2, 3, 5), in[1].values, 1e-6));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(rows_of_zeros_stay_zeros, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto x = tensor<B>(cx.device, {2, 3}, std::vector<double>(6));
  const auto weight = tensor<B>(cx.device, {3}, {1, 2, 3});
  check_near(doubles(rms_norm(cx, x, weight).host()), std::vector<double>(6), 0, "rms_norm");
  check_near(doubles(standardise(cx, x).host()), std::vector<double>(6), 0, "standardise");
  BOOST_CHECK_EXCEPTION(rms_norm(cx, x, x), Error, says("rms_norm: weight [2, 3] for rows of 3"));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(mean_nothing_and_variance_one, B, Backends) {
  for (auto [rows, n] : {std::pair{4, 7}, {1, 6}, {3, 2}, {3, 131}}) {
    const std::vector<Input> in{input({rows, n}, 5)};
    check_op<B>(
        in, []<class D>(const Context<D>& cx, const Inputs<D>& x) { return standardise(cx, x[0], 1e-3); },
        standardised(in[0].values, std::size_t(n), 1e-3));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_view_of_elements, B, Backends) {
  const std::vector<Input> in{input({3, 8}, 6)};
  check_op<B>(
      in,
      []<class D>(const Context<D>& cx, const Inputs<D>& x) {
        return standardise(cx, cast<typename D::element>(cx, x[0]).columns(2, 5));
      },
      standardised(part(in[0].values, 8, 0, 3, 2, 5), 5, 1e-5));
}

// What standardise divides by, for those who standardise after the product.
BOOST_AUTO_TEST_CASE_TEMPLATE(statistics_of_rows, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto x = numbers(3 * 9, 7);
  const auto wide = tensor<B, typename B::element>(cx.device, {3, 9}, x);
  const auto y = doubles(statistics(cx, wide.columns(1, 6)).host()), u = part(x, 9, 0, 3, 1, 6);
  std::vector<double> again;
  for (std::size_t i = 0; i < u.size(); ++i) again.push_back((u[i] - y[i / 6 * 2]) * y[i / 6 * 2 + 1]);
  check_near(again, standardised(u, 6, 1e-5), std::is_same_v<typename B::real, double> ? 1e-12 : 1e-5, "statistics");
}

// A mean far from 0 must not eat the variance's digits.
BOOST_AUTO_TEST_CASE_TEMPLATE(a_large_mean, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto x = tensor<B>(cx.device, {1, 4}, {1000, 1001, 1002, 1003});
  check_near(doubles(standardise(cx, x).host()), standardised({0, 1, 2, 3}, 4, 1e-5), 1e-5, "standardise");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(layer_norm_with_weight_and_bias, B, Backends) {
  for (auto [rows, n] : {std::pair{4, 7}, {1, 6}, {3, 2}, {3, 131}}) {
    const std::vector<Input> in{input({rows, n}, 8), input({n}, 9), input({1, n}, 10)};
    auto expected = standardised(in[0].values, std::size_t(n), 1e-3);
    for (std::size_t i = 0; i < expected.size(); ++i)
      expected[i] = expected[i] * in[1].values[i % std::size_t(n)] + in[2].values[i % std::size_t(n)];
    check_op<B>(
        in, []<class D>(const Context<D>& cx, const Inputs<D>& x) { return layer_norm(cx, x[0], x[1], x[2], 1e-3); },
        expected);
  }
}

// Whatever learns, and of a view of elements, as a router reads them.
BOOST_AUTO_TEST_CASE_TEMPLATE(layer_norm_beside_what_is_frozen, B, Backends) {
  for (int learns = 1; learns < 8; ++learns) {
    const std::vector<Input> in{input({4, 9}, 11, learns & 1), input({5}, 12, learns & 2), input({5}, 13, learns & 4)};
    auto expected = standardised(part(in[0].values, 9, 1, 2, 3, 5), 5, 1e-5);
    for (std::size_t i = 0; i < expected.size(); ++i)
      expected[i] = expected[i] * in[1].values[i % 5] + in[2].values[i % 5];
    check_op<B>(
        in,
        []<class D>(const Context<D>& cx, const Inputs<D>& x) {
          return layer_norm(cx, cast<typename D::element>(cx, x[0]).slice(1, 2).columns(3, 5), x[1], x[2]);
        },
        expected);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(layer_norm_of_what_does_not_fit, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto x = tensor<B>(cx.device, {2, 3}, std::vector<double>(6)), three = x.slice(0, 1);
  BOOST_CHECK_EXCEPTION(layer_norm(cx, x, x, three), Error,
                        says("layer_norm: weight [2, 3] and bias [1, 3] for rows of 3"));
  BOOST_CHECK_EXCEPTION(layer_norm(cx, x, three, x), Error, says("for rows of 3"));
  // rows of zeros are the bias
  const auto bias = tensor<B>(cx.device, {3}, {1, 2, 3});
  check_near(doubles(layer_norm(cx, x, bias, bias).host()), {1, 2, 3, 1, 2, 3}, 0, "layer_norm");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(rows_of_length_one, B, Backends) {
  for (const double eps : {1e-12, 100.0}) {  // a length below eps counts as eps
    const std::vector<Input> in{input({3, 71}, 14)};
    auto expected = part(in[0].values, 71, 0, 3, 2, 67);
    for (std::size_t r = 0; r < 3; ++r) {
      double square = 0;
      for (std::size_t j = 0; j < 67; ++j) square += std::pow(expected[r * 67 + j], 2);
      for (std::size_t j = 0; j < 67; ++j) expected[r * 67 + j] /= std::fmax(std::sqrt(square), eps);
    }
    check_op<B>(
        in,
        [eps]<class D>(const Context<D>& cx, const Inputs<D>& x) { return unit_rows(cx, x[0].columns(2, 67), eps); },
        expected);
  }
  const Context<B> cx{device<B>()};
  const auto zeros = tensor<B>(cx.device, {1, 3}, std::vector<double>(3));
  check_near(doubles(unit_rows(cx, zeros).host()), std::vector<double>(3), 0, "unit_rows");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
