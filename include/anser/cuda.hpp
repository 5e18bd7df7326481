#pragma once
/// T5 on a GPU, with what anser::cuda holds of it. Kernels of one's own need nvcc; what is declared here does not.
#include "backend/cuda.hpp"
#include "t5.hpp"
#include "t5/instances.hpp"

#if defined(ANSER_COMPILED)
namespace anser {
ANSER_T5_INSTANCES(extern, Cuda<float>)
ANSER_T5_INSTANCES(extern, Cuda<bf16>)
ANSER_ROUTED_INSTANCES(extern, Cuda<float>)
ANSER_ROUTED_INSTANCES(extern, Cuda<bf16>)
}  // namespace anser
#endif
