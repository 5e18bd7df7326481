#pragma once
#include <cstdlib>
#include <memory>
#include <span>

#include "concept.hpp"

namespace anser {

/// Frozen weights as this machine's GEMM likes them: W [n, k] of y = x Wᵀ. `state` holds the one copy.
struct CpuWeights {
  int n = 0, k = 0;
  std::shared_ptr<const void> state;
};

/// Products on the host: Eigen always, oneDNN where it was found, own loops for few rows.
namespace cpu {

/// Aligned memory, on huge pages where it is large and the system has them; given back by std::free.
/// Throws Error where the system has no more.
void* allocate_pages(std::size_t bytes);
struct FreePages {
  void operator()(void* p) const { std::free(p); }
};
template <class T>
using Pages = std::unique_ptr<T, FreePages>;

/// Whether products of bf16 run as such; elsewhere panels are widened to float first.
bool native_bf16();

void multiply(const Gemm<float, float>&);
void multiply(const Gemm<double, double>&);
void multiply(const Gemm<bf16, float>&);

/// W [sum of rows, k] from matrices of k columns, one below the other.
template <class T>
CpuWeights pack(std::span<const Matrix<const T>> blocks, std::span<const int> rows, int k);
/// The same where products of bf16 do not run as such: widened to float, once (pack does so itself).
CpuWeights pack_widened(std::span<const Matrix<const bf16>> blocks, std::span<const int> rows, int k);
/// y [m, n] = x [m, k] Wᵀ
template <class T>
void multiply(const CpuWeights&, Matrix<const T> x, int m, Matrix<accumulator<T>> y);
/// The same for several W that read the same x, in one go where rows are few. T is float or double.
template <class T>
void multiply_all(std::span<const CpuWeights* const>, Matrix<const T> x, int m, std::span<const Matrix<T>> y);
/// dx [m, k] += dy [m, first] W, of the first rows of W
template <class T>
void multiply_back(const CpuWeights&, Matrix<const T> dy, int m, int first, Matrix<accumulator<T>> dx);

}  // namespace cpu
}  // namespace anser
