#pragma once
#include "group.hpp"
#include "table.hpp"

namespace anser {
namespace kernel {

/// z[slot] = A_e x[row] + bias_e and h = f(z), which may be one; a row is a slot.
template <class X, class R>
struct LowRankDown {
  const LowRank<R>* table;
  const std::int32_t* expert;
  Matrix<const X> x;
  Matrix<R> z, h;
  int in, k;
  Activation activation;
  template <class Team>
  ANSER_HD void operator()(Team team, int slot) const {
    if (expert[slot] < 0) return;
    const LowRank<R> e = table[expert[slot]];
    const X* u = x[slot / k];
    for (int j = 0; j < e.rank; ++j) {
      const R* a = e.a + std::ptrdiff_t(j) * in;
      R s = 0;
      ANSER_SIMD(reduction(+ : s))
      for (int i = team.rank(); i < in; i += team.size()) s += a[i] * R(u[i]);
      s = team.sum(s);
      if (team.rank() == 0) {
        if (e.bias) s += e.bias[j];
        z[slot][j] = s;
        h[slot][j] = with_function(activation, [=](auto f) { return f(s); });
      }
    }
  }
};

/// y[row] += sum over slots of weight scale B_e h[slot]
template <class R>
struct LowRankUp {
  const LowRank<R>* table;
  const std::int32_t* expert;
  const R* weight;
  Matrix<const R> h;
  Matrix<R> y;
  int out, k;
  template <class Team>
  ANSER_HD void operator()(Team team, int row) const {
    for (int s = 0; s < k; ++s) {
      const int slot = row * k + s;
      if (expert[slot] < 0) continue;
      const LowRank<R> e = table[expert[slot]];
      const R factor = weight[slot] * e.scale;
      const R* hidden = h[slot];
      for (int o = team.rank(); o < out; o += team.size()) {
        const R* b = e.b + std::ptrdiff_t(o) * e.rank;
        R v = 0;
        ANSER_SIMD(reduction(+ : v))
        for (int j = 0; j < e.rank; ++j) v += b[j] * hidden[j];
        y[row][o] += factor * v;
      }
    }
  }
};

/// dweight = scale h . B_eᵀ dy[row] and g[slot] = B_eᵀ dy f'(z); a row is a slot.
template <class R>
struct LowRankUpBackward {
  const LowRank<R>* table;
  const std::int32_t* expert;
  Matrix<const R> dy, z, h;
  Matrix<R> g;
  R* dweight;  // may be null
  int out, k;
  Activation activation;
  template <class Team>
  ANSER_HD void operator()(Team team, int slot) const {
    if (expert[slot] < 0) return;
    const LowRank<R> e = table[expert[slot]];
    const R* d = dy[slot / k];
    R dot = 0;
    for (int j = 0; j < e.rank; ++j) {
      R s = 0;
      for (int o = team.rank(); o < out; o += team.size()) s += e.b[std::ptrdiff_t(o) * e.rank + j] * d[o];
      s = team.sum(s);
      dot += s * h[slot][j];
      if (team.rank() == 0) g[slot][j] = s * slope(slot, j);
    }
    if (dweight && team.rank() == 0) dweight[slot] += e.scale * dot;
  }
  /// Along the rows of B, as they lie.
  void operator()(Solo, int slot) const {
    if (expert[slot] < 0) return;
    const LowRank<R> e = table[expert[slot]];
    const R* d = dy[slot / k];
    R *sum = g[slot], dot = 0;
    for (int j = 0; j < e.rank; ++j) sum[j] = 0;
    for (int o = 0; o < out; ++o) {
      const R *b = e.b + std::ptrdiff_t(o) * e.rank, by = d[o];
      ANSER_SIMD()
      for (int j = 0; j < e.rank; ++j) sum[j] += b[j] * by;
    }
    for (int j = 0; j < e.rank; ++j) {
      dot += sum[j] * h[slot][j];
      sum[j] *= slope(slot, j);
    }
    if (dweight) dweight[slot] += e.scale * dot;
  }

