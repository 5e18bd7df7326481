#if defined(ANSER_HAS_CUDA)
#include <anser/cuda.hpp>
#endif

#include "engine-inl.hpp"

namespace anser::cli {

std::unique_ptr<Engine> make_cuda_engine([[maybe_unused]] const EngineOptions& o) {
#if defined(ANSER_HAS_CUDA)
  int devices = 0;
  const auto status = cudaGetDeviceCount(&devices);
  check(status == cudaSuccess && devices > 0, "--backend cuda: no GPU can be used here (",
        status == cudaSuccess ? "none is installed" : cudaGetErrorString(status), "); use --backend cpu");
  return make_engine_of<Cuda>(o);
#else
  fail(
      "--backend cuda: this program was built without CUDA; build it where the CUDA toolkit is installed, or use "
      "--backend cpu");
#endif
}

}  // namespace anser::cli
