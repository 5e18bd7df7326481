#pragma once
#include <anser/train/loss.hpp>

#include "../gradient.hpp"

namespace anser::test {

/// The same in plain sums.
inline double chosen_loss(const std::vector<double>& loss, const std::vector<int>& lengths,
                          const std::vector<int>& right, const ChoiceLoss& o) {
  const std::size_t choices = lengths.size() / right.size(), tokens = loss.size() / lengths.size();
  double language = 0, choice = 0, unlikely = 0, right_tokens = 0, wrong_tokens = 0;
  for (std::size_t b = 0; b < right.size(); ++b) {
    double all = 0, own = 0;
    for (std::size_t c = 0; c < choices; ++c) {
      const std::size_t row = b * choices + c, n = std::size_t(lengths[row]);
      if (n == 0) continue;
      double total = 0;
      for (std::size_t t = 0; t < n; ++t) {
        const double l = loss[row * tokens + t];
        total -= l;
        if (int(c) == right[b])
          language += l, ++right_tokens;
        else
          unlikely -= std::log(1 - std::exp(-l) + 1e-2), ++wrong_tokens;
      }
      all += std::exp(total / double(n));
      if (int(c) == right[b]) own = total / double(n);
    }
    choice += std::log(all) - own;
  }
  double sum = o.language * language / right_tokens + o.choice * choice / double(right.size());
  if (wrong_tokens > 0) sum += o.unlikelihood * unlikely / wrong_tokens;
  return sum;
}

BOOST_AUTO_TEST_CASE_TEMPLATE(terms_of_multiple_choice, B, Backends) {
  const std::vector<int> lengths{3, 1, 0, 2, 4, 1}, right{1, 0};
  auto in = input({24}, 1);
  for (double& v : in.values) v = 0.1 + std::fabs(v);  // losses
  for (const ChoiceLoss o : {ChoiceLoss{}, {1, 0, 0}, {0, 2, 0}, {0, 0, 0.5}})
    check_op<B>(
        {in},
        [&]<class D>(const Context<D>& cx, const Inputs<D>& x) { return choice_loss(cx, x[0], lengths, right, o); },
        {chosen_loss(in.values, lengths, right, o)});
}

BOOST_AUTO_TEST_CASE_TEMPLATE(one_choice_is_plain_cross_entropy, B, Backends) {
  const std::vector<int> lengths{2, 3}, right{0, 0};
  const std::vector<Input> in{{{6}, {1, 2, 9, 3, 4, 5}}};
  check_op<B>(in,
              [&]<class D>(const Context<D>& cx, const Inputs<D>& x) { return choice_loss(cx, x[0], lengths, right); },
              {3});
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_right_choice_that_is_none, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto l = tensor<B>(cx.device, {4}, {1, 1, 1, 1});
  BOOST_CHECK_EXCEPTION(choice_loss(cx, l, {1, 0}, {1}), Error, says("example 0 has no choice 1"));
  BOOST_CHECK_EXCEPTION(choice_loss(cx, l, {1, 1}, {2}), Error, says("example 0 has no choice 2"));
  BOOST_CHECK_EXCEPTION(choice_loss(cx, l, {1, 1, 1}, {0}), Error, says("[4] token losses for 3 choices"));
}

// Against the sum of both divergences as it is written, with rows that do not count.
BOOST_AUTO_TEST_CASE_TEMPLATE(two_passes_that_are_to_agree, B, Backends) {
  const std::vector<Input> in{input({4, 5}, 1), input({4, 5}, 2)};
  const std::vector<std::int32_t> labels{3, -100, 0, 1};
  double expected = 0;
  for (std::size_t r : {0, 2, 3}) {
    double a = 0, b = 0;
    const auto at = [&](std::size_t i, std::size_t j) { return in[i].values[5 * r + j]; };
    for (std::size_t j = 0; j < 5; ++j) a += std::exp(at(0, j)), b += std::exp(at(1, j));
    for (std::size_t j = 0; j < 5; ++j) {
      const double p = std::exp(at(0, j)) / a, q = std::exp(at(1, j)) / b;
      expected += 0.5 * (p * std::log(p / q) + q * std::log(q / p)) / 3;
    }
  }
  check_op<B>(
      in, [&]<class D>(const Context<D>& cx, const Inputs<D>& x) { return consistency_loss(cx, x[0], x[1], labels); },
      {expected});
  const Context<B> cx{device<B>()};
  const auto x = tensor<B>(cx.device, {1, 5}, numbers(5, 1));
  BOOST_CHECK_SMALL(double(consistency_loss(cx, x, x, {0}).host()[0]), 1e-9);
  BOOST_CHECK_EXCEPTION(consistency_loss(cx, x, x, {-1}), Error, says("no target token counts"));
}

// 2 of the model, of 10 tokens; routers add 3 and 5, and functions of the examples' own losses.
BOOST_AUTO_TEST_CASE_TEMPLATE(what_routers_add, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto number = [&](double v) { return tensor<B>(cx.device, {1}, {v}); };
  Losses<B> added;
  const auto each = tensor<B>(cx.device, {2, 1}, {8, 12});
  BOOST_TEST(double(with_losses(cx, number(2), added, each, 10).host()[0]) == 2);
  added.scalar = {number(3), number(5)};
  const auto twice = [](const Context<B>& on, const Real<B>& l) { return scale(on, sum(on, l), 2); };
  added.deferred = {twice, [&](const Context<B>&, const Real<B>&) { return number(6); }};
  BOOST_CHECK_CLOSE(double(with_losses(cx, number(2), added, each, 10).host()[0]), 2 + 0.8 + (40 + 6) / 2. / 10, 1e-3);
}

}  // namespace anser::test
