#if defined(ANSER_HAS_CUDA)
#include <anser/cuda.hpp>
#endif

#include "engine-inl.hpp"

namespace anser::cli {

void require_gpu() {
#if defined(ANSER_HAS_CUDA)
  int devices = 0;
  const auto status = cudaGetDeviceCount(&devices);
  check(status == cudaSuccess && devices > 0, "--backend cuda: no GPU can be used here (",
        status == cudaSuccess ? "none is installed" : cudaGetErrorString(status), "); use --backend cpu");
#else
  fail(
      "--backend cuda: this program was built without CUDA; build it where the CUDA toolkit is installed, or use "
      "--backend cpu");
#endif
}

std::unique_ptr<Engine> make_cuda_engine([[maybe_unused]] const EngineOptions& o) {
  require_gpu();
#if defined(ANSER_HAS_CUDA)
  return make_engine_of<Cuda>(o);
#else
  return nullptr;
#endif
}

}  // namespace anser::cli
