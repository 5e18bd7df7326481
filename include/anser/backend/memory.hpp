#pragma once
#include <algorithm>
#include <cstddef>
#include <limits>
#include <map>
#include <new>
#include <vector>

#include "concept.hpp"

namespace anser {

/// Bytes of a backend's memory, in the sizes in which it hands blocks out. What a backend packs, and what products need
/// for the moment, is not among them.
struct MemoryUse {
  std::size_t live = 0;  // handed out and not released
  std::size_t peak = 0;  // the most that was live at once since reset_peak
  std::size_t kept = 0;  // released, and kept for the next request of their size
  std::size_t dry = 0;   // of what is live: blocks of a dry run, without numbers
};

/// What a backend knows of its blocks: those that are live are counted, those that were released are kept by size.
class BlockPool {
 public:
  static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

  std::size_t limit = no_limit;      // of live and kept together; what is live is never refused
  std::size_t most_kept = no_limit;  // where there is no limit

  const MemoryUse& use() const { return use_; }
  void reset_peak() { use_.peak = use_.live; }
  void take(std::size_t size, bool dry = false) {
    use_.live += size;
    use_.peak = std::max(use_.peak, use_.live);
    if (dry) use_.dry += size;
  }
  void give(std::size_t size, bool dry = false) {
    use_.live -= size;
    if (dry) use_.dry -= size;
  }

  /// A kept block of this size, or null.
  void* reuse(std::size_t size) {
    const auto it = kept_.find(size);
    if (it == kept_.end() || it->second.empty()) return nullptr;
    void* p = it->second.back();
    it->second.pop_back();
    use_.kept -= size;
    return p;
  }
  /// Keeps a block that was given, where it may.
  bool keep(void* block, std::size_t size) noexcept {
    const bool fits = limit == no_limit ? use_.kept + size <= most_kept : use_.live + use_.kept + size <= limit;
    if (!fits) return false;
    try {
      kept_[size].push_back(block);
    } catch (const std::bad_alloc&) {
      return false;
    }
    use_.kept += size;
    return true;
  }
  /// Frees kept blocks until `size` more are within the limit: the smallest that is enough, else the largest.
  template <class Free>
  void make_room(std::size_t size, Free free) noexcept {
    const std::size_t wanted = use_.live + use_.kept + size;
    if (wanted > limit) free_kept(wanted - limit, free);
  }
  template <class Free>
  void free_kept(std::size_t bytes, Free free) noexcept {
    while (bytes > 0 && !kept_.empty()) {
      auto it = kept_.lower_bound(bytes);
      if (it == kept_.end()) --it;
      if (!it->second.empty()) {
        free(it->second.back());
        it->second.pop_back();
        use_.kept -= it->first;
        bytes -= std::min(bytes, it->first);
      }
      if (it->second.empty()) kept_.erase(it);
    }
  }

 private:
  MemoryUse use_;
  std::map<std::size_t, std::vector<void*>> kept_;
};

/// A backend that counts its memory and can run dry: blocks are counted and nothing computes, so that a run's peak is
/// known before it. What was to be computed reads as 0. Numbers of the host and of files lie in memory of
/// allocate_lasting, which is as always: they may outlive a dry run in which they are first read.
template <class B>
concept Accounted = Backend<B> && requires(B& b, const B& c, std::size_t bytes) {
  { c.memory() } -> std::same_as<MemoryUse>;
  b.reset_peak();
  b.limit_memory(bytes);
  { b.allocate_lasting(bytes) } -> std::same_as<void*>;
  b.set_dry(true);
  { c.dry() } -> std::same_as<bool>;
};

/// The backend runs dry as long as this lives.
template <Accounted B>
class DryRun {
 public:
  explicit DryRun(B& device) : device_(device) { device.set_dry(true); }
  ~DryRun() { device_.set_dry(false); }
  DryRun(const DryRun&) = delete;
  DryRun& operator=(const DryRun&) = delete;

 private:
  B& device_;
};

}  // namespace anser
