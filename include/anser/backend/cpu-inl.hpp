#pragma once
#include <sys/mman.h>

#include <Eigen/Core>
#include <cstdlib>
#include <new>

#include "cpu.hpp"

namespace anser {

namespace detail {
inline constexpr std::size_t huge_page = std::size_t(2) << 20;
inline constexpr std::size_t kept_limit = std::size_t(512) << 20;  // freed blocks above this go back to the system

/// Sizes are rounded up to eighths of a power of two, so that nearly equal requests share blocks.
inline std::size_t round_up(std::size_t bytes) {
  if (bytes <= 512) return (bytes + 63) / 64 * 64 + (bytes == 0) * 64;
  std::size_t step = 64;
  while (step * 16 < bytes) step *= 2;
  return (bytes + step - 1) / step * step;
}
}  // namespace detail

ANSER_INLINE HostMemory::~HostMemory() {
  for (auto& [size, blocks] : free_)
    for (void* p : blocks) std::free(p);
}

ANSER_INLINE void* HostMemory::allocate(std::size_t bytes) {
  const std::size_t size = detail::round_up(bytes);
  {
    const std::lock_guard lock(mutex_);
    if (auto it = free_.find(size); it != free_.end() && !it->second.empty()) {
      void* p = it->second.back();
      it->second.pop_back();
      kept_ -= size;
      return p;
    }
  }
  const bool huge = size >= detail::huge_page;
  const std::size_t alignment = huge ? detail::huge_page : 64;
  void* p = nullptr;
  if (posix_memalign(&p, alignment, size) != 0)
    fail("out of memory: ", size >> 20, " MiB more were needed; use a smaller batch, or --dtype bf16");
  if (huge) madvise(p, size, MADV_HUGEPAGE);
  return p;
}

ANSER_INLINE void HostMemory::release(void* p, std::size_t bytes) noexcept {
  if (!p) return;
#if !defined(__SANITIZE_ADDRESS__)  // a kept block would hide a use after release from the sanitizer
  const std::size_t size = detail::round_up(bytes);
  const std::lock_guard lock(mutex_);
  if (kept_ + size <= detail::kept_limit) {
    try {
      free_[size].push_back(p);
      kept_ += size;
      return;
    } catch (const std::bad_alloc&) {
    }
  }
#else
  (void)bytes;
#endif
  std::free(p);
}

namespace cpu {
namespace detail {

template <class T>
using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using View = Eigen::Map<const RowMajor<T>, 0, Eigen::OuterStride<>>;
template <class T>
using MutableView = Eigen::Map<RowMajor<T>, 0, Eigen::OuterStride<>>;

template <class T>
void multiply_one(const Gemm<T, T>& g, const T* pa, const T* pb, T* pc) {
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

template <class T>
void multiply_all(const Gemm<T, T>& g) {
  const int count = g.outer.count * g.inner.count;
  auto one = [&](int i) {
    const std::ptrdiff_t o = i / g.inner.count, n = i % g.inner.count;
    multiply_one(g, g.a.data + o * g.outer.a + n * g.inner.a, g.b.data + o * g.outer.b + n * g.inner.b,
                 g.c.data + o * g.outer.c + n * g.inner.c);
  };
  if (count == 1) return one(0);
#pragma omp parallel for schedule(static)
  for (int i = 0; i < count; ++i) one(i);
}

/// A bf16 operand widened to a dense float matrix.
inline std::vector<float> widen(Matrix<const bf16> x, int rows, int cols) {
  std::vector<float> wide(std::size_t(rows) * std::size_t(cols));
  for (int r = 0; r < rows; ++r)
    for (int j = 0; j < cols; ++j) wide[std::size_t(r) * std::size_t(cols) + std::size_t(j)] = x[r][j];
  return wide;
}

}  // namespace detail

ANSER_INLINE void multiply(const Gemm<float, float>& g) { detail::multiply_all(g); }
ANSER_INLINE void multiply(const Gemm<double, double>& g) { detail::multiply_all(g); }

ANSER_INLINE void multiply(const Gemm<bf16, float>& g) {
  for (int o = 0; o < g.outer.count; ++o)
    for (int i = 0; i < g.inner.count; ++i) {
      const Matrix<const bf16> a{g.a.data + o * g.outer.a + i * g.inner.a, g.a.stride};
      const Matrix<const bf16> b{g.b.data + o * g.outer.b + i * g.inner.b, g.b.stride};
      const int ar = g.transpose_a ? g.k : g.m, ac = g.transpose_a ? g.m : g.k;
      const int br = g.transpose_b ? g.n : g.k, bc = g.transpose_b ? g.k : g.n;
      const auto wa = detail::widen(a, ar, ac), wb = detail::widen(b, br, bc);
      multiply(Gemm<float, float>{{wa.data(), ac},
                                  {wb.data(), bc},
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

template <class T>
CpuWeights pack(std::span<const Matrix<const T>> blocks, std::span<const int> rows, int k) {
  int n = 0;
  for (int r : rows) n += r;
  auto dense = std::make_shared<std::vector<T>>(std::size_t(n) * std::size_t(k));
  T* out = dense->data();
  for (std::size_t i = 0; i < blocks.size(); ++i)
    for (int r = 0; r < rows[i]; ++r, out += k) std::memcpy(out, blocks[i][r], std::size_t(k) * sizeof(T));
  return {n, k, std::move(dense)};
}

template <class T>
void multiply(const CpuWeights& w, Matrix<const T> x, int m, Matrix<accumulator<T>> y) {
  const auto& dense = *static_cast<const std::vector<T>*>(w.state.get());
  multiply(Gemm<T, accumulator<T>>{x, {dense.data(), w.k}, y, m, w.n, w.k, false, true, 1, 0, {}, {}});
}

template CpuWeights pack<float>(std::span<const Matrix<const float>>, std::span<const int>, int);
template CpuWeights pack<bf16>(std::span<const Matrix<const bf16>>, std::span<const int>, int);
template CpuWeights pack<double>(std::span<const Matrix<const double>>, std::span<const int>, int);
template void multiply<float>(const CpuWeights&, Matrix<const float>, int, Matrix<float>);
template void multiply<bf16>(const CpuWeights&, Matrix<const bf16>, int, Matrix<float>);
template void multiply<double>(const CpuWeights&, Matrix<const double>, int, Matrix<double>);

}  // namespace cpu
}  // namespace anser
