#include <anser/backend/cpu.hpp>
#include <anser/t5/instances.hpp>

namespace anser {
ANSER_T5_INSTANCES(extern, Cpu<float>)
ANSER_ROUTED_INSTANCES(, Cpu<float>)
}  // namespace anser
