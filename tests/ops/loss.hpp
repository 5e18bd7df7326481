#pragma once
#include <anser/ops/loss.hpp>

#include "../gradient.hpp"

namespace anser::test {

inline std::vector<double> losses(const std::vector<double>& x, const std::vector<std::int32_t>& labels,
                                  double smoothing) {
  const std::size_t n = x.size() / labels.size();
  std::vector<double> loss;
  for (std::size_t r = 0; r < labels.size(); ++r) {
    double s = 0, mean = 0;
    for (std::size_t j = 0; j < n; ++j) s += std::exp(x[r * n + j]);
    for (std::size_t j = 0; j < n; ++j) mean += (std::log(s) - x[r * n + j]) / double(n);
    loss.push_back(
        labels[r] < 0 ? 0 : (1 - smoothing) * (std::log(s) - x[r * n + std::size_t(labels[r])]) + smoothing * mean);
  }
  return loss;
}

BOOST_AUTO_TEST_SUITE(loss_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(plain_and_smoothed_with_rows_left_out, B, Backends) {
  const std::vector<std::int32_t> labels{3, -100, 0, 6, -1};
  for (const double smoothing : {0.0, 0.1, 1.0}) {
    const std::vector<Input> in{input({5, 7}, 1)};
    check_op<B>(
        in,
        [&]<class D>(const Context<D>& cx, const Inputs<D>& x) {
          return cross_entropy(cx, x[0], indices(cx.device, labels), smoothing);
        },
        losses(in[0].values, labels, smoothing));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(logits_in_a_wider_tensor, B, Backends) {
  const std::vector<Input> in{input({2, 9}, 2)};
  check_op<B>(
      in,
      []<class D>(const Context<D>& cx, const Inputs<D>& x) {
        return cross_entropy(cx, x[0].columns(2, 5), indices(cx.device, {1, 2}, {4, 1}), 0.2);
      },
      losses(part(in[0].values, 9, 0, 2, 2, 5), {4, 1}, 0.2));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_larger_vocabulary, B, Backends) {
  const std::vector<Input> in{input({3, 131}, 3)};
  check_op<B>(
      in,
      []<class D>(const Context<D>& cx, const Inputs<D>& x) {
        return cross_entropy(cx, x[0], indices(cx.device, {130, -1, 64}), 0.1);
      },
      losses(in[0].values, {130, -1, 64}, 0.1));
}

// The gradient where the logits lay; of a part of a tensor, beside them.
BOOST_AUTO_TEST_CASE_TEMPLATE(the_last_reader, B, Backends) {
  const std::vector<std::int32_t> labels{3, -100, 0, 6, -1};
  const std::vector<Input> in{input({5, 9}, 4)};
  for (const int columns : {9, 7})
    check_op<B>(
        in,
        [&]<class D>(const Context<D>& cx, const Inputs<D>& x) {
          const auto logits = scale(cx, x[0], 1);
          return cross_entropy(cx, logits.columns(0, columns), indices(cx.device, labels), 0.1, true);
        },
        losses(part(in[0].values, 9, 0, 5, 0, columns), labels, 0.1));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(one_row_and_one_word, B, Backends) {
  check_op<B>({{{1, 1}, {0.75}}},
              []<class D>(const Context<D>& cx, const Inputs<D>& x) {
                return cross_entropy(cx, x[0], indices(cx.device, {0}));
              },
              {0});
}

BOOST_AUTO_TEST_CASE_TEMPLATE(large_logits_do_not_overflow, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto x = tensor<B>(cx.device, {2, 2}, {5000, 4999, -5000, -4990});
  check_near(doubles(cross_entropy(cx, x, indices(cx.device, {1, 0})).host()),
             {1 + std::log1p(std::exp(-1)), 10 + std::log1p(std::exp(-10))}, 1e-4, "cross_entropy");
  BOOST_CHECK_EXCEPTION(cross_entropy(cx, x, indices(cx.device, {1})), Error,
                        says("cross_entropy: [1] labels for 2 rows"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
