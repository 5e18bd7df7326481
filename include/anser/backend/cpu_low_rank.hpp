#pragma once
#include <cstddef>
#include <memory>
#include <mutex>

#include "concept.hpp"

namespace anser::cpu {

/// Pieces of memory that stay, side by side on huge pages; a chunk of them goes back when the last of its pieces does.
class PieceMemory {
 public:
  /// 64-byte aligned. Throws Error where the system has no more.
  std::shared_ptr<std::byte> allocate(std::size_t bytes);

 private:
  std::mutex mutex_;
  std::shared_ptr<std::byte> chunk_;
  std::size_t size_ = 0, used_ = 0;
};

/// A [rank, in] with a few rows woven vector by vector, and B [out, rank] as panels [rank, some columns of Bᵀ]; the
/// last rows and columns are filled up with zeros.
PackedLowRank<float> pack_low_rank(PieceMemory&, const float* a, const float* b, int rank, int in, int out);
PackedLowRank<double> pack_low_rank(PieceMemory&, const double* a, const double* b, int rank, int in, int out);

/// Routed low-rank products added to y, each used expert read once. See GroupedLowRank. The sums do not depend on the
/// number of threads.
void add_low_rank(const GroupedLowRank<float, float>&);
void add_low_rank(const GroupedLowRank<bf16, float>&);
void add_low_rank(const GroupedLowRank<double, double>&);

}  // namespace anser::cpu
