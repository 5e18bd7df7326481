#pragma once
#include <sys/mman.h>

#include <Eigen/Core>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "../core/error.hpp"
#include "concept.hpp"
#include "cpu_gemm.hpp"
#include "cpu_onednn-inl.hpp"
#include "cpu_panels-inl.hpp"
#include "cpu_threads-inl.hpp"

namespace anser::cpu {

/// Aligned memory of the host, on huge pages where it is large and the system has them.
ANSER_INLINE void* allocate_pages(std::size_t bytes) {
  constexpr std::size_t huge_page = std::size_t(2) << 20;
  const bool huge = bytes >= huge_page;
  void* p = nullptr;
  if (posix_memalign(&p, huge ? huge_page : 64, bytes) != 0)
    fail("out of memory: ", bytes >> 20, " MiB more were needed; use a smaller batch, or --dtype bf16");
  if (huge) madvise(p, bytes, MADV_HUGEPAGE);
  return p;
}

namespace detail {

template <class T>
using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using View = Eigen::Map<const RowMajor<T>, 0, Eigen::OuterStride<>>;
template <class T>
using MutableView = Eigen::Map<RowMajor<T>, 0, Eigen::OuterStride<>>;

inline double operations(double m, double n, double k) { return 2 * m * n * k; }
inline constexpr double worth_onednn = 1e5;  // below, the call costs more than the product

/// One matrix product.
template <class T>
void multiply_one(const Gemm<T, T>& g, const T* pa, const T* pb, T* pc) {
#if defined(ANSER_HAS_ONEDNN)
  if constexpr (std::is_same_v<T, float>)
    if (operations(g.m, g.n, g.k) >= worth_onednn && onednn::multiply_one(g, pa, pb, pc)) return;
#endif
  View<T> a(pa, g.transpose_a ? g.k : g.m, g.transpose_a ? g.m : g.k, Eigen::OuterStride<>(g.a.stride));
  View<T> b(pb, g.transpose_b ? g.n : g.k, g.transpose_b ? g.k : g.n, Eigen::OuterStride<>(g.b.stride));
  MutableView<T> c(pc, g.m, g.n, Eigen::OuterStride<>(g.c.stride));
  if (g.beta == 0)
    c.setZero();
  else if (g.beta != 1)
    c *= T(g.beta);
  const T s = T(g.alpha);
  if (g.transpose_a) {
    if (g.transpose_b)
      c.noalias() += s * (a.transpose() * b.transpose());
    else
      c.noalias() += s * (a.transpose() * b);
  } else {
    if (g.transpose_b)
      c.noalias() += s * (a * b.transpose());
    else
      c.noalias() += s * (a * b);
  }
}

inline constexpr int few_rows = 8;

/// M rows of x against every row of w, each of which is read once: y [M, n] = x [M, k] wᵀ. General products repack w,
/// which for few rows costs more than the product.
template <int M, class T>
void multiply_few(Matrix<const T> x, Matrix<const T> w, Matrix<accumulator<T>> y, int n, int k) {
  using R = accumulator<T>;
  constexpr int lanes = 16;
#pragma omp parallel for schedule(static) if (worth_threads(2.0 * M * n * k))
  for (int o = 0; o < n; ++o) {
    R sum[M][lanes] = {};
    const T* row = w[o];
    int i = 0;
    for (; i + lanes <= k; i += lanes)
      for (int r = 0; r < M; ++r) {
        const T* u = x[r] + i;
        ANSER_SIMD()
        for (int l = 0; l < lanes; ++l) sum[r][l] += R(u[l]) * R(row[i + l]);
      }
    for (int r = 0; r < M; ++r) {
      R s = 0;
      for (int l = 0; l < lanes; ++l) s += sum[r][l];
      for (int j = i; j < k; ++j) s += R(x[r][j]) * R(row[j]);
      y[r][o] = s;
    }
  }
}

template <class T>
void multiply_few(Matrix<const T> x, Matrix<const T> w, Matrix<accumulator<T>> y, int m, int n, int k) {
  for (; m >= 4; m -= 4, x.data += 4 * x.stride, y.data += 4 * y.stride) multiply_few<4>(x, w, y, n, k);
  if (m == 3) multiply_few<3>(x, w, y, n, k);
  if (m == 2) multiply_few<2>(x, w, y, n, k);
  if (m == 1) multiply_few<1>(x, w, y, n, k);
}

template <class T, class R>
bool is_few(const Gemm<T, R>& g) {
  return !g.transpose_a && g.transpose_b && g.m <= few_rows && g.alpha == 1 && g.beta == 0 &&
         g.outer.count * g.inner.count == 1;
}

template <class T>
void multiply_all(const Gemm<T, T>& g) {
  const int count = g.outer.count * g.inner.count;
  if (is_few(g)) return multiply_few<T>(g.a, g.b, g.c, g.m, g.n, g.k);
  auto one = [&](int i) {
    const std::ptrdiff_t o = i / g.inner.count, n = i % g.inner.count;
    multiply_one(g, g.a.data + o * g.outer.a + n * g.inner.a, g.b.data + o * g.outer.b + n * g.inner.b,
                 g.c.data + o * g.outer.c + n * g.inner.c);
  };
  if (count == 1) return one(0);
  if (count < thread_count() && operations(g.m, g.n, g.k) > 1e7)  // each on all threads
    for (int i = 0; i < count; ++i) one(i);
  else
    for_units(count, worth_threads(count * operations(g.m, g.n, g.k)), one);
}

/// A bf16 operand widened to a dense float matrix.
inline std::vector<float> widen(Matrix<const bf16> x, int rows, int cols) {
  std::vector<float> wide(std::size_t(rows) * std::size_t(cols));
  for (int r = 0; r < rows; ++r) {
    float* to = wide.data() + std::size_t(r) * std::size_t(cols);
    const bf16* from = x[r];
    ANSER_SIMD()
    for (int j = 0; j < cols; ++j) to[j] = from[j];
  }
  return wide;
}

/// Strides of matrices of one row mean nothing, and libraries look at them.
template <class T, class R>
Gemm<T, R> canonical(Gemm<T, R> g) {
  const int ar = g.transpose_a ? g.k : g.m, ac = g.transpose_a ? g.m : g.k;
  const int br = g.transpose_b ? g.n : g.k, bc = g.transpose_b ? g.k : g.n;
  if (ar == 1) g.a.stride = ac;
  if (br == 1) g.b.stride = bc;
  if (g.m == 1) g.c.stride = g.n;
  return g;
}

template <class T, class R>
bool is_empty(const Gemm<T, R>& g) {
  return g.m == 0 || g.n == 0 || g.outer.count == 0 || g.inner.count == 0;
}

}  // namespace detail

ANSER_INLINE bool native_bf16() {
#if defined(ANSER_HAS_ONEDNN)
  return onednn::has_bf16();
#else
  return false;
#endif
}

ANSER_INLINE void multiply(const Gemm<double, double>& g) {
  if (!detail::is_empty(g)) detail::multiply_all(g);
}

ANSER_INLINE void multiply(const Gemm<float, float>& g) {
  if (!detail::is_empty(g)) detail::multiply_all(detail::canonical(g));
}

ANSER_INLINE void multiply(const Gemm<bf16, float>& g) {
  if (detail::is_empty(g)) return;
  if (detail::is_few(g)) return detail::multiply_few<bf16>(g.a, g.b, g.c, g.m, g.n, g.k);
#if defined(ANSER_HAS_ONEDNN)
  if (g.k > 0 && native_bf16() && detail::operations(g.m, g.n, g.k) >= detail::worth_onednn)
    return onednn::multiply(detail::canonical(g));
#endif
  for (int o = 0; o < g.outer.count; ++o)
    for (int i = 0; i < g.inner.count; ++i) {
      const Matrix<const bf16> a{g.a.data + o * g.outer.a + i * g.inner.a, g.a.stride};
      const Matrix<const bf16> b{g.b.data + o * g.outer.b + i * g.inner.b, g.b.stride};
      const int ar = g.transpose_a ? g.k : g.m, ac = g.transpose_a ? g.m : g.k;
      const int br = g.transpose_b ? g.n : g.k, bc = g.transpose_b ? g.k : g.n;
      const auto wide_a = detail::widen(a, ar, ac), wide_b = detail::widen(b, br, bc);
      multiply(Gemm<float, float>{{wide_a.data(), ac},
                                  {wide_b.data(), bc},
                                  {g.c.data + o * g.outer.c + i * g.inner.c, g.c.stride},
                                  g.m,
                                  g.n,
                                  g.k,
                                  g.transpose_a,
                                  g.transpose_b,
                                  g.alpha,
                                  g.beta,
                                  {},
                                  {}});
    }
}

namespace detail {

/// The one copy of packed weights of bf16: oneDNN's blocked layout or plain rows where products of bf16 run as such,
/// panels of float elsewhere.
struct PackedBf16 {
  Pages<bf16> data;
  std::unique_ptr<const Panels<float>> wide;
#if defined(ANSER_HAS_ONEDNN)
  std::optional<onednn::Layout> blocked;
#endif
  void allocate(std::size_t bytes) { data.reset(static_cast<bf16*>(allocate_pages(bytes))); }
};

inline std::shared_ptr<const void> pack_bf16(std::span<const Matrix<const bf16>> blocks, std::span<const int> rows,
                                             int n, int k) {
  auto packed = std::make_shared<PackedBf16>();
#if defined(ANSER_HAS_ONEDNN)
  if (double(n) * k >= 4096) {
    packed->blocked = onednn::blocked_layout<bf16>(n, k);
    if (packed->blocked) {
      packed->allocate(packed->blocked->get_size());
      onednn::fill(*packed->blocked, packed->data.get(), blocks, rows, k);
      return packed;
    }
  }
#endif
  packed->allocate(std::max<std::size_t>(64, std::size_t(n) * std::size_t(k) * sizeof(bf16)));
  bf16* out = packed->data.get();
  for (std::size_t i = 0; i < blocks.size(); ++i)
    for (int r = 0; r < rows[i]; ++r, out += k) std::memcpy(out, blocks[i][r], std::size_t(k) * sizeof(bf16));
  return packed;
}

inline void multiply_bf16(const CpuWeights& w, Matrix<const bf16> x, int m, Matrix<float> y) {
  const auto& packed = *static_cast<const PackedBf16*>(w.state.get());
  if (packed.wide) {
    const auto wide = widen(x, m, w.k);
    return packed.wide->multiply({wide.data(), w.k}, m, y);
  }
#if defined(ANSER_HAS_ONEDNN)
  if (packed.blocked) return onednn::multiply<bf16>(*packed.blocked, packed.data.get(), w.n, w.k, x, m, y);
#endif
  multiply(Gemm<bf16, float>{x, {packed.data.get(), w.k}, y, m, w.n, w.k, false, true, 1, 0, {}, {}});
}

/// The blocked layout is read by its own product alone: the weight is laid out plainly for the moment.
inline void multiply_back_bf16(const CpuWeights& w, Matrix<const bf16> dy, int m, int first, Matrix<float> dx) {
  const auto& packed = *static_cast<const PackedBf16*>(w.state.get());
  if (packed.wide) {
    const auto wide = widen(dy, m, first);
    return packed.wide->multiply_back({wide.data(), first}, m, first, dx);
  }
  const bf16* rows = packed.data.get();
#if defined(ANSER_HAS_ONEDNN)
  Pages<bf16> plain;
  if (packed.blocked) {
    plain.reset(static_cast<bf16*>(allocate_pages(std::size_t(w.n) * std::size_t(w.k) * sizeof(bf16))));
    onednn::unfill(*packed.blocked, packed.data.get(), w.n, w.k, plain.get());
    rows = plain.get();
  }
#endif
  multiply(Gemm<bf16, float>{dy, {rows, w.k}, dx, m, w.k, first, false, false, 1, 1, {}, {}});
}

}  // namespace detail

ANSER_INLINE CpuWeights pack_widened(std::span<const Matrix<const bf16>> blocks, std::span<const int> rows, int k) {
  int n = 0;
  std::vector<std::vector<float>> wide;
  std::vector<Matrix<const float>> parts;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    n += rows[i];
    wide.push_back(detail::widen(blocks[i], rows[i], k));
    parts.push_back({wide.back().data(), k});
  }
  auto packed = std::make_shared<detail::PackedBf16>();
  packed->wide = std::make_unique<const Panels<float>>(parts, rows, n, k);
  return {n, k, packed};
}

