#pragma once
#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <utility>

#include "../core/error.hpp"
#include "../core/random.hpp"
#include "low_rank.hpp"

namespace anser {

namespace detail {

using RowMajorFloats = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using FloatView = Eigen::Map<const RowMajorFloats>;

inline FloatView view(const std::vector<float>& values, int rows, int cols) {
  return FloatView(values.data(), rows, cols);
}
inline std::vector<float> row_major(const Eigen::MatrixXd& m) {
  std::vector<float> values(std::size_t(m.size()));
  Eigen::Map<RowMajorFloats>(values.data(), m.rows(), m.cols()) = m.cast<float>();
  return values;
}

/// An orthonormal basis of the columns' span, and what takes it back: m = q r, q [rows, cols], where rows >= cols.
struct ThinQr {
  Eigen::MatrixXd q, r;
  explicit ThinQr(const Eigen::MatrixXd& m) {
    const Eigen::HouseholderQR<Eigen::MatrixXd> qr(m);
    q = qr.householderQ() * Eigen::MatrixXd::Identity(m.rows(), m.cols());
    r = qr.matrixQR().topRows(m.cols()).triangularView<Eigen::Upper>();
  }
};

/// The eigenvectors of the `count` greatest eigenvalues of a symmetric matrix, greatest first.
struct GreatestEigenvectors {
  Eigen::MatrixXd vectors;
  Eigen::VectorXd values;
  GreatestEigenvectors(const Eigen::MatrixXd& symmetric, Eigen::Index count) {
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(symmetric);
    check(solver.info() == Eigen::Success, "merge: the singular values of a site do not converge");
    vectors = solver.eigenvectors().rightCols(count).rowwise().reverse();
    values = solver.eigenvalues().tail(count).reverse();
  }
};

/// The right singular vectors [cols, count] of the greatest singular values of m, which has no fewer rows than columns.
/// Few of many columns: block Krylov (Musco & Musco, NeurIPS 2015), restarted with the best Ritz vectors until the
/// squared norm that they leave out falls by less than 1e-7 of itself.
inline Eigen::MatrixXd leading_vectors(const Eigen::MatrixXd& m, Eigen::Index count) {
  constexpr Eigen::Index small = 256, oversampling = 8;
  const Eigen::Index n = m.cols(), block = std::min(n, count + oversampling);
  if (n <= small || 6 * block >= n) {
    const Eigen::MatrixXd gram = m.transpose() * m;
    return GreatestEigenvectors(gram, count).vectors;
  }
  const Random random{17};
  Eigen::MatrixXd v = Eigen::MatrixXd::NullaryExpr(
      n, block, [&](Eigen::Index i, Eigen::Index j) { return double(random.normal(std::uint64_t(j * n + i))); });
  v = ThinQr(v).q;
  Eigen::MatrixXd mv = m * v, basis(n, 3 * block);
  const double total = m.squaredNorm();
  double kept = 0;
  for (int restart = 0; restart < 100; ++restart) {
    basis.leftCols(block) = v;
    basis.middleCols(block, block) = ThinQr(m.transpose() * mv).q;
    basis.rightCols(block) = m.transpose() * (m * basis.middleCols(block, block));
    // Equal lengths, so that the orthogonalisation does not lose the last ones.
    for (Eigen::Index j = 2 * block; j < 3 * block; ++j)
      if (const double length = basis.col(j).norm(); length > 0) basis.col(j) /= length;
    const Eigen::MatrixXd q = ThinQr(basis).q, mq = m * q;
    const GreatestEigenvectors ritz(mq.transpose() * mq, block);
    v = q * ritz.vectors;
    mv = mq * ritz.vectors;
    const double before = std::exchange(kept, ritz.values.head(count).sum());
    if (kept - before <= 1e-7 * (total - kept) + 1e-14 * total) break;
  }
  return v.leftCols(count);
}

/// m [out, in] cut to a rank: b [out, rank], a [rank, in], and the norm of m - b a.
struct TruncatedMatrix {
  Eigen::MatrixXd b, a;
  double norm, error;
  TruncatedMatrix(const Eigen::MatrixXd& m, Eigen::Index rank) : norm(m.norm()) {
    const bool wide = m.cols() > m.rows();
    // With orthonormal v the product (m v) vᵀ is m where v spans it, whether or not single vectors are exact.
    if (wide) {
      b = leading_vectors(m.transpose(), rank);
      a = b.transpose() * m;
    } else {
      a = leading_vectors(m, rank).transpose();
      b = m * a.transpose();
    }
    error = (m - b * a).norm();
    for (Eigen::Index i = 0; i < rank; ++i) {
      const double root = std::sqrt(wide ? a.row(i).norm() : b.col(i).norm());
      const double scale = root > 0 ? (wide ? root : 1 / root) : 0;
      b.col(i) *= scale;
      a.row(i) *= root > 0 ? 1 / scale : 0;
    }
  }
};

inline Truncation truncate(const Eigen::MatrixXd& m, int rank) {
  const int least = std::min({rank, int(m.rows()), int(m.cols())});
  const TruncatedMatrix t(m, least);
  return {{int(m.rows()), int(m.cols()), least, row_major(t.a), row_major(t.b)}, t.norm, t.error};
}

}  // namespace detail

ANSER_INLINE void multiply_rows(const FactoredProduct& p, int first, int last, float* rows) {
  const std::size_t in = std::size_t(p.in), rank = std::size_t(p.rank);
  for (int i = first; i < last; ++i) {
    float* const row = rows + std::size_t(i - first) * in;
    const float* const b = p.b.data() + std::size_t(i) * rank;
    std::fill(row, row + in, 0.f);
    std::size_t k = 0;
    for (; k + 4 <= rank; k += 4) {
      const float *a0 = p.a.data() + k * in, *a1 = a0 + in, *a2 = a1 + in, *a3 = a2 + in;
      const float b0 = b[k], b1 = b[k + 1], b2 = b[k + 2], b3 = b[k + 3];
      ANSER_SIMD()
      for (std::size_t j = 0; j < in; ++j) row[j] += (b0 * a0[j] + b1 * a1[j]) + (b2 * a2[j] + b3 * a3[j]);
    }
    for (; k < rank; ++k) {
      const float* const a = p.a.data() + k * in;
      const float bk = b[k];
      ANSER_SIMD()
      for (std::size_t j = 0; j < in; ++j) row[j] += bk * a[j];
    }
  }
}

ANSER_INLINE DenseMatrix multiply(const FactoredProduct& p) {
  DenseMatrix m{p.out, p.in, std::vector<float>(std::size_t(p.out) * std::size_t(p.in))};
  multiply_rows(p, 0, p.out, m.values.data());
  return m;
}

ANSER_INLINE FactoredProduct stack(std::span<const FactoredProduct> products, std::span<const double> weights) {
  check(!products.empty() && products.size() == weights.size(), "stack: ", weights.size(), " weights for ",
        products.size(), " products");
  FactoredProduct sum{products[0].out, products[0].in, 0, {}, {}};
  for (const FactoredProduct& p : products) {
    check(p.out == sum.out && p.in == sum.in, "stack: a product is [", p.out, ", ", p.in, "] and the first [", sum.out,
          ", ", sum.in, ']');
    sum.rank += p.rank;
    sum.a.insert(sum.a.end(), p.a.begin(), p.a.end());
  }
  sum.b.reserve(std::size_t(sum.out) * std::size_t(sum.rank));
  for (std::size_t i = 0; i < std::size_t(sum.out); ++i)
    for (std::size_t e = 0; e < products.size(); ++e) {
      const float* const row = products[e].b.data() + i * std::size_t(products[e].rank);
      for (int k = 0; k < products[e].rank; ++k) sum.b.push_back(float(weights[e] * double(row[k])));
    }
  return sum;
}

ANSER_INLINE double norm(const FactoredProduct& p) {
  const Eigen::MatrixXd a = detail::view(p.a, p.rank, p.in).cast<double>();
  const Eigen::MatrixXd b = detail::view(p.b, p.out, p.rank).cast<double>();
  const Eigen::MatrixXd aa = a * a.transpose(), bb = b.transpose() * b;
  return std::sqrt(std::max(0.0, aa.cwiseProduct(bb).sum()));
}

ANSER_INLINE Truncation truncate(const FactoredProduct& p, int rank) {
  check(rank > 0, "truncate: a rank of ", rank);
  if (p.rank <= rank) return {p, norm(p), 0};
  const Eigen::MatrixXd b = detail::view(p.b, p.out, p.rank).cast<double>();
  const Eigen::MatrixXd a = detail::view(p.a, p.rank, p.in).cast<double>();
  if (p.rank >= std::min(p.out, p.in)) return detail::truncate(b * a, rank);
  const detail::ThinQr left(b), right(a.transpose());
  const detail::TruncatedMatrix core(left.r * right.r.transpose(), rank);
  return {{p.out, p.in, rank, detail::row_major(core.a * right.q.transpose()), detail::row_major(left.q * core.b)},
          core.norm,
          core.error};
}

ANSER_INLINE Truncation truncate(const DenseMatrix& m, int rank) {
  check(rank > 0, "truncate: a rank of ", rank);
  return detail::truncate(detail::view(m.values, m.rows, m.cols).cast<double>(), rank);
}

}  // namespace anser
