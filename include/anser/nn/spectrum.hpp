#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "expert.hpp"

namespace anser {

/// The eigenvalues of a symmetric n x n matrix, largest first, and its eigenvectors as rows.
struct Spectrum {
  std::vector<double> values;   // [n]
  std::vector<double> vectors;  // [n, n]
};

/// By Jacobi's rotations: for the small matrices that a rank makes.
inline Spectrum symmetric_spectrum(std::vector<double> a, int n) {
  check(a.size() == std::size_t(n) * std::size_t(n), "spectrum: ", a.size(), " numbers are no ", n, " x ", n);
  std::vector<double> v(a.size());
  const auto at = [n](std::vector<double>& m, int i, int j) -> double& {
    return m[std::size_t(i) * std::size_t(n) + std::size_t(j)];
  };
  for (int i = 0; i < n; ++i) at(v, i, i) = 1;
  for (int sweep = 0; sweep < 60; ++sweep) {
    double off = 0, all = 0;
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < n; ++j) (i == j ? all : off) += at(a, i, j) * at(a, i, j);
    if (!(off > 1e-28 * all)) break;
    for (int p = 0; p < n; ++p)
      for (int q = p + 1; q < n; ++q) {
        if (at(a, p, q) == 0) continue;
        const double theta = (at(a, q, q) - at(a, p, p)) / (2 * at(a, p, q));
        const double t = (theta < 0 ? -1 : 1) / (std::fabs(theta) + std::sqrt(theta * theta + 1));
        const double c = 1 / std::sqrt(t * t + 1), s = t * c;
        for (int k = 0; k < n; ++k) {  // columns p and q, then rows
          const double x = at(a, k, p), y = at(a, k, q);
          at(a, k, p) = c * x - s * y;
          at(a, k, q) = s * x + c * y;
        }
        for (int k = 0; k < n; ++k) {
          const double x = at(a, p, k), y = at(a, q, k);
          at(a, p, k) = c * x - s * y;
          at(a, q, k) = s * x + c * y;
          const double u = at(v, p, k), w = at(v, q, k);
          at(v, p, k) = c * u - s * w;
          at(v, q, k) = s * u + c * w;
        }
      }
  }
  std::vector<int> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int i, int j) { return at(a, i, i) > at(a, j, j); });
  Spectrum s;
  for (const int i : order) {
    s.values.push_back(at(a, i, i));
    s.vectors.insert(s.vectors.end(), v.begin() + std::ptrdiff_t(i) * n, v.begin() + std::ptrdiff_t(i + 1) * n);
  }
  return s;
}

/// S Vᵀ of the singular value decomposition of B A (A [rank, in], B [out, rank], row by row): rows [rank, in], the
/// longest first, orthogonal, each its singular value long. |B A u| is their product's norm with u. Cost: rank^2 (in +
/// out), not in out.
inline std::vector<float> spectral_rows(const std::vector<float>& a, const std::vector<float>& b, int rank, int in,
                                        int out) {
  const auto r = std::size_t(rank);
  check(a.size() == r * std::size_t(in) && b.size() == r * std::size_t(out), "spectral_rows: A and B do not meet");
  std::vector<double> gram_b(r * r);  // BᵀB
  for (std::size_t o = 0; o < std::size_t(out); ++o)
    for (std::size_t i = 0; i < r; ++i)
      for (std::size_t j = 0; j < r; ++j) gram_b[i * r + j] += double(b[o * r + i]) * b[o * r + j];
  const Spectrum of_b = symmetric_spectrum(gram_b, rank);
  // C = sqrt(values) Uᵀ A: [rank, in] with CᵀC = (BA)ᵀBA; its own spectrum is that of C Cᵀ, rank x rank.
  const auto combine = [&](const std::vector<double>& by, const std::vector<double>& rows) {
    std::vector<double> y(r * std::size_t(in));
    for (std::size_t i = 0; i < r; ++i)
      for (std::size_t j = 0; j < r; ++j) {
        const double f = by[i * r + j];
        const double* from = rows.data() + j * std::size_t(in);
        double* to = y.data() + i * std::size_t(in);
        for (int k = 0; k < in; ++k) to[k] += f * from[k];
      }
    return y;
  };
  std::vector<double> root = of_b.vectors;
  for (std::size_t i = 0; i < r; ++i)
    for (std::size_t j = 0; j < r; ++j) root[i * r + j] *= std::sqrt(std::max(of_b.values[i], 0.0));
  const auto c = combine(root, {a.begin(), a.end()});
  std::vector<double> gram(r * r);
  for (std::size_t i = 0; i < r; ++i)
    for (std::size_t j = i; j < r; ++j) {
      double s = 0;
      for (std::size_t k = 0; k < std::size_t(in); ++k) s += c[i * std::size_t(in) + k] * c[j * std::size_t(in) + k];
      gram[i * r + j] = gram[j * r + i] = s;
    }
  const auto rows = combine(symmetric_spectrum(gram, rank).vectors, c);
  return {rows.begin(), rows.end()};
}

/// The spectral rows of a LoRA expert at a site that it has, scale left out. Throws Error where it is no LoRA, or holds
/// a number that is not finite.
inline std::vector<float> lora_spectrum(const Expert& expert, const std::string& site) {
  check(expert.kind == "LORA", expert.origin, ": a ", expert.kind, " expert has no matrices to decompose");
  const auto read = [&](const char* part) {
    const auto stored = expert.tensors->find(site + part);
    check(stored.has_value(), expert.origin, ": ", site, part, " is missing");
    std::vector<float> v(stored->shape.size());
    convert(*stored, v.data());
    if (stored->evict) stored->evict();
    check(std::all_of(v.begin(), v.end(), [](float x) { return std::isfinite(x); }), stored->origin,
          " holds a number that is not finite; this expert is broken");
    return std::pair(stored->shape, std::move(v));
  };
  const auto [shape_a, a] = read(".lora_A.weight");
  const auto [shape_b, b] = read(".lora_B.weight");
  return spectral_rows(a, b, shape_a.rows(), shape_a.cols(), shape_b.rows());
}

}  // namespace anser