template <class T>
CpuWeights pack(std::span<const Matrix<const T>> blocks, std::span<const int> rows, int k) {
  if constexpr (std::is_same_v<T, bf16>)
    if (!native_bf16()) return pack_widened(blocks, rows, k);
  int n = 0;
  for (int r : rows) n += r;
  if constexpr (std::is_same_v<T, bf16>)
    return {n, k, detail::pack_bf16(blocks, rows, n, k)};
  else
    return {n, k, std::make_shared<const Panels<T>>(blocks, rows, n, k)};
}

template <class T>
void multiply(const CpuWeights& w, Matrix<const T> x, int m, Matrix<accumulator<T>> y) {
  if (m == 0 || w.n == 0) return;
  if constexpr (std::is_same_v<T, bf16>)
    detail::multiply_bf16(w, x, m, y);
  else
    static_cast<const Panels<T>*>(w.state.get())->multiply(x, m, y);
}

template <class T>
void multiply_all(std::span<const CpuWeights* const> w, Matrix<const T> x, int m, std::span<const Matrix<T>> y) {
  if (m == 0) return;
  std::vector<const Panels<T>*> panels;
  for (const auto* of : w) panels.push_back(static_cast<const Panels<T>*>(of->state.get()));
  Panels<T>::multiply(panels, x, m, y);
}

