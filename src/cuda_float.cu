#include <anser/backend/cuda.hpp>
#include <anser/t5/instances.hpp>

namespace anser {
ANSER_T5_INSTANCES(, Cuda<float>)
ANSER_ROUTED_INSTANCES(, Cuda<float>)
}  // namespace anser
