#pragma once
#include <algorithm>
#include <cstring>
#include <limits>

#include "cuda.hpp"

namespace anser::cuda {

inline void expect(cudaError_t status, const char* doing) {
  if (status != cudaSuccess) [[unlikely]]
    fail("CUDA: ", doing, ": ", cudaGetErrorString(status));
}
inline void expect(cublasStatus_t status, const char* doing) {
  if (status != CUBLAS_STATUS_SUCCESS) [[unlikely]]
    fail("cuBLAS: ", doing, ": ", cublasGetStatusString(status));
}

/// Sizes are rounded up to eighths of a power of two, large ones to 2 MiB, so that nearly equal requests share blocks.
inline std::size_t round_up(std::size_t bytes) {
  std::size_t step = 512;
  while (step * 16 < bytes && step < (std::size_t(2) << 20)) step *= 2;
  return std::max(step, (bytes + step - 1) / step * step);
}

// cudaFree waits until the device no longer uses the block.
inline constexpr auto free_block = [](void* p) noexcept { cudaFree(p); };

inline Device::Device(int ordinal) : ordinal_(ordinal) {
  int devices = 0;
  const cudaError_t found = cudaGetDeviceCount(&devices);
  if (found != cudaSuccess || devices == 0)
    fail("no CUDA device: ", found == cudaSuccess ? "the driver reports none" : cudaGetErrorString(found),
         "; use --backend cpu");
  check(ordinal >= 0 && ordinal < devices, "no CUDA device ", ordinal, ": this machine has ", devices,
        ", counted from 0; CUDA_VISIBLE_DEVICES may hide others");
  make_current();
  expect(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "creating a stream");
  try {
    expect(cublasCreate(&blas_), "starting cuBLAS");
    expect(cublasSetStream(blas_, stream_), "choosing cuBLAS's stream");
    const unsigned mode = CUBLAS_DEFAULT_MATH | CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION;
    expect(cublasSetMathMode(blas_, cublasMath_t(mode)), "choosing cuBLAS's precision");
  } catch (...) {
    if (blas_) cublasDestroy(blas_);
    cudaStreamDestroy(stream_);
    throw;
  }
}

// Nothing is checked here: when a program ends, the driver may be gone already.
inline Device::~Device() {
  cudaSetDevice(ordinal_);
  cudaStreamSynchronize(stream_);
  pool_.free_kept(BlockPool::no_limit, free_block);
  if (staging_) cudaFreeHost(staging_);
  cublasDestroy(blas_);
  cudaStreamDestroy(stream_);
}

inline void Device::make_current() const { expect(cudaSetDevice(ordinal_), "choosing the device"); }

inline void Device::synchronise() {
  expect(cudaStreamSynchronize(stream_), "waiting for the device (a kernel that ran before may have failed)");
}

inline std::string Device::name() const {
  cudaDeviceProp p;
  expect(cudaGetDeviceProperties(&p, ordinal_), "reading the device's properties");
  return concat(p.name, " (compute capability ", p.major, ".", p.minor, ")");
}

inline void* Device::allocate(std::size_t bytes, bool lasting) {
  const std::size_t size = round_up(bytes);
  const std::lock_guard lock(memory_mutex_);
  const bool dry = dry_ && !lasting && size > small;
  void* p = nullptr;
  if (dry) {
    p = reinterpret_cast<void*>(next_dry_);
    next_dry_ += size;
  } else {
    p = pool_.reuse(size);
    if (!p) p = take_fresh(size);
  }
  pool_.take(size, dry);
  return p;
}

inline void* Device::take_fresh(std::size_t size) {
  make_current();
  pool_.make_room(size, free_block);
  void* p = nullptr;
  cudaError_t status = cudaMalloc(&p, size);
  if (status == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();
    pool_.free_kept(BlockPool::no_limit, free_block);
    status = cudaMalloc(&p, size);
  }
  if (status == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();
    std::size_t free = 0, total = 0;
    cudaMemGetInfo(&free, &total);
    fail("out of memory on CUDA device ", ordinal_, ": ", (size >> 20) + 1, " MiB more were needed, ", free >> 20,
         " of its ", total >> 20, " MiB are free; use a smaller batch, or --dtype bf16");
  }
  expect(status, "taking device memory");
  return p;
}

inline void Device::release(void* p, std::size_t bytes) noexcept {
  if (!p) return;
  const std::size_t size = round_up(bytes);
  const std::lock_guard lock(memory_mutex_);
  pool_.give(size, is_dry(p));
  if (!is_dry(p) && !pool_.keep(p, size)) cudaFree(p);
}

inline std::size_t Device::reserved() const {
  const MemoryUse now = memory();
  return now.live - now.dry + now.kept;
}

inline MemoryUse Device::memory() const {
  const std::lock_guard lock(memory_mutex_);
  return pool_.use();
}

inline void Device::reset_peak() {
  const std::lock_guard lock(memory_mutex_);
  pool_.reset_peak();
}

inline void Device::limit_memory(std::size_t bytes) {
  const std::lock_guard lock(memory_mutex_);
  make_current();
  pool_.limit = bytes;
  pool_.make_room(0, free_block);
}

inline std::size_t Device::free_memory() const {
  make_current();
  std::size_t free = 0, total = 0;
  expect(cudaMemGetInfo(&free, &total), "asking for the device's free memory");
  return free;
}

inline void Device::upload(void* to, const void* from, std::size_t bytes) {
  if (bytes == 0 || is_dry(to)) return;
  make_current();
  if (bytes > staging_bytes / 4) {
    expect(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_), "copying to the device");
    return synchronise();
  }
  const std::lock_guard lock(staging_mutex_);
  if (!staging_) {
    void* pinned = nullptr;
    expect(cudaMallocHost(&pinned, staging_bytes), "taking pinned memory of the host");
    staging_ = static_cast<std::byte*>(pinned);
  }
  if (staged_ + bytes > staging_bytes) {
    synchronise();
    staged_ = 0;
  }
  std::byte* slot = staging_ + staged_;
  std::memcpy(slot, from, bytes);
  expect(cudaMemcpyAsync(to, slot, bytes, cudaMemcpyHostToDevice, stream_), "copying to the device");
  staged_ += (bytes + 63) / 64 * 64;
}

