#pragma once
#include "concept.hpp"

namespace anser::cpu {

/// Routed low-rank products added to y, each used expert read once. See GroupedLowRank. The sums do not depend on the
/// number of threads.
void add_low_rank(const GroupedLowRank<float, float>&);
void add_low_rank(const GroupedLowRank<bf16, float>&);
void add_low_rank(const GroupedLowRank<double, double>&);

}  // namespace anser::cpu
