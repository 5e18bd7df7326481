#pragma once
/// T5 on the host, with what anser::compiled holds of it, and a sentence encoder.
#include "backend/cpu.hpp"
#include "bert/instances.hpp"
#include "core/isa.hpp"
#include "t5.hpp"
#include "t5/instances.hpp"

#if defined(ANSER_COMPILED)
namespace anser {
ANSER_BERT_INSTANCES(extern, Cpu<float>)
ANSER_T5_INSTANCES(extern, Cpu<float>)
ANSER_T5_INSTANCES(extern, Cpu<bf16>)
ANSER_ROUTED_INSTANCES(extern, Cpu<float>)
ANSER_ROUTED_INSTANCES(extern, Cpu<bf16>)
}  // namespace anser
#endif
