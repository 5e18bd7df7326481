#pragma once
#include <string>
#include <vector>

#include "average.hpp"
#include "low_rank.hpp"
#include "matmul.hpp"
#include "repeat.hpp"

namespace anser {

/// One low-rank expert per example, made of several.
template <Backend B>
struct MergedLowRank {
  Real<B> a, bias, b;  // [examples, rank * in], [examples, rank] or undefined, [examples, out * rank]
  int rank = 0;
  double scale = 1;
  Activation activation = Activation::none;
};

/// Averages the experts' parameters per example: A and its bias by expert and weight [examples, k], B by the second
/// pair. `names` are the experts', for messages. Throws Error where they differ in rank or scale, or not all of them
/// have a bias.
template <Backend B>
MergedLowRank<B> merge_low_rank(const Context<B>& cx, const LowRankExperts<B>& experts,
                                const std::vector<std::string>& names, const Index<B>& expert, const Real<B>& weight,
                                const Index<B>& second_expert, const Real<B>& second_weight) {
  int first = 0;
  while (first < experts.size() && !experts.a(first)) ++first;
  check(first < experts.size(), "routing: no expert to average");
  std::vector<Real<B>> a, b, bias;
  for (int e = 0; e < experts.size(); ++e) {
    const int from = experts.a(e) ? e : first;  // whoever is absent is never chosen, and read by nobody
    check(experts.a(from).rows() == experts.a(first).rows() && experts.scale(from) == experts.scale(first) &&
              !experts.bias(from) == !experts.bias(first),
          names[std::size_t(first)], " and ", names[std::size_t(e)],
          " differ in rank or scale, or one has no bias, so their parameters cannot be averaged; choose a router that "
          "mixes "
          "outputs");
    a.push_back(experts.a(from));
    b.push_back(experts.b(from));
    bias.push_back(experts.bias(from));
  }
  MergedLowRank<B> m{average(cx, a, expert, weight),
                     {},
                     average(cx, b, second_expert, second_weight),
                     experts.a(first).rows(),
                     experts.scale(first),
                     experts.activation};
  if (bias[0]) m.bias = average(cx, bias, expert, weight);
  return m;
}

/// f of every number, chosen while the program runs.
template <Backend B>
Real<B> activate(const Context<B>& cx, const Real<B>& x, Activation f) {
  return with_function(f, [&](auto function) { return map<typename B::real>(cx, x, function); });
}

/// B f(A x + bias) with each example's own, not yet scaled: x [examples * rows, in] -> [examples * rows, out].
template <Backend B>
Real<B> apply_merged(const Context<B>& cx, const Real<B>& x, const MergedLowRank<B>& m) {
  auto h = matmul_t_each(cx, x, m.a, m.rank);
  if (m.bias) h = add(cx, h, repeat_rows(cx, m.bias, x.rows() / m.bias.rows()));
  if (m.activation != Activation::none) h = activate(cx, h, m.activation);
  return matmul_t_each(cx, h, m.b, m.b.cols() / m.rank);
}

}  // namespace anser
