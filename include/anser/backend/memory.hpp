#pragma once
#include <algorithm>
#include <cstddef>
#include <limits>

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

/// MemoryUse, kept up to date.
class MemoryCount {
 public:
  static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

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
  void keep(std::size_t size) { use_.kept += size; }
  void unkeep(std::size_t size) { use_.kept -= size; }

  /// Of live and kept together; what is live is never refused.
  std::size_t limit = no_limit;
  /// How much of what is kept must go before `size` more are taken.
  std::size_t surplus(std::size_t size) const {
    const std::size_t wanted = use_.live + use_.kept + size;
    return wanted > limit ? std::min(wanted - limit, use_.kept) : 0;
  }

 private:
  MemoryUse use_;
};

/// A backend that counts its memory and can run dry: blocks are counted and nothing computes, so that a run's peak is
/// known before it. What comes from the host (uploads, files) is done all the same, so that what outlives a dry run is
/// as it should be; allocate_lasting is for that.
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
