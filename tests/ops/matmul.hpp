#pragma once
#include <anser/ops/matmul.hpp>

#include "../gradient.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(matmul_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(x_times_w_transposed, B, Backends) {
  for (auto [m, n, k] : {std::tuple{5, 3, 7}, {1, 4, 9}, {3, 1, 1}, {1, 1, 5}, {17, 33, 65}, {1, 70, 129}}) {
    const std::vector<Input> in{input({m, k}, 1), input({n, k}, 2)};
    check_op<B>(
        in,
        []<class D>(const Context<D>& cx, const Inputs<D>& x) {
          using E = typename D::element;
          return matmul_t(cx, cast<E>(cx, x[0]), cast<E>(cx, x[1]));
        },
        product_t(in[0].values, in[1].values, m, n, k));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(reals_on_every_backend, B, Backends) {
  const std::vector<Input> in{input({4, 6}, 3), input({5, 6}, 4)};
  check_op<B>(
      in, []<class D>(const Context<D>& cx, const Inputs<D>& x) { return matmul_t(cx, x[0], x[1]); },
      product_t(in[0].values, in[1].values, 4, 5, 6));
}

// x and w are parts of wider tensors; so is the result.
BOOST_AUTO_TEST_CASE_TEMPLATE(views_in_and_out, B, Backends) {
  const std::vector<Input> in{input({5, 9}, 5), input({6, 8}, 6)};
  const auto y = product_t(part(in[0].values, 9, 1, 3, 2, 5), part(in[1].values, 8, 2, 4, 1, 5), 3, 4, 5);
  std::vector<double> expected(3 * 7);
  for (std::size_t i = 0; i < y.size(); ++i) expected[i / 4 * 7 + 2 + i % 4] = y[i];
  check_op<B>(
      in,
      []<class D>(const Context<D>& cx, const Inputs<D>& x) {
        using E = typename D::element;
        const auto wide = tensor<D>(cx.device, {3, 7}, std::vector<double>(21));
        matmul_t_into(cx, cast<E>(cx, x[0]).columns(2, 5).slice(1, 3), cast<E>(cx, x[1]).slice(2, 4).columns(1, 5),
                      wide.columns(2, 4));
        return wide;
      },
      expected);
}

// In place, on columns of a wider tensor that has a gradient of its own.
BOOST_AUTO_TEST_CASE_TEMPLATE(a_product_joins_a_sum, B, Backends) {
  const std::vector<Input> in{input({4, 3}, 5), input({5, 3}, 6), input({4, 7}, 12)};
  auto expected = in[2].values;
  const auto y = product_t(in[0].values, in[1].values, 4, 5, 3);
  for (std::size_t i = 0; i < y.size(); ++i) expected[i / 5 * 7 + 1 + i % 5] += 0.5 * y[i];
  check_op<B>(
      in,
      []<class D>(const Context<D>& cx, const Inputs<D>& x) {
        using E = typename D::element;
        const auto wide = scale(cx, x[2], 1);
        add_matmul_t(cx, cast<E>(cx, x[0]), cast<E>(cx, x[1]), wide.columns(1, 5), 0.5);
        return wide;
      },
      expected);
  const Context<B> cx{device<B>()};
  const auto a = tensor<B>(cx.device, {2, 3}, numbers(6, 1)), b = tensor<B>(cx.device, {4, 5}, numbers(20, 1));
  BOOST_CHECK_EXCEPTION(add_matmul_t(cx, a, a, b), Error, says("and the sum [4, 5] do not meet"));
}

// Two products side by side in one tensor, of one input: its gradients add up.
BOOST_AUTO_TEST_CASE_TEMPLATE(a_shared_input, B, Backends) {
  const std::vector<Input> in{input({2, 3}, 7), input({2, 3}, 8), input({3, 3}, 9)};
  const auto p = product_t(in[0].values, in[1].values, 2, 2, 3), q = product_t(in[0].values, in[2].values, 2, 3, 3);
  check_op<B>(in,
              []<class D>(const Context<D>& cx, const Inputs<D>& x) {
                using E = typename D::element;
                const Real<D> y(cx.device, {2, 5});
                const auto u = cast<E>(cx, x[0]);
                matmul_t_into(cx, u, cast<E>(cx, x[1]), y.columns(0, 2));
                matmul_t_into(cx, u, cast<E>(cx, x[2]), y.columns(2, 3));
                return y;
              },
              {p[0], p[1], q[0], q[1], q[2], p[2], p[3], q[3], q[4], q[5]});
}

// A frozen weight gets no gradient memory, and a frozen input none.
BOOST_AUTO_TEST_CASE_TEMPLATE(what_is_frozen_has_no_gradient, B, Backends) {
  Tape tape;
  const Context<B> cx{device<B>(), &tape};
  const auto x = tensor<B>(cx.device, {2, 3}, numbers(6, 1), true), w = tensor<B>(cx.device, {4, 3}, numbers(12, 2));
  tape.backward<B>(sum(cx, matmul_t(cx, x, w)));
  BOOST_TEST(x.has_grad());
  BOOST_TEST(!w.has_grad());
  const auto y = matmul_t(cx, w, w);
  BOOST_TEST(!y.needs_grad());
  BOOST_TEST(tape.size() == 0u);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_times_b, B, Backends) {
  const std::vector<Input> in{input({3, 4}, 10), input({4, 5}, 11)};
  std::vector<double> expected(15);
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 5; ++j)
      for (std::size_t l = 0; l < 4; ++l) expected[i * 5 + j] += in[0].values[i * 4 + l] * in[1].values[l * 5 + j];
  check_op<B>(
      in,
      []<class D>(const Context<D>& cx, const Inputs<D>& x) {
        using E = typename D::element;
        return matmul(cx, cast<E>(cx, x[0]), cast<E>(cx, x[1]));
      },
      expected);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(sizes_that_do_not_meet, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto a = tensor<B>(cx.device, {2, 3}, numbers(6, 1)), b = tensor<B>(cx.device, {4, 5}, numbers(20, 1));
  BOOST_CHECK_EXCEPTION(matmul_t(cx, a, b), Error, says("matmul: x [2, 3] and weight [4, 5] do not meet"));
  BOOST_CHECK_EXCEPTION(matmul(cx, a, b), Error, says("matmul: [2, 3] and [4, 5] do not meet"));
  BOOST_CHECK_EXCEPTION(matmul_t_into(cx, a, a, b), Error, says("the result [4, 5] is not 2 x 2"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