template <class T>
void multiply_back(const CpuWeights& w, Matrix<const T> dy, int m, int first, Matrix<accumulator<T>> dx) {
  if (m == 0 || first == 0 || w.k == 0) return;
  if constexpr (std::is_same_v<T, bf16>)
    detail::multiply_back_bf16(w, dy, m, first, dx);
  else
    static_cast<const Panels<T>*>(w.state.get())->multiply_back(dy, m, first, dx);
}

template CpuWeights pack<float>(std::span<const Matrix<const float>>, std::span<const int>, int);
template CpuWeights pack<bf16>(std::span<const Matrix<const bf16>>, std::span<const int>, int);
template CpuWeights pack<double>(std::span<const Matrix<const double>>, std::span<const int>, int);
template void multiply<float>(const CpuWeights&, Matrix<const float>, int, Matrix<float>);
template void multiply<bf16>(const CpuWeights&, Matrix<const bf16>, int, Matrix<float>);
template void multiply<double>(const CpuWeights&, Matrix<const double>, int, Matrix<double>);
template void multiply_all<float>(std::span<const CpuWeights* const>, Matrix<const float>, int,
                                  std::span<const Matrix<float>>);
template void multiply_all<double>(std::span<const CpuWeights* const>, Matrix<const double>, int,
                                   std::span<const Matrix<double>>);
template void multiply_back<float>(const CpuWeights&, Matrix<const float>, int, int, Matrix<float>);
template void multiply_back<bf16>(const CpuWeights&, Matrix<const bf16>, int, int, Matrix<float>);
template void multiply_back<double>(const CpuWeights&, Matrix<const double>, int, int, Matrix<double>);

}  // namespace anser::cpu
