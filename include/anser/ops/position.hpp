#pragma once
#include <cmath>

#include "../tensor/context.hpp"

namespace anser {

/// How T5 sorts distances into buckets (Raffel et al. 2020, section 2.1): half of them exact, the rest logarithmic.
struct Buckets {
  int count = 32;
  int max_distance = 128;
  bool bidirectional = true;

  /// The bucket of a key `relative` positions after the query.
  ANSER_HD int operator()(int relative) const {
    int n = count, bucket = 0, distance = -relative;
    if (bidirectional) {
      n /= 2;
      if (relative > 0) bucket = n;
      distance = relative < 0 ? -relative : relative;
    } else if (distance < 0) {
      distance = 0;
    }
    const int exact = n / 2;
    if (distance < exact) return bucket + distance;
    const float span = float(std::log(double(max_distance) / exact));
    const int far = exact + int(std::log(float(distance) / float(exact)) / span * float(n - exact));
    return bucket + (far < n - 1 ? far : n - 1);
  }
};

namespace kernel {

/// bias[h][c] = table[bucket(c - (queries - 1) - offset)][h]; a row is a head.
template <class R>
struct RelativeBias {
  Matrix<const R> table;  // [buckets, heads]
  Matrix<R> bias;         // [heads, queries + keys - 1]
  Buckets buckets;
  int n, zero;  // zero: the column of distance 0
  template <class Team>
  ANSER_HD void operator()(Team team, int h) const {
    for (int c = team.rank(); c < n; c += team.size()) bias[h][c] = table[buckets(c - zero)][h];
  }
};

/// A row is one number of the table.
template <class R>
struct RelativeBiasBackward {
  Matrix<const R> dbias;
  Matrix<R> dtable;
  Buckets buckets;
  int n, zero, heads;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const int bucket = r / heads, h = r % heads;
    R s = 0;
    for (int c = team.rank(); c < n; c += team.size())
      if (buckets(c - zero) == bucket) s += dbias[h][c];
    s = team.sum(s);
    if (team.rank() == 0) dtable[bucket][h] += s;
  }
};

}  // namespace kernel

/// The relative position bias by distance: table [buckets, heads] -> [heads, queries + keys - 1]; query i stands at
/// position i + offset, and its bias for key j is column j - i + queries - 1.
template <Backend B>
Real<B> relative_bias(const Context<B>& cx, const Real<B>& table, Buckets buckets, int queries, int keys, int offset) {
  using R = typename B::real;
  const int n = queries + keys - 1, heads = table.cols(), zero = queries - 1 + offset;
  auto bias = cx.result({heads, n}, table);
  run(cx.device, heads, std::size_t(n), kernel::RelativeBias<R>{table.matrix(), bias.matrix(), buckets, n, zero});
  cx.remember(bias, [table, bias, buckets, n, zero, heads] {
    run(bias.device(), table.rows() * heads, std::size_t(n),
        kernel::RelativeBiasBackward<R>{bias.grad_matrix(), table.grad_matrix(), buckets, n, zero, heads});
  });
  return bias;
}

}  // namespace anser
