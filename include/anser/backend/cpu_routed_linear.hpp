#pragma once
#include "concept.hpp"
#include "cpu_gemm.hpp"
#include "cpu_low_rank.hpp"

namespace anser::cpu {

/// y = x Wᵀ of packed W, and the routed experts of the same x added to it: the sums of `multiply` and `add_low_rank`,
/// bit for bit, in one pass where that is quicker.
void multiply_routed(const CpuWeights&, const GroupedLowRank<float, float>&);
void multiply_routed(const CpuWeights&, const GroupedLowRank<double, double>&);

inline constexpr int one_pass_rows = 32;  // fewer are bound to the reading of W
/// Whether it is one pass, on so many threads: with vectors of 512 bits, for so many rows, where all used experts are
/// packed, reading them is long beside the product, and threads find about the same number of columns.
bool in_one_pass(const CpuWeights&, const GroupedLowRank<float, float>&, int threads);
bool in_one_pass(const CpuWeights&, const GroupedLowRank<double, double>&, int threads);

/// The same in one pass, quicker or not, for tests. Returns false, and does nothing, where no expert is used or one
/// that is not packed.
bool multiply_in_one_pass(const CpuWeights&, const GroupedLowRank<float, float>&);
bool multiply_in_one_pass(const CpuWeights&, const GroupedLowRank<double, double>&);

}  // namespace anser::cpu
