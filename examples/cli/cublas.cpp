// cuBLAS at its first use. Its pages of relocations cost 0.17 s at every start of whatever is linked against it, which
// a program that mostly works on the CPU, and starts itself a hundred times for an experiment, need not pay. These are
// the functions that backend/cuda calls; the linker finds them here first and, with --as-needed, leaves cuBLAS out.
#if defined(ANSER_HAS_CUDA)
#include <cublas_v2.h>
#include <dlfcn.h>

#include <anser/core/error.hpp>

namespace {

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
constexpr const char* library = "libcublas.so." TEXT(CUBLAS_VER_MAJOR);
#undef TEXT
#undef TEXT_OF

void* find(const char* function) {
  void* const cublas = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  void* found = cublas ? dlsym(cublas, function) : nullptr;
  if (!found)
    anser::fail("--backend cuda: ", dlerror(),
                "; install cuBLAS of the CUDA toolkit that this program was built with (", library,
                "), or use --backend cpu");
  return found;
}

template <class Result = cublasStatus_t, class... Arguments>
Result call(void* function, Arguments... arguments) {
  return reinterpret_cast<Result (*)(Arguments...)>(function)(arguments...);
}

}  // namespace

extern "C" {

const char* cublasGetStatusString(cublasStatus_t status) {
  static void* const f = find("cublasGetStatusString");
  return call<const char*>(f, status);
}

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
  static void* const f = find("cublasCreate_v2");
  return call(f, handle);
}

cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
  static void* const f = find("cublasDestroy_v2");
  return call(f, handle);
}

cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  static void* const f = find("cublasSetStream_v2");
  return call(f, handle, stream);
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
  static void* const f = find("cublasSetMathMode");
  return call(f, handle, mode);
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n,
                            int k, const void* alpha, const void* a, cudaDataType a_type, int lda, const void* b,
                            cudaDataType b_type, int ldb, const void* beta, void* c, cudaDataType c_type, int ldc,
                            cublasComputeType_t compute, cublasGemmAlgo_t algorithm) {
  static void* const f = find("cublasGemmEx");
  return call(f, handle, transa, transb, m, n, k, alpha, a, a_type, lda, b, b_type, ldb, beta, c, c_type, ldc, compute,
              algorithm);
}

cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
                                          int m, int n, int k, const void* alpha, const void* a, cudaDataType a_type,
                                          int lda, long long a_stride, const void* b, cudaDataType b_type, int ldb,
                                          long long b_stride, const void* beta, void* c, cudaDataType c_type, int ldc,
                                          long long c_stride, int count, cublasComputeType_t compute,
                                          cublasGemmAlgo_t algorithm) {
  static void* const f = find("cublasGemmStridedBatchedEx");
  return call(f, handle, transa, transb, m, n, k, alpha, a, a_type, lda, a_stride, b, b_type, ldb, b_stride, beta, c,
              c_type, ldc, c_stride, count, compute, algorithm);
}

}  // extern "C"

#endif
