#pragma once
#include <anser/ops/merge.hpp>

#include "../gradient.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(merge_hpp)

// Two bottlenecks and an absent one; B by a decision of its own, as AdaMix takes it. Inputs: x, weights, second
// weights, then A, bias and B of each.
BOOST_AUTO_TEST_CASE_TEMPLATE(each_example_runs_its_own, B, Backends) {
  constexpr int examples = 2, rows = 2, width = 4, rank = 3, out = 5;
  const std::vector<std::int32_t> first{0, 2, 2, 2}, second{2, 0, 0, 0};
  std::vector<Input> in{input({examples * rows, width}, 1), input({examples, 2}, 2), input({examples, 2}, 3)};
  for (std::uint64_t e = 0; e < 2; ++e)
    for (const Shape& s : {Shape{rank, width}, Shape{rank}, Shape{out, rank}})
      in.push_back(input(s, 10 + 3 * e + std::uint64_t(s.rows())));
  const auto averaged = [&](std::size_t example, const std::vector<std::int32_t>& who, std::size_t weights,
                            std::size_t part) {
    std::vector<double> sum(in[3 + part].values.size());
    for (std::size_t s = 2 * example; s < 2 * example + 2; ++s) {
      const auto& from = in[3 + part + (who[s] == 2 ? 3 : 0)].values;
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += in[weights].values[s] * from[i];
    }
    return sum;
  };
  std::vector<double> expected;
  for (std::size_t b = 0; b < examples; ++b) {
    auto h = product_t(part(in[0].values, width, int(b) * rows, rows, 0, width), averaged(b, first, 1, 0), rows, rank,
                       width);
    const auto bias = averaged(b, first, 1, 1);
    for (std::size_t i = 0; i < h.size(); ++i) h[i] = function::Silu{}(h[i] + bias[i % rank]);
    const auto y = product_t(h, averaged(b, second, 2, 2), rows, out, rank);
    expected.insert(expected.end(), y.begin(), y.end());
  }
  check_op<B>(
      in,
      [&]<class D>(const Context<D>& cx, const Inputs<D>& t) {
        LowRankExperts<D> experts;
        experts.activation = Activation::silu;
        experts.add(t[3], t[5], 1, t[4]);
        experts.add({}, {}, 0);
        experts.add(t[6], t[8], 1, t[7]);
        const auto merged = merge_low_rank(cx, experts, {"a", "nobody", "b"}, indices(cx.device, {examples, 2}, first),
                                           t[1], indices(cx.device, {examples, 2}, second), t[2]);
        return apply_merged(cx, t[0], merged);
      },
      expected);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(experts_that_are_not_alike_are_named, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto matrix = [&](int rows, int cols) {
    return tensor<B>(cx.device, {rows, cols}, numbers(std::size_t(rows * cols), 1));
  };
  const auto expert = indices(cx.device, {1, 1}, {0});
  const auto weight = tensor<B>(cx.device, {1, 1}, {1});
  const auto merge = [&](const LowRankExperts<B>& e, std::vector<std::string> names) {
    return merge_low_rank(cx, e, names, expert, weight, expert, weight);
  };
  LowRankExperts<B> experts;
  BOOST_CHECK_EXCEPTION(merge(experts, {}), Error, says("no expert to average"));
  experts.add(matrix(2, 3), matrix(4, 2), 1);
  experts.add(matrix(1, 3), matrix(4, 1), 1);
  BOOST_CHECK_EXCEPTION(merge(experts, {"wide", "narrow"}), Error, says("wide and narrow differ in rank"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