 private:
  ANSER_HD R slope(int slot, int j) const {
    return with_function(activation, [v = z[slot][j]](auto f) { return f.slope(v); });
  }
};

/// dx[row] += sum over slots of weight scale A_eᵀ g[slot]
template <class R>
struct LowRankDownBackward {
  const LowRank<R>* table;
  const std::int32_t* expert;
  const R* weight;
  Matrix<const R> g;
  Matrix<R> dx;
  int in, k;
  template <class Team>
  ANSER_HD void operator()(Team team, int row) const {
    for (int s = 0; s < k; ++s) {
      const int slot = row * k + s;
      if (expert[slot] < 0) continue;
      const LowRank<R> e = table[expert[slot]];
      const R factor = weight[slot] * e.scale;
      for (int i = team.rank(); i < in; i += team.size()) {
        R v = 0;
        for (int j = 0; j < e.rank; ++j) v += e.a[std::ptrdiff_t(j) * in + i] * g[slot][j];
        dx[row][i] += factor * v;
      }
    }
  }
  /// Along the rows of A, as they lie.
  void operator()(Solo, int row) const {
    R* to = dx[row];
    for (int s = 0; s < k; ++s) {
      const int slot = row * k + s;
      if (expert[slot] < 0) continue;
      const LowRank<R> e = table[expert[slot]];
      for (int j = 0; j < e.rank; ++j) {
        const R *a = e.a + std::ptrdiff_t(j) * in, by = weight[slot] * e.scale * g[slot][j];
        ANSER_SIMD()
        for (int i = 0; i < in; ++i) to[i] += a[i] * by;
      }
    }
  }
};

/// Where an expert's gradients go; null where it does not learn.
template <class R>
struct LowRankGradient {
  R* a = nullptr;
  R* b = nullptr;
  R* bias = nullptr;
};

/// dA_e += sum over its slots of weight scale g ⊗ x; a row is (expert, j).
template <class X, class R>
struct LowRankGradientA {
  const LowRank<R>* table;
  const LowRankGradient<R>* gradient;
  const std::int32_t* order;
  const std::int32_t* begin;
  const R* weight;
  Matrix<const R> g;
  Matrix<const X> x;
  int in, k, rank;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const int e = r / rank, j = r % rank;
    if (!gradient[e].a || j >= table[e].rank) return;
    for (int at = begin[e]; at < begin[e + 1]; ++at) {
      const int slot = order[at];
      const R factor = weight[slot] * table[e].scale * g[slot][j];
      const X* u = x[slot / k];
      ANSER_SIMD()
      for (int i = team.rank(); i < in; i += team.size()) gradient[e].a[std::ptrdiff_t(j) * in + i] += factor * R(u[i]);
    }
  }
};

/// dbias_e += sum over its slots of weight scale g; a row is an expert.
template <class R>
struct LowRankGradientBias {
  const LowRank<R>* table;
  const LowRankGradient<R>* gradient;
  const std::int32_t* order;
  const std::int32_t* begin;
  const R* weight;
  Matrix<const R> g;
  template <class Team>
  ANSER_HD void operator()(Team team, int e) const {
    R* to = gradient[e].bias;
    if (!to) return;
    for (int at = begin[e]; at < begin[e + 1]; ++at) {
      const int slot = order[at];
      const R factor = weight[slot] * table[e].scale;
      for (int j = team.rank(); j < table[e].rank; j += team.size()) to[j] += factor * g[slot][j];
    }
  }
};

/// dB_e += sum over its slots of weight scale dy ⊗ h; a row is (expert, out).
template <class R>
struct LowRankGradientB {
  const LowRank<R>* table;
  const LowRankGradient<R>* gradient;
  const std::int32_t* order;
  const std::int32_t* begin;
  const R* weight;
  Matrix<const R> h, dy;
  int out, k;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const int e = r / out, o = r % out;
    if (!gradient[e].b) return;
    for (int at = begin[e]; at < begin[e + 1]; ++at) {
      const int slot = order[at];
      const R factor = weight[slot] * table[e].scale * dy[slot / k][o];
      ANSER_SIMD()
      for (int j = team.rank(); j < table[e].rank; j += team.size())
        gradient[e].b[std::ptrdiff_t(o) * table[e].rank + j] += factor * h[slot][j];
    }
  }
};

}  // namespace kernel

}  // namespace anser
