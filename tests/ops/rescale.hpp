#pragma once
#include <anser/ops/rescale.hpp>

#include "../gradient.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(rescale_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(rows_by_the_experts_heard, B, Backends) {
  // Decisions for one row each, and for two; vectors wider than a block of the tuned kernel.
  for (const int times : {1, 2})
    for (const int n : {3, 150}) {
      const int decisions = 3, rows = decisions * times, k = 2;
      const std::vector<std::int32_t> expert{0, 1, 1, 1, -1, 0};
      const std::vector<Input> in{input({rows, n + 1}, 1), input({1, n}, 2), input({n, 1}, 3),
                                  input({decisions, k}, 4)};
      std::vector<double> expected;
      for (int r = 0; r < rows; ++r)
        for (int j = 0; j < n; ++j) {
          double factor = 1;
          for (int s = r / times * k; s < (r / times + 1) * k; ++s)
            if (expert[std::size_t(s)] >= 0)
              factor += in[3].values[std::size_t(s)] *
                        (in[1 + std::size_t(expert[std::size_t(s)])].values[std::size_t(j)] - 1);
          expected.push_back(in[0].values[std::size_t(r * (n + 1) + j + 1)] * factor);
        }
      check_op<B>(
          in,
          [&]<class D>(const Context<D>& cx, const Inputs<D>& t) {
            return rescale<typename D::real>(cx, t[0].columns(1, n), std::vector<Real<D>>{t[1], t[2]},
                                             indices(cx.device, {decisions, k}, expert), t[3]);
          },
          expected);
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(nobody_changes_nothing, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto x = tensor<B>(cx.device, {2, 3}, numbers(6, 1)), g = tensor<B>(cx.device, {1, 3}, numbers(3, 2));
  const auto none = tensor<B>(cx.device, {2, 1}, {0, 0}), all = tensor<B>(cx.device, {2, 1}, {1, 1});
  const std::vector<Real<B>> vectors{g, {}};
  using R = typename B::real;
  BOOST_TEST((rescale<R>(cx, x, vectors, indices(cx.device, {2, 1}, {0, 0}), none).host() == x.host()));
  BOOST_TEST((rescale<R>(cx, x, vectors, indices(cx.device, {2, 1}, {-1, -1}), all).host() == x.host()));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_does_not_meet_is_refused, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto x = tensor<B>(cx.device, {3, 3}, numbers(9, 1)), g = tensor<B>(cx.device, {1, 4}, numbers(4, 2));
  const auto two = tensor<B>(cx.device, {2, 1}, {1, 1}), three = tensor<B>(cx.device, {3, 1}, {1, 1, 1});
  using R = typename B::real;
  BOOST_CHECK_EXCEPTION(rescale<R>(cx, x, {}, indices(cx.device, {2, 1}, {0, 0}), two), Error, says("rescale: x"));
  BOOST_CHECK_EXCEPTION(rescale<R>(cx, x, std::vector<Real<B>>{g}, indices(cx.device, {3, 1}, {0, 0, 0}), three), Error,
                        says("by a vector"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
