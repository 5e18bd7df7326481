#pragma once
#include <cstdlib>
#include <new>

#include "cpu.hpp"
#include "cpu_attention-inl.hpp"
#include "cpu_gemm-inl.hpp"
#include "cpu_low_rank-inl.hpp"

namespace anser {

namespace detail {
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
  return cpu::allocate_pages(size);
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

}  // namespace anser
