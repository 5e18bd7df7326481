#pragma once
#include <anser/ops/activation.hpp>

#include "../gradient.hpp"

namespace anser::test {

inline double gelu_new(double v) {
  return 0.5 * v * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (v + 0.044715 * v * v * v)));
}

BOOST_AUTO_TEST_SUITE(activation_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(relu_of_a_view, B, Backends) {
  const std::vector<Input> in{input({3, 9}, 1)};
  auto expected = part(in[0].values, 9, 0, 3, 2, 5);
  for (double& v : expected) v = std::fmax(v, 0);
  check_op<B>(
      in, []<class D>(const Context<D>& cx, const Inputs<D>& x) { return relu(cx, x[0].columns(2, 5)); }, expected);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(silu_and_gelu_of_a_view, B, Backends) {
  const std::vector<Input> in{input({3, 71}, 7)};
  auto silus = part(in[0].values, 71, 0, 3, 2, 67), gelus = silus;
  for (double& v : silus) v = v / (1 + std::exp(-v));
  for (double& v : gelus) v = 0.5 * v * (1 + std::erf(v / std::sqrt(2.0)));
  check_op<B>(
      in, []<class D>(const Context<D>& cx, const Inputs<D>& x) { return silu(cx, x[0].columns(2, 67)); }, silus);
  check_op<B>(
      in, []<class D>(const Context<D>& cx, const Inputs<D>& x) { return anser::gelu(cx, x[0].columns(2, 67)); },
      gelus);
}

// Gate and value side by side in one product's result, as wi_0 and wi_1 give them.
BOOST_AUTO_TEST_CASE_TEMPLATE(gated_gelu_of_two_halves, B, Backends) {
  const std::vector<Input> in{input({3, 10}, 2)};
  std::vector<double> expected;
  for (std::size_t r = 0; r < 3; ++r)
    for (std::size_t j = 0; j < 5; ++j)
      expected.push_back(gelu_new(in[0].values[r * 10 + j]) * in[0].values[r * 10 + 5 + j]);
  check_op<B>(
      in,
      []<class D>(const Context<D>& cx, const Inputs<D>& x) {
        return anser::gated_gelu(cx, x[0].columns(0, 5), x[0].columns(5, 5));
      },
      expected);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(long_rows, B, Backends) {
  const std::vector<Input> in{input({3, 67}, 5), input({3, 67}, 6)};
  std::vector<double> expected;
  for (std::size_t i = 0; i < 3 * 67; ++i) expected.push_back(gelu_new(in[0].values[i]) * in[1].values[i]);
  check_op<B>(
      in, []<class D>(const Context<D>& cx, const Inputs<D>& x) { return gated_gelu(cx, x[0], x[1]); }, expected);
}

// Where only one of the two learns, the other stays without a gradient.
BOOST_AUTO_TEST_CASE_TEMPLATE(one_side_frozen, B, Backends) {
  for (const bool gate_learns : {false, true}) {
    const std::vector<Input> in{input({1, 7}, 3, gate_learns), input({1, 7}, 4, !gate_learns)};
    std::vector<double> expected;
    for (std::size_t j = 0; j < 7; ++j) expected.push_back(gelu_new(in[0].values[j]) * in[1].values[j]);
    check_op<B>(
        in, []<class D>(const Context<D>& cx, const Inputs<D>& x) { return gated_gelu(cx, x[0], x[1]); }, expected);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_result_is_of_the_element_type, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto x = tensor<B>(cx.device, {1, 2}, {-1, 2});
  static_assert(std::is_same_v<decltype(relu(cx, x)), Tensor<B>>);
  static_assert(std::is_same_v<decltype(silu(cx, x)), Tensor<B>> && std::is_same_v<decltype(gelu(cx, x)), Tensor<B>>);
  static_assert(std::is_same_v<decltype(gated_gelu(cx, x, x)), Tensor<B>>);
  const auto y = tensor<B>(cx.device, {2, 2}, numbers(4, 1));
  BOOST_CHECK_EXCEPTION(gated_gelu(cx, x, y), Error, says("gated_gelu: [1, 2] and [2, 2] differ"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
