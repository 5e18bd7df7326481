#include <anser/cpu.hpp>
#include <anser/train.hpp>

namespace anser {
ANSER_TRAIN_INSTANCES(, Cpu<bf16>)
}  // namespace anser
