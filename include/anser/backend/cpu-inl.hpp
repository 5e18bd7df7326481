#pragma once
#include <sys/mman.h>

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

ANSER_INLINE HostMemory::~HostMemory() { give_back(MemoryCount::no_limit); }

ANSER_INLINE void* HostMemory::allocate(std::size_t bytes, bool lasting) {
  const std::size_t size = detail::round_up(bytes);
  const std::lock_guard lock(mutex_);
  const bool dry = dry_ && !lasting;
  void* p = dry ? take_untouched(size) : take_kept(size);
  if (!p) {
    give_back(count_.surplus(size));
    p = cpu::allocate_pages(size);
  }
  count_.take(size, dry);
  return p;
}

ANSER_INLINE void* HostMemory::take_kept(std::size_t size) {
  const auto it = free_.find(size);
  if (it == free_.end() || it->second.empty()) return nullptr;
  void* p = it->second.back();
  it->second.pop_back();
  count_.unkeep(size);
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

/// The smallest block that is enough, else the largest, until enough are gone.
ANSER_INLINE void HostMemory::give_back(std::size_t bytes) noexcept {
  while (bytes > 0 && !free_.empty()) {
    auto it = free_.lower_bound(bytes);
    if (it == free_.end()) --it;
    if (!it->second.empty()) {
      std::free(it->second.back());
      it->second.pop_back();
      count_.unkeep(it->first);
      bytes -= std::min(bytes, it->first);
    }
    if (it->second.empty()) free_.erase(it);
  }
}

ANSER_INLINE bool HostMemory::keep(void* p, std::size_t size) noexcept {
#if defined(__SANITIZE_ADDRESS__)  // a kept block would hide a use after release from the sanitizer
  (void)p, (void)size;
  return false;
#else
  const MemoryUse& now = count_.use();
  const bool fits = count_.limit == MemoryCount::no_limit ? now.kept + size <= detail::kept_limit
                                                          : now.live + now.kept + size <= count_.limit;
  if (!fits) return false;
  try {
    free_[size].push_back(p);
  } catch (const std::bad_alloc&) {
    return false;
  }
  count_.keep(size);
  return true;
#endif
}

ANSER_INLINE void HostMemory::release(void* p, std::size_t bytes) noexcept {
  if (!p) return;
  const std::size_t size = detail::round_up(bytes);
  const std::lock_guard lock(mutex_);
  const bool dry = !untouched_.empty() && untouched_.erase(p);
  count_.give(size, dry);
  if (dry)
    munmap(p, size);
  else if (!keep(p, size))
    std::free(p);
}

ANSER_INLINE MemoryUse HostMemory::use() const {
  const std::lock_guard lock(mutex_);
  return count_.use();
}

ANSER_INLINE void HostMemory::reset_peak() {
  const std::lock_guard lock(mutex_);
  count_.reset_peak();
}

ANSER_INLINE void HostMemory::limit(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  count_.limit = bytes;
  give_back(count_.surplus(0));
}

}  // namespace anser
