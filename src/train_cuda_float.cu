#include <anser/cuda.hpp>
#include <anser/train.hpp>

namespace anser {
ANSER_TRAIN_INSTANCES(, Cuda<float>)
}  // namespace anser
