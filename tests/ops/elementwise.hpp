#pragma once
#include <anser/ops/elementwise.hpp>

#include "../gradient.hpp"

namespace anser::test {

template <class F>
std::vector<double> each(const std::vector<double>& x, F f) {
  std::vector<double> y;
  for (double v : x) y.push_back(f(v));
  return y;
}

BOOST_AUTO_TEST_SUITE(elementwise_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(functions_of_one_number, B, Backends) {
  const std::vector<Input> in{input({3, 37}, 1)};
  const auto& x = in[0].values;
  auto check_function = [&](auto f, auto truth) {
    check_op<B>(
        in, [f]<class D>(const Context<D>& cx, const Inputs<D>& v) { return map<typename D::real>(cx, v[0], f); },
        each(x, truth));
  };
  check_function(function::Identity{}, [](double v) { return v; });
  check_function(function::Scale{-2.5}, [](double v) { return -2.5 * v; });
  check_function(function::Sigmoid{}, [](double v) { return 1 / (1 + std::exp(-v)); });
  check_function(function::Relu{}, [](double v) { return v > 0 ? v : 0; });
  check_function(function::Silu{}, [](double v) { return v / (1 + std::exp(-v)); });
  check_function(function::Gelu{}, [](double v) { return 0.5 * v * (1 + std::erf(v / std::sqrt(2.0))); });
  check_function(function::GeluNew{}, [](double v) {
    return 0.5 * v * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (v + 0.044715 * std::pow(v, 3))));
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(extreme_numbers_stay_finite, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto x = tensor<B>(cx.device, {1, 4}, {-1000, -80, 80, 1000});
  check_near(doubles(sigmoid(cx, x).host()), {0, std::exp(-80), 1, 1}, 1e-6, "sigmoid");
  check_near(doubles(map<typename B::real>(cx, x, function::GeluNew{}).host()), {0, 0, 80, 1000}, 1e-6, "gelu_new");
  check_near(doubles(map<typename B::real>(cx, x, function::Gelu{}).host()), {0, 0, 80, 1000}, 1e-6, "gelu");
  check_near(doubles(map<typename B::real>(cx, x, function::Silu{}).host()), {0, 0, 80, 1000}, 1e-6, "silu");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(sums, B, Backends) {
  const std::vector<Input> in{input({3, 5}, 2), input({3, 5}, 3)};
  std::vector<double> expected, twice;
  for (std::size_t i = 0; i < 15; ++i) expected.push_back(in[0].values[i] - 1.5 * in[1].values[i]);
  check_op<B>(
      in, []<class D>(const Context<D>& cx, const Inputs<D>& x) { return add(cx, x[0], x[1], -1.5); }, expected);
  check_op<B>(
      {in[0]}, []<class D>(const Context<D>& cx, const Inputs<D>& x) { return add(cx, x[0], x[0], 2); },
      each(in[0].values, [](double v) { return 3 * v; }));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(views_of_wider_tensors, B, Backends) {
  const std::vector<Input> in{input({4, 6}, 4), input({2, 9}, 5)};
  const auto a = part(in[0].values, 6, 1, 2, 2, 3), b = part(in[1].values, 9, 0, 2, 5, 3);
  std::vector<double> expected;
  for (std::size_t i = 0; i < a.size(); ++i) expected.push_back((a[i] + b[i]) * b[i]);
  check_op<B>(
      in,
      []<class D>(const Context<D>& cx, const Inputs<D>& x) {
        const auto u = x[0].slice(1, 2).columns(2, 3), v = x[1].columns(5, 3);
        return multiply(cx, add(cx, u, v), v);
      },
      expected);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(products, B, Backends) {
  const std::vector<Input> in{input({3, 4}, 6), input({3, 4}, 7), input({3, 1}, 8)};
  std::vector<double> number, column;
  for (std::size_t i = 0; i < 12; ++i) {
    number.push_back(in[0].values[i] * in[1].values[i]);
    column.push_back(in[0].values[i] * in[2].values[i / 4]);
  }
  check_op<B>(
      {in[0], in[1]}, []<class D>(const Context<D>& cx, const Inputs<D>& x) { return multiply(cx, x[0], x[1]); },
      number);
  check_op<B>(
      {in[0], in[2]}, []<class D>(const Context<D>& cx, const Inputs<D>& x) { return multiply(cx, x[0], x[1]); },
      column);
  check_op<B>(
      {in[0]}, []<class D>(const Context<D>& cx, const Inputs<D>& x) { return multiply(cx, x[0], x[0]); },
      each(in[0].values, [](double v) { return v * v; }));
  // a single column is multiplied number by number
  check_op<B>(
      {in[2], in[2]}, []<class D>(const Context<D>& cx, const Inputs<D>& x) { return multiply(cx, x[0], x[1]); },
      each(in[2].values, [](double v) { return v * v; }));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(biases, B, Backends) {
  for (int learns = 1; learns < 4; ++learns) {
    const std::vector<Input> in{input({5, 9}, 10, learns & 1), input({1, 4}, 11, learns & 2)};
    auto expected = part(in[0].values, 9, 1, 3, 2, 4);
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += in[1].values[i % 4];
    check_op<B>(
        in,
        []<class D>(const Context<D>& cx, const Inputs<D>& x) {
          return add_bias(cx, x[0].slice(1, 3).columns(2, 4), x[1]);
        },
        expected);
  }
  check_op<B>(  // a wide row and a long column
      {input({70, 67}, 12), input({67}, 13)},
      []<class D>(const Context<D>& cx, const Inputs<D>& x) { return add_bias(cx, x[0], x[1]); },
      [] {
        auto y = numbers(70 * 67, 12);
        const auto b = numbers(67, 13);
        for (std::size_t i = 0; i < y.size(); ++i) y[i] += b[i % 67];
        return y;
      }());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(scales_and_totals, B, Backends) {
  const std::vector<Input> in{input({5, 3}, 9)};
  double total = 0;
  for (double v : in[0].values) total += v;
  check_op<B>(in, []<class D>(const Context<D>& cx, const Inputs<D>& x) { return sum(cx, scale(cx, x[0], 0.25)); },
              {total / 4});
  check_op<B>(
      in, []<class D>(const Context<D>& cx, const Inputs<D>& x) { return sigmoid(cx, x[0]); },
      each(in[0].values, [](double v) { return 1 / (1 + std::exp(-v)); }));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(casts, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto x = tensor<B>(cx.device, {2, 3}, {1, -2, 0.5, 1.00390625, 3, 0.125});  // the fourth is between two bf16
  BOOST_TEST(cast<typename B::real>(cx, x).same_storage(x));
  if constexpr (std::is_same_v<typename B::real, float>)
    check_near(doubles(cast<bf16>(cx, x).host()), {1, -2, 0.5, 1, 3, 0.125}, 0, "bf16");
  // dense, whatever the gradient's tensor is part of
  Tape tape;
  const Context<B> taped{cx.device, &tape};
  const auto wide = tensor<B>(cx.device, {2, 4}, numbers(8, 1), true);
  const auto y = wide.columns(1, 2);
  tape.backward<B>(sum(taped, scale(taped, y, 3)));
  using E = typename B::element;
  check_near(doubles(gradient_as<E>(y).host()), {3, 3, 3, 3}, 0, "the gradient as a tensor");
  check_near(doubles(wide.host_grad()), {0, 3, 3, 0, 0, 3, 3, 0}, 0, "the gradient of the whole");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(sizes_that_differ, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto a = tensor<B>(cx.device, {2, 3}, numbers(6, 1)), b = tensor<B>(cx.device, {3, 2}, numbers(6, 1));
  BOOST_CHECK_EXCEPTION(add(cx, a, b), Error, says("add: [2, 3] and [3, 2] differ"));
  BOOST_CHECK_EXCEPTION(multiply(cx, a, b), Error, says("multiply: [2, 3] and [3, 2] differ"));
  BOOST_CHECK_EXCEPTION(add_bias(cx, a, b), Error, says("add_bias: bias [3, 2] for rows of 3"));
  BOOST_CHECK_EXCEPTION(sum(cx, a.columns(0, 2)), Error, says("sum: a view of columns"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
