#pragma once
#include <cublas_v2.h>
#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <vector>

#include "../core/error.hpp"
#include "concept.hpp"
#include "memory.hpp"

namespace anser {

namespace cuda {

/// Throws Error saying what was being done, unless the call succeeded. Kernels run later than their launch, so the
/// failure of one may be reported by any call that follows it.
void expect(cudaError_t, const char* doing);
void expect(cublasStatus_t, const char* doing);

/// One device of this machine, one stream on it in whose order everything happens, and its memory: freed blocks are
/// kept for the next request of their size, and go back to the driver when it has nothing left to give.
class Device {
 public:
  explicit Device(int ordinal);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  /// In a dry run large blocks are addresses without memory. Throws Error where the device has no more.
  void* allocate(std::size_t bytes) { return allocate(bytes, false); }
  void* allocate_lasting(std::size_t bytes) { return allocate(bytes, true); }
  /// The block is used again by what is enqueued from now on, so work already enqueued may still read it.
  void release(void* block, std::size_t bytes) noexcept;
  /// Returns once `from` may be changed.
  void upload(void* to, const void* from, std::size_t bytes);
  /// Returns when the bytes are there.
  void download(void* to, const void* from, std::size_t bytes);
  void copy(void* to, const void* from, std::size_t bytes);
  void zero(void* p, std::size_t bytes);
  /// Rows of `width` bytes, `to_pitch` and `from_pitch` bytes apart.
  void copy_rows(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch, std::size_t width, int rows);
  template <class In, class Out>
  void multiply(const Gemm<In, Out>&);

  /// Waits until all that was enqueued is done; throws Error if some of it failed.
  void synchronise();
  /// Kernels and cuBLAS run on the device that the calling thread has made current.
  void make_current() const;
  cudaStream_t stream() const { return stream_; }
  int ordinal() const { return ordinal_; }
  /// As the driver calls it, with its compute capability.
  std::string name() const;
  /// Bytes taken from the driver, in use or kept.
  std::size_t reserved() const;
  MemoryUse memory() const;
  void reset_peak();
  /// Of live and kept bytes together: beyond it kept blocks go back before fresh ones come. At first there is none.
  void limit_memory(std::size_t bytes);
  /// What the driver could still give.
  std::size_t free_memory() const;
  /// Nothing computes: see Accounted. All that is read back is 0.
  void set_dry(bool dry) { dry_ = dry; }
  bool dry() const { return dry_; }
  /// Whether float products may round their inputs to TF32 (10 bits of mantissa) for the tensor cores. Off at first.
  void set_tf32(bool allowed) { tf32_ = allowed; }

 private:
  void* allocate(std::size_t bytes, bool lasting);
  void* take_fresh(std::size_t size);
  /// No device has such addresses.
  static constexpr std::uintptr_t dry_addresses = std::uintptr_t(1) << 62;
  static bool is_dry(const void* p) { return reinterpret_cast<std::uintptr_t>(p) >= dry_addresses; }
  /// Small blocks are real even in a dry run: what is uploaded to them may outlive it.
  static constexpr std::size_t small = std::size_t(256) << 10;

  static constexpr std::size_t staging_bytes = std::size_t(256) << 10;
  int ordinal_ = 0;
  cudaStream_t stream_ = nullptr;
  cublasHandle_t blas_ = nullptr;
  bool tf32_ = false;
  mutable std::mutex memory_mutex_;
  std::mutex staging_mutex_;
  BlockPool pool_;
  bool dry_ = false;
  std::uintptr_t next_dry_ = dry_addresses;
  std::byte* staging_ = nullptr;  // pinned, so that the small uploads of every step do not wait
  std::size_t staged_ = 0;
};

/// How the rows of a kernel are laid out in blocks: `team` threads a row, `rows` rows a block.
struct Layout {
  unsigned team, rows;
};
/// A team is a warp for short rows, up to 256 threads for long ones; blocks hold eight short rows.
constexpr Layout layout(std::size_t work) {
  if (work <= 128) return {32, 8};
  return {work > 512 ? 256u : 128u, 1};
}

/// The threads of a CUDA block that share a row: a warp, or the whole block. A reduction is also a barrier: what a
/// member wrote before it, all see after it. On the host, where no kernel runs, a team of one.
struct Block {
  ANSER_HD static int rank() {
#if defined(__CUDA_ARCH__)
    return int(threadIdx.x);
#else
    return 0;
#endif
  }
  ANSER_HD static int size() {
#if defined(__CUDA_ARCH__)
    return int(blockDim.x);
#else
    return 1;
#endif
  }
  template <class T>
  ANSER_HD static T sum(T v) {
    return reduce<Plus>(v);
  }
  template <class T>
  ANSER_HD static T max(T v) {
    return reduce<Greater>(v);
  }

