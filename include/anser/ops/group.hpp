#pragma once
#include "../tensor/context.hpp"

namespace anser {
namespace kernel {

/// A stable counting sort of the slots by expert; one row, one team. Group sizes never visit the host.
struct GroupSlots {
  const std::int32_t* expert;  // [slots]; negative: nobody
  std::int32_t* order;         // [slots]
  std::int32_t* begin;         // [experts + 1]
  int slots, experts;
  template <class Team>
  ANSER_HD void operator()(Team team, int) const {
    for (int e = team.rank(); e < experts; e += team.size()) {
      int count = 0;
      for (int s = 0; s < slots; ++s) count += expert[s] == e;
      begin[e + 1] = count;
    }
    team.sum(0);  // all counts are written
    if (team.rank() == 0) {
      begin[0] = 0;
      for (int e = 0; e < experts; ++e) begin[e + 1] += begin[e];
    }
    team.sum(0);
    for (int e = team.rank(); e < experts; e += team.size()) {
      int at = begin[e];
      for (int s = 0; s < slots; ++s)
        if (expert[s] == e) order[at++] = s;
    }
  }
  /// One pass to count, one to place.
  void operator()(Solo, int) const {
    for (int e = 0; e <= experts; ++e) begin[e] = 0;
    for (int s = 0; s < slots; ++s)
      if (expert[s] >= 0) ++begin[expert[s] + 1];
    for (int e = 0; e < experts; ++e) begin[e + 1] += begin[e];
    for (int s = 0; s < slots; ++s)
      if (expert[s] >= 0) order[begin[expert[s]]++] = s;
    for (int e = experts; e > 0; --e) begin[e] = begin[e - 1];
    begin[0] = 0;
  }
};

/// to = from where the slot names somebody, else 0; a row is a decision.
template <class R>
struct HeardWeights {
  const std::int32_t* expert;
  const R* from;
  R* to;
  int k;
  bool add;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    for (std::ptrdiff_t s = std::ptrdiff_t(r) * k + team.rank(); s < std::ptrdiff_t(r + 1) * k; s += team.size())
      to[s] = (expert[s] < 0 ? R(0) : from[s]) + (add ? to[s] : R(0));
  }
};

/// y[r] = 1 where a decision hears somebody, else 0.
template <class R>
struct HeardRows {
  const std::int32_t* expert;
  const R* weight;
  R* y;
  int k;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    R heard = 0;
    for (std::ptrdiff_t s = std::ptrdiff_t(r) * k + team.rank(); s < std::ptrdiff_t(r + 1) * k; s += team.size())
      if (expert[s] >= 0 && weight[s] != R(0)) heard = 1;
    heard = team.max(heard);
    if (team.rank() == 0) y[r] = heard;
  }
};

}  // namespace kernel

/// Slots (row * k + s) sorted by expert: those of expert e are order[begin[e] .. begin[e + 1]).
template <Backend B>
struct Groups {
  Index<B> order;  // [slots]
  Index<B> begin;  // [experts + 1]
};

template <Backend B>
Groups<B> group_by_expert(const Context<B>& cx, const Index<B>& expert, int experts) {
  const int slots = int(expert.shape().size());
  if constexpr (B::on_host)  // elsewhere the indices never visit the host
    for (int s = 0; s < slots; ++s)
      check(expert.data()[s] < experts, "routing: the expert ", expert.data()[s], " is not among the ", experts,
            " of the pool");
  Groups<B> g{Index<B>(cx.device, {slots}), Index<B>(cx.device, {experts + 1})};
  run(cx.device, 1, std::size_t(slots),
      kernel::GroupSlots{expert.data(), g.order.data(), g.begin.data(), slots, experts});
  return g;
}

/// Weights [rows, k] of a decision with those of nobody (a negative expert) made 0, for products that run for all rows.
template <Backend B>
Real<B> heard_weights(const Context<B>& cx, const Index<B>& expert, const Real<B>& weight) {
  using R = typename B::real;
  const int k = weight.cols();
  check(expert.shape().size() == weight.shape().size() && weight.contiguous(), "routing: experts ", expert.shape(),
        " and weights ", weight.shape());
  auto y = cx.result(weight.shape(), weight);
  run(cx.device, weight.rows(), std::size_t(k),
      kernel::HeardWeights<R>{expert.data(), weight.data(), y.data(), k, false});
  cx.remember(y, [expert, weight, y, k] {
    run(y.device(), weight.rows(), std::size_t(k),
        kernel::HeardWeights<R>{expert.data(), y.grad(), weight.grad(), k, true});
  });
  return y;
}

/// 1 for each decision that hears somebody with a weight that is not 0, else 0: [rows, 1].
template <Backend B>
Real<B> heard_rows(const Context<B>& cx, const Index<B>& expert, const Real<B>& weight) {
  using R = typename B::real;
  check(expert.shape().size() == weight.shape().size() && weight.contiguous(), "routing: experts ", expert.shape(),
        " and weights ", weight.shape());
  Real<B> y(cx.device, {weight.rows(), 1});
  run(cx.device, weight.rows(), std::size_t(weight.cols()),
      kernel::HeardRows<R>{expert.data(), weight.data(), y.data(), weight.cols()});
  return y;
}

}  // namespace anser
