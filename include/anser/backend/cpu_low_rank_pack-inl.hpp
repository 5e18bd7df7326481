#pragma once
#include <algorithm>
#include <memory>
#include <mutex>

#include "cpu_low_rank.hpp"
#include "cpu_simd-inl.hpp"

namespace anser::cpu {
namespace detail {

/// So many rows of a packed A lie vector by vector side by side: it is read from end to end, as processors fetch best.
inline constexpr int woven = simd::many_registers ? 4 : 2;

template <class T>
PackedLowRank<T> pack_expert(PieceMemory& pieces, const T* a, const T* b, int rank, int in, int out) {
  constexpr int lanes = simd::lanes<T>, cols = simd::panel_vectors * lanes, line = 64 / int(sizeof(T));
  const int whole = in / lanes * lanes;
  const std::size_t woven_size = std::size_t((rank + woven - 1) / woven * woven) * std::size_t(in);
  const std::size_t begin = (woven_size + line - 1) / line * line;
  const std::size_t size = begin + std::size_t(rank) * std::size_t((out + cols - 1) / cols * cols);
  auto memory = pieces.allocate(size * sizeof(T));
  T* to = reinterpret_cast<T*>(memory.get());
  T* next = to;
  for (int r = 0; r < rank; r += woven) {
    const auto row = [&](int j) { return r + j < rank ? a + std::ptrdiff_t(r + j) * in : nullptr; };
    const auto put = [&](int j, int i, int count) {
      if (row(j))
        std::copy_n(row(j) + i, count, next);
      else
        std::fill_n(next, count, T(0));
      next += count;
    };
    for (int i = 0; i < whole; i += lanes)
      for (int j = 0; j < woven; ++j) put(j, i, lanes);
    for (int j = 0; j < woven; ++j) put(j, whole, in - whole);
  }
  T* panel = to + begin;
  for (int o = 0; o < out; o += cols)
    for (int r = 0; r < rank; ++r)
      for (int j = 0; j < cols; ++j) *panel++ = o + j < out ? b[std::ptrdiff_t(o + j) * rank + r] : T(0);
  return {std::move(memory), to, to + begin};
}

}  // namespace detail

ANSER_INLINE std::shared_ptr<std::byte> PieceMemory::allocate(std::size_t bytes) {
  constexpr std::size_t chunk = std::size_t(4) << 20;
  const auto whole = [](std::size_t n) {
    return std::shared_ptr<std::byte>(static_cast<std::byte*>(allocate_pages(n)), FreePages{});
  };
  bytes = (bytes + 63) / 64 * 64;
  if (bytes > chunk / 4) return whole(bytes);
  const std::lock_guard lock(mutex_);
  if (used_ + bytes > size_) {
    chunk_ = whole(chunk);
    size_ = chunk;
    used_ = 0;
  }
  std::byte* piece = chunk_.get() + used_;
  used_ += bytes;
  return {chunk_, piece};
}

ANSER_INLINE PackedLowRank<float> pack_low_rank(PieceMemory& m, const float* a, const float* b, int rank, int in,
                                                int out) {
  return detail::pack_expert(m, a, b, rank, in, out);
}
ANSER_INLINE PackedLowRank<double> pack_low_rank(PieceMemory& m, const double* a, const double* b, int rank, int in,
                                                 int out) {
  return detail::pack_expert(m, a, b, rank, in, out);
}

}  // namespace anser::cpu