 private:
  struct Plus {
    template <class T>
    ANSER_HD static T apply(T a, T b) {
      return a + b;
    }
  };
  struct Greater {
    template <class T>
    ANSER_HD static T apply(T a, T b) {
      return a > b ? a : b;
    }
  };
  template <class F, class T>
  ANSER_HD static T reduce(T v) {
#if defined(__CUDA_ARCH__)
    __shared__ T slot[8];
    for (int d = 16; d > 0; d /= 2) v = F::apply(v, __shfl_xor_sync(0xffffffffu, v, d));
    if (blockDim.x == 32) {
      __syncwarp();
      return v;
    }
    if (threadIdx.x % 32 == 0) slot[threadIdx.x / 32] = v;
    __syncthreads();
    v = slot[0];
    for (unsigned warp = 1; warp < blockDim.x / 32; ++warp) v = F::apply(v, slot[warp]);
    __syncthreads();
#endif
    return v;
  }
};

/// Runs the kernel on `n` rows. Only nvcc can compile this; files of other compilers link to what a .cu file, such as
/// those of anser::cuda, has instantiated.
template <class K>
void launch(const Device& device, int n, std::size_t work, K kernel);

#if defined(__CUDACC__)
template <class K>
__global__ void __launch_bounds__(256) run_rows(K kernel, int n) {
  // No row is met twice: a grid may have 2^31 - 1 blocks, as many as an int can count rows.
  const unsigned row = blockIdx.x * blockDim.y + threadIdx.y;
  if (row < unsigned(n)) kernel(Block{}, int(row));
}

void expect_launch(const Device&, const char* kernel);

template <class K>
void launch(const Device& device, int n, std::size_t work, K kernel) {
  static_assert(std::is_trivially_copyable_v<K> && sizeof(K) <= 4000,
                "a row kernel travels to the device as bytes: let it hold numbers, pointers and matrices only");
  if (n <= 0) return;
  const Layout l = layout(work);
  device.make_current();
  run_rows<<<(unsigned(n) + l.rows - 1) / l.rows, dim3(l.team, l.rows), 0, device.stream()>>>(kernel, n);
  expect_launch(device, typeid(K).name());
}
#endif

}  // namespace cuda

/// An NVIDIA GPU. T is the storage type of weights and GEMM inputs: float, bf16, or double (for gradient checks).
/// Float products equal the CPU's up to the order of summation (see set_tf32). One host thread at a time may enqueue.
template <class T = float>
class Cuda : public cuda::Device {
 public:
  using element = T;
  using real = accumulator<T>;
  static constexpr bool on_host = false;
  /// Row blocks one below the other in device memory; rows start at multiples of 16 bytes, as tensor cores ask.
  struct Packed {
    int n = 0, k = 0;
    std::ptrdiff_t stride = 0;
    std::shared_ptr<const T> rows;
  };

  /// Throws Error where there is no such device.
  explicit Cuda(int ordinal = 0) : cuda::Device(ordinal) {}
  /// Whether this machine has a GPU that the driver can use.
  static bool available() {
    int devices = 0;
    return cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0;
  }

  void gemm(const Gemm<element, real>& g) { multiply(g); }
  void gemm(const Gemm<real, real>& g) requires(!std::is_same_v<element, real>) { multiply(g); }

  Packed pack(std::span<const Matrix<const T>> blocks, std::span<const int> rows, int k) {
    constexpr int aligned = 16 / sizeof(T);
    Packed w{0, k, (k + aligned - 1) / aligned * aligned, nullptr};
    for (int r : rows) w.n += r;
    const std::size_t bytes = std::size_t(w.n) * std::size_t(w.stride) * sizeof(T);
    T* at = static_cast<T*>(allocate_lasting(bytes));
    w.rows = std::shared_ptr<const T>(at, [this, bytes](const T* p) { release(const_cast<T*>(p), bytes); });
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      copy_rows(at, std::size_t(w.stride) * sizeof(T), blocks[i].data, std::size_t(blocks[i].stride) * sizeof(T),
                std::size_t(k) * sizeof(T), rows[i]);
      at += rows[i] * w.stride;
    }
    return w;
  }
  /// y [m, n] = x [m, k] Wᵀ
  void gemm(const Packed& w, Matrix<const T> x, int m, Matrix<real> y) {
    multiply(Gemm<T, real>{x, {w.rows.get(), w.stride}, y, m, w.n, w.k, false, true, 1, 0, {}, {}});
  }

  /// dx [m, k] += dy [m, first] W, of the first rows of W.
  void gemm_back(const Packed& w, Matrix<const T> dy, int m, int first, Matrix<real> dx) {
    multiply(Gemm<T, real>{dy, {w.rows.get(), w.stride}, dx, m, w.k, first, false, false, 1, 1, {}, {}});
  }

  /// `work` is about the elements of a row; it decides how many threads share one.
  template <class K>
  void for_rows(int n, std::size_t work, K kernel) {
    if (!dry()) cuda::launch(*this, n, work, kernel);
  }
};
static_assert(Accounted<Cuda<float>> && Accounted<Cuda<bf16>> && Accounted<Cuda<double>>);

}  // namespace anser

#include "cuda-inl.hpp"
