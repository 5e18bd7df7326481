#include <anser/backend/cpu.hpp>
#include <anser/bert/instances.hpp>

namespace anser {
ANSER_BERT_INSTANCES(, Cpu<float>)
}
