#if defined(ANSER_HAS_CUDA)
#include <anser/cuda.hpp>

#include "trainer-inl.hpp"
#else
#include "trainer.hpp"
#endif

namespace anser::cli {

std::unique_ptr<Trainer> make_cuda_trainer([[maybe_unused]] const TrainerOptions& o) {
  require_gpu();
#if defined(ANSER_HAS_CUDA)
  return make_trainer_of<Cuda>(o);
#else
  return nullptr;
#endif
}

}  // namespace anser::cli
