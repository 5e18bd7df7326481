#pragma once
#include <cstring>
#include <memory>
#include <mutex>
#include <type_traits>
#include <unordered_set>
#include <vector>
#if defined(_OPENMP)
#include <omp.h>
#endif

#include "../core/error.hpp"
#include "cpu_attention.hpp"
#include "cpu_gemm.hpp"
#include "cpu_low_rank.hpp"
#include "cpu_routed_linear.hpp"
#include "memory.hpp"

namespace anser {

/// Memory of the host: 64-byte aligned, large blocks on huge pages where the system has them, freed blocks kept for the
/// next request of their size (a fresh block costs a page fault per 4 KiB, which is as long as writing it).
class HostMemory {
 public:
  HostMemory();
  ~HostMemory();
  HostMemory(const HostMemory&) = delete;
  HostMemory& operator=(const HostMemory&) = delete;
  /// In a dry run: zeros that take no memory until they are written, unless it is to be `lasting`. Throws Error where
  /// the system has no more.
  void* allocate(std::size_t bytes, bool lasting = false);
  void release(void* block, std::size_t bytes) noexcept;

  MemoryUse use() const;
  void reset_peak();
  /// Of live and kept bytes together: beyond it kept blocks go back before fresh ones come. At first there is none,
  /// and up to 512 MiB are kept.
  void limit(std::size_t bytes);
  void set_dry(bool dry) { dry_ = dry; }
  bool dry() const { return dry_; }

 private:
  void* take_untouched(std::size_t size);
  bool keep(void* block, std::size_t size) noexcept;

  mutable std::mutex mutex_;
  BlockPool pool_;
  std::unordered_set<void*> untouched_;  // blocks of dry runs
  bool dry_ = false;
};

/// The host. T is the storage type of weights and GEMM inputs: float, bf16, or double (for gradient checks).
template <class T = float>
class Cpu {
 public:
  using element = T;
  using real = accumulator<T>;
  using Packed = CpuWeights;
  static constexpr bool on_host = true;

  /// 0 threads: as many as OpenMP finds.
  explicit Cpu([[maybe_unused]] int threads = 0) {
#if defined(_OPENMP)
    if (threads > 0) omp_set_num_threads(threads);
#endif
  }

  void* allocate(std::size_t bytes) { return memory_.allocate(bytes); }
  void release(void* p, std::size_t bytes) noexcept { memory_.release(p, bytes); }
  void upload(void* to, const void* from, std::size_t bytes) { move(to, from, bytes); }
  void download(void* to, const void* from, std::size_t bytes) { move(to, from, bytes); }
  void copy(void* to, const void* from, std::size_t bytes) {
    if (!dry()) move(to, from, bytes);
  }
  void zero(void* p, std::size_t bytes) {
    if (!dry()) std::memset(p, 0, bytes);
  }

  MemoryUse memory() const { return memory_.use(); }
  void reset_peak() { memory_.reset_peak(); }
  /// See HostMemory::limit.
  void limit_memory(std::size_t bytes) { memory_.limit(bytes); }
  /// Memory that outlives a dry run.
  void* allocate_lasting(std::size_t bytes) { return memory_.allocate(bytes, true); }
  /// Nothing computes, and blocks are zeros: see Accounted. Packing reads weights, and is done.
  void set_dry(bool dry) { memory_.set_dry(dry); }
  bool dry() const { return memory_.dry(); }

  void gemm(const Gemm<element, real>& g) {
    if (!dry()) cpu::multiply(g);
  }
  void gemm(const Gemm<real, real>& g) requires(!std::is_same_v<element, real>) {
    if (!dry()) cpu::multiply(g);
  }
  Packed pack(std::span<const Matrix<const T>> blocks, std::span<const int> rows, int k) {
    return cpu::pack<T>(blocks, rows, k);
  }
  void gemm(const Packed& w, Matrix<const T> x, int m, Matrix<real> y) {
    if (!dry()) cpu::multiply<T>(w, x, m, y);
  }
  void gemm_back(const Packed& w, Matrix<const T> dy, int m, int first, Matrix<real> dx) {
    if (!dry()) cpu::multiply_back<T>(w, dy, m, first, dx);
  }

  void attend(const Attention<real, T>& a) {
    if (!dry()) cpu::attend(a);
  }
  void attend(const Attention<real, real>& a) requires(!std::is_same_v<element, real>) {
    if (!dry()) cpu::attend(a);
  }

  void low_rank(const GroupedLowRank<T, real>& g) {
    if (!dry()) cpu::add_low_rank(g);
  }
  void low_rank(const GroupedLowRank<real, real>& g) requires(!std::is_same_v<element, real>) {
    if (!dry()) cpu::add_low_rank(g);
  }

  static constexpr int one_pass_rows = cpu::one_pass_rows;
  void gemm(std::span<const Packed* const> w, Matrix<const T> x, int m,
            std::span<const Matrix<T>> y) requires(std::is_same_v<T, real>) {
    if (!dry()) cpu::multiply_all<T>(w, x, m, y);
  }
  void gemm_low_rank(const Packed& w, const GroupedLowRank<T, T>& g) requires(std::is_same_v<T, real>) {
    if (!dry()) cpu::multiply_routed(w, g);
  }
  PackedLowRank<real> pack_low_rank(const real* a, const real* b, int rank, int in, int out) {
    return cpu::pack_low_rank(pieces_, a, b, rank, in, out);
  }

  /// Rows are spread over threads where together they are worth it; `work` is about the elements of a row.
  template <class K>
  void for_rows(int n, [[maybe_unused]] std::size_t work, K kernel) {
    if (dry()) return;
#if defined(_OPENMP)
    constexpr std::size_t worthwhile = 1 << 14;  // elements; below, waking a thread costs more than it saves
    if (n > 1 && std::size_t(n) * work >= worthwhile && !omp_in_parallel()) {
#pragma omp parallel for schedule(static)
      for (int r = 0; r < n; ++r) kernel(Solo{}, r);
      return;
    }
#endif
    for (int r = 0; r < n; ++r) kernel(Solo{}, r);
  }

 private:
  /// Of nothing, pointers may be null, which memcpy does not allow.
  static void move(void* to, const void* from, std::size_t bytes) {
    if (bytes) std::memcpy(to, from, bytes);
  }
  HostMemory memory_;
  cpu::PieceMemory pieces_;
};
static_assert(Accounted<Cpu<float>> && Accounted<Cpu<bf16>> && Accounted<Cpu<double>>);

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "cpu-inl.hpp"
#endif
