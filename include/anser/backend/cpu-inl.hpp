#pragma once
#include <sys/mman.h>

#include <cstdlib>
#include <new>

#include "cpu.hpp"
#include "cpu_attention-inl.hpp"
#include "cpu_gemm-inl.hpp"
#include "cpu_low_rank-inl.hpp"
#include "cpu_routed_linear-inl.hpp"

namespace anser {

namespace detail {
/// Sizes are rounded up to eighths of a power of two, so that nearly equal requests share blocks.
inline std::size_t round_up(std::size_t bytes) {
  if (bytes <= 512) return (bytes + 63) / 64 * 64 + (bytes == 0) * 64;
  std::size_t step = 64;
  while (step * 16 < bytes) step *= 2;
  return (bytes + step - 1) / step * step;
}
}  // namespace detail

ANSER_INLINE HostMemory::HostMemory() { pool_.most_kept = std::size_t(512) << 20; }

ANSER_INLINE HostMemory::~HostMemory() { pool_.free_kept(BlockPool::no_limit, std::free); }

ANSER_INLINE void* HostMemory::allocate(std::size_t bytes, bool lasting) {
  const std::size_t size = detail::round_up(bytes);
  const std::lock_guard lock(mutex_);
  const bool dry = dry_ && !lasting;
  void* p = dry ? take_untouched(size) : pool_.reuse(size);
  if (!p) {
    pool_.make_room(size, std::free);
    p = cpu::allocate_pages(size);
  }
  pool_.take(size, dry);
  return p;
}

/// Pages of an anonymous map are zeros without memory until they are written.
ANSER_INLINE void* HostMemory::take_untouched(std::size_t size) {
  void* p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  check(p != MAP_FAILED, "out of addresses: ", size >> 20, " MiB more could not even be planned; use a smaller batch");
  try {
    untouched_.insert(p);
  } catch (...) {
    munmap(p, size);
    throw;
  }
  return p;
}

ANSER_INLINE bool HostMemory::keep([[maybe_unused]] void* p, [[maybe_unused]] std::size_t size) noexcept {
#if defined(__SANITIZE_ADDRESS__)  // a kept block would hide a use after release from the sanitizer
  return false;
#else
  return pool_.keep(p, size);
#endif
}

ANSER_INLINE void HostMemory::release(void* p, std::size_t bytes) noexcept {
  if (!p) return;
  const std::size_t size = detail::round_up(bytes);
  const std::lock_guard lock(mutex_);
  const bool dry = !untouched_.empty() && untouched_.erase(p);
  pool_.give(size, dry);
  if (dry)
    munmap(p, size);
  else if (!keep(p, size))
    std::free(p);
}

ANSER_INLINE MemoryUse HostMemory::use() const {
  const std::lock_guard lock(mutex_);
  return pool_.use();
}

ANSER_INLINE void HostMemory::reset_peak() {
  const std::lock_guard lock(mutex_);
  pool_.reset_peak();
}

ANSER_INLINE void HostMemory::limit(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  pool_.limit = bytes;
  pool_.make_room(0, std::free);
}

}  // namespace anser