inline void Device::download(void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  if (dry_) {
    std::memset(to, 0, bytes);
    return;
  }
  make_current();
  expect(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_), "copying from the device");
  synchronise();
}

inline void Device::copy(void* to, const void* from, std::size_t bytes) {
  if (bytes == 0 || dry_) return;
  make_current();
  expect(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_), "copying on the device");
}

inline void Device::copy_rows(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                              std::size_t width, int rows) {
  if (width == 0 || rows == 0) return;
  make_current();
  expect(cudaMemcpy2DAsync(to, to_pitch, from, rows == 1 ? width : from_pitch, width, std::size_t(rows),
                           cudaMemcpyDeviceToDevice, stream_),
         "copying rows on the device");
}

inline void Device::zero(void* p, std::size_t bytes) {
  if (bytes == 0 || dry_) return;
  make_current();
  expect(cudaMemsetAsync(p, 0, bytes, stream_), "clearing device memory");
}

template <class T>
inline constexpr cudaDataType_t data_type = std::is_same_v<T, double>  ? CUDA_R_64F
                                            : std::is_same_v<T, float> ? CUDA_R_32F
                                                                       : CUDA_R_16BF;

/// The distance between rows as cuBLAS wants it: of a single row any will do, so long as the row fits.
inline int leading(std::ptrdiff_t stride, int rows, int cols) {
  const std::ptrdiff_t ld = rows > 1 ? stride : std::max<std::ptrdiff_t>(stride, cols);
  check(ld >= cols && ld <= std::numeric_limits<int>::max(), "Gemm: ", rows, " rows of ", cols, " numbers cannot lie ",
        ld, " apart");
  return std::max(int(ld), 1);
}

/// One strided loop where both loops have the same steps; else the longer one inside.
inline void arrange(Stride& outer, Stride& inner) {
  if (outer.a == inner.a * inner.count && outer.b == inner.b * inner.count && outer.c == inner.c * inner.count) {
    inner.count *= outer.count;
    outer.count = 1;
  } else if (outer.count > inner.count) {
    std::swap(outer, inner);
  }
}

template <class In, class Out>
void Device::multiply(const Gemm<In, Out>& g) {
  if (g.m == 0 || g.n == 0 || dry_) return;
  Stride outer = g.outer, inner = g.inner;
  arrange(outer, inner);
  const int lda = leading(g.a.stride, g.transpose_a ? g.k : g.m, g.transpose_a ? g.m : g.k);
  const int ldb = leading(g.b.stride, g.transpose_b ? g.n : g.k, g.transpose_b ? g.k : g.n);
  const int ldc = leading(g.c.stride, g.m, g.n);
  const accumulator<In> alpha = g.alpha, beta = g.beta;
  const cublasComputeType_t compute = std::is_same_v<Out, double>          ? CUBLAS_COMPUTE_64F
                                      : std::is_same_v<In, float> && tf32_ ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                                           : CUBLAS_COMPUTE_32F;
  // cuBLAS counts by columns, so it sees all matrices transposed: C = A B is Cᵀ = Bᵀ Aᵀ.
  const cublasOperation_t first = g.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N;
  const cublasOperation_t second = g.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N;
  make_current();
  for (int o = 0; o < outer.count; ++o) {
    const In *a = g.a.data + o * outer.a, *b = g.b.data + o * outer.b;
    Out* c = g.c.data + o * outer.c;
    const auto status =
        inner.count == 1
            ? cublasGemmEx(blas_, first, second, g.n, g.m, g.k, &alpha, b, data_type<In>, ldb, a, data_type<In>, lda,
                           &beta, c, data_type<Out>, ldc, compute, CUBLAS_GEMM_DEFAULT)
            : cublasGemmStridedBatchedEx(blas_, first, second, g.n, g.m, g.k, &alpha, b, data_type<In>, ldb, inner.b, a,
                                         data_type<In>, lda, inner.a, &beta, c, data_type<Out>, ldc, inner.c,
                                         inner.count, compute, CUBLAS_GEMM_DEFAULT);
    if (status != CUBLAS_STATUS_SUCCESS) [[unlikely]]
      fail("cuBLAS: multiplying [", g.m, ", ", g.k, "] by [", g.k, ", ", g.n, "], ", inner.count,
           " times: ", cublasGetStatusString(status));
  }
}

#if defined(__CUDACC__)
inline void expect_launch(const Device& device, const char* kernel) {
  const cudaError_t status = cudaGetLastError();
  if (status == cudaSuccess) [[likely]]
    return;
  if (status == cudaErrorNoKernelImageForDevice || status == cudaErrorUnsupportedPtxVersion)
    fail("CUDA: this program holds no code for ", device.name(),
         "; build it with -DCMAKE_CUDA_ARCHITECTURES=native, or update the driver");
  fail("CUDA: starting the kernel ", kernel, ": ", cudaGetErrorString(status));
}
#endif

}  // namespace anser::cuda
