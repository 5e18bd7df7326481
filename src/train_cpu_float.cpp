#include <anser/cpu.hpp>
#include <anser/train.hpp>

namespace anser {
ANSER_TRAIN_INSTANCES(, Cpu<float>)
}  // namespace anser
