#pragma once
#include "concept.hpp"

namespace anser::cpu {

/// softmax(q kᵀ + bias) v, fused: the scores of a few queries stay in the cache. See Attention.
void attend(const Attention<float, float>&);
void attend(const Attention<float, bf16>&);
void attend(const Attention<double, double>&);

}  // namespace anser::cpu
