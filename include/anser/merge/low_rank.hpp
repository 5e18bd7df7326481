#pragma once
#include <span>
#include <vector>

#include "../core/config.hpp"

namespace anser {

/// A matrix [rows, cols] of the host, row-major.
struct DenseMatrix {
  int rows = 0, cols = 0;
  std::vector<float> values;
};

/// A matrix [out, in] as the product B A. IA3's vectors are such products too: B = 1, A = g - 1.
struct FactoredProduct {
  int out = 0, in = 0, rank = 0;
  std::vector<float> a;  // [rank, in]
  std::vector<float> b;  // [out, rank]
};

/// Rows first to last - 1 of B A, to `rows` [last - first, in]. Each number is the same whatever rows are asked for.
void multiply_rows(const FactoredProduct& product, int first, int last, float* rows);
DenseMatrix multiply(const FactoredProduct& product);

/// sum_e weight_e B_e A_e, exactly: A stacked, B side by side with the weights in it. All are [out, in].
FactoredProduct stack(std::span<const FactoredProduct> products, std::span<const double> weights);

/// ||B A||, Frobenius.
double norm(const FactoredProduct& product);

/// The nearest matrix of a lower rank, as Frobenius' norm measures it.
struct Truncation {
  FactoredProduct product;  // both factors carry the root of the singular values
  double norm = 0;          // of what was to be approximated
  double error = 0;         // norm of the difference
};
/// Through thin QR of both factors and the singular vectors of the small core between them: the product is never formed
/// where its rank is below its sizes.
Truncation truncate(const FactoredProduct& product, int rank);
Truncation truncate(const DenseMatrix& matrix, int rank);

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "low_rank-inl.hpp"
#endif
