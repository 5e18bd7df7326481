#include <anser/backend/cpu.hpp>
#include <anser/t5/instances.hpp>

namespace anser {
ANSER_T5_INSTANCES(extern, Cpu<bf16>)
ANSER_ROUTED_INSTANCES(, Cpu<bf16>)
}  // namespace anser
