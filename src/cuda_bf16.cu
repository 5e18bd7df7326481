#include <anser/backend/cuda.hpp>
#include <anser/t5/instances.hpp>

namespace anser {
ANSER_T5_INSTANCES(, Cuda<bf16>)
ANSER_ROUTED_INSTANCES(, Cuda<bf16>)
}  // namespace anser
