#include <anser/merge/low_rank.hpp>

#include "../io/temporary.hpp"
#include "matrices.hpp"

namespace {

using namespace anser;
using namespace merge_test;

/// Entry i of vector k of an orthonormal basis (the discrete cosine transform's).
double cosine(int i, int k, int n) {
  return std::sqrt((k ? 2.0 : 1.0) / n) * std::cos(std::acos(-1.0) * (i + 0.5) * k / n);
}

/// A matrix of these singular values; their vectors are cosines.
DenseMatrix with_singular_values(int rows, int cols, const Numbers& values) {
  DenseMatrix m{rows, cols, std::vector<float>(std::size_t(rows * cols))};
  Numbers left(std::size_t(rows) * values.size()), right(std::size_t(cols) * values.size());
  for (std::size_t k = 0; k < values.size(); ++k) {
    for (int i = 0; i < rows; ++i) left[k * std::size_t(rows) + std::size_t(i)] = values[k] * cosine(i, int(k), rows);
    for (int j = 0; j < cols; ++j) right[k * std::size_t(cols) + std::size_t(j)] = cosine(j, int(k), cols);
  }
  for (std::size_t i = 0; i < std::size_t(rows); ++i)
    for (std::size_t j = 0; j < std::size_t(cols); ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < values.size(); ++k)
        sum += left[k * std::size_t(rows) + i] * right[k * std::size_t(cols) + j];
      m.values[i * std::size_t(cols) + j] = float(sum);
    }
  return m;
}

Numbers decaying(int count, double ratio) {
  Numbers values;
  for (int k = 0; k < count; ++k) values.push_back(std::pow(ratio, k));
  return values;
}
/// What a cut to `rank` leaves out, at the least.
double tail(const Numbers& values, int rank) { return norm({values.begin() + rank, values.end()}); }

BOOST_AUTO_TEST_SUITE(low_rank)

BOOST_AUTO_TEST_CASE(rows_are_the_same_whatever_is_asked_for) {
  for (int rank : {1, 3, 4, 11}) {
    const FactoredProduct p = random_product(9, 37, rank, 1);
    const DenseMatrix whole = multiply(p);
    BOOST_TEST(error(numbers(whole), product(p)) < 1e-6);
    std::vector<float> part(3 * 37);
    multiply_rows(p, 4, 7, part.data());
    BOOST_TEST(std::equal(part.begin(), part.end(), whole.values.begin() + 4 * 37));
  }
}

BOOST_AUTO_TEST_CASE(stacks_are_weighted_sums) {
  const std::vector<FactoredProduct> parts{random_product(8, 12, 2, 1), random_product(8, 12, 5, 2),
                                           random_product(8, 12, 1, 3)};
  const std::vector<double> weights{0.5, -2, 3};
  const FactoredProduct sum = stack(parts, weights);
  BOOST_TEST(sum.rank == 8);
  Numbers expected(8 * 12);
  for (std::size_t e = 0; e < parts.size(); ++e) {
    const Numbers p = product(parts[e]);
    for (std::size_t i = 0; i < p.size(); ++i) expected[i] += weights[e] * p[i];
  }
  BOOST_TEST(error(product(sum), expected) < 1e-6);
  BOOST_TEST(std::abs(anser::norm(sum) / merge_test::norm(expected) - 1) < 1e-6);
  const std::vector<FactoredProduct> other{parts[0], random_product(8, 13, 2, 1)};
  CHECK_SAYS(stack(other, std::vector<double>{1, 1}), "[8, 13]", "[8, 12]");
  CHECK_SAYS(stack(parts, std::vector<double>{1}), "1 weights for 3");
}

BOOST_AUTO_TEST_CASE(products_are_cut_to_their_greatest_singular_values) {
  // Two ways to the same matrix: as it is, and from factors whose ranks overlap.
  for (const auto& [out, in] : {std::pair(40, 24), std::pair(24, 40), std::pair(30, 30)}) {
    const std::vector<FactoredProduct> parts{random_product(out, in, 5, 1), random_product(out, in, 7, 2)};
    const FactoredProduct sum = stack(parts, std::vector<double>{1, 0.3});
    const Numbers exact = product(sum);
    for (int rank : {1, 4, 11}) {
      const Truncation t = truncate(sum, rank), dense = truncate(multiply(sum), rank);
      BOOST_TEST(t.product.rank == rank);
      BOOST_TEST(std::abs(t.norm / merge_test::norm(exact) - 1) < 1e-6);
      BOOST_TEST(std::abs(t.error - distance(product(t.product), exact)) < 1e-5 * t.norm);
      BOOST_TEST(std::abs(t.error - dense.error) < 1e-5 * t.norm);
      BOOST_TEST(error(product(t.product), product(dense.product)) < 1e-5);
      BOOST_TEST(t.error > 1e-3 * t.norm);
    }
    for (int rank : {12, 20, 100}) {
      const Truncation t = truncate(sum, rank);
      BOOST_TEST(t.product.rank == 12);
      BOOST_TEST(t.error == 0);
      BOOST_TEST(error(product(truncate(multiply(sum), rank).product), exact) < 1e-6);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_error_is_the_least_that_there_can_be) {
  const Numbers values = decaying(20, 0.8);
  for (const auto& [rows, cols] : {std::pair(32, 20), std::pair(20, 50)}) {
    const DenseMatrix m = with_singular_values(rows, cols, values);
    for (int rank : {1, 5, 19}) {
      const Truncation t = truncate(m, rank);
      BOOST_TEST(std::abs(t.error / tail(values, rank) - 1) < 1e-4);
      BOOST_TEST(std::abs(distance(product(t.product), numbers(m)) / t.error - 1) < 1e-3);
    }
  }
}

BOOST_AUTO_TEST_CASE(few_of_many_singular_values_are_found_where_they_hardly_fall) {
  const Numbers values = decaying(260, 0.99);
  for (const auto& [rows, cols] : {std::pair(340, 280), std::pair(280, 300)}) {
    const DenseMatrix m = with_singular_values(rows, cols, values);
    for (int rank : {1, 12, 30}) {
      const Truncation t = truncate(m, rank);
      BOOST_TEST(t.error / tail(values, rank) - 1 < 1e-5);
      BOOST_TEST(t.error / tail(values, rank) - 1 > -1e-5);
    }
  }
}

BOOST_AUTO_TEST_CASE(both_factors_carry_the_same_share) {
  const Truncation t = truncate(random_product(30, 20, 10, 4), 4);
  for (int k = 0; k < 4; ++k) {
    Numbers a, b;
    for (int j = 0; j < 20; ++j) a.push_back(double(t.product.a[std::size_t(k * 20 + j)]));
    for (int i = 0; i < 30; ++i) b.push_back(double(t.product.b[std::size_t(i * 4 + k)]));
    BOOST_TEST(std::abs(merge_test::norm(a) / merge_test::norm(b) - 1) < 1e-5);
  }
}

BOOST_AUTO_TEST_CASE(nothing_is_cut_to_nothing) {
  FactoredProduct zero = random_product(20, 30, 6, 1);
  std::fill(zero.b.begin(), zero.b.end(), 0.f);
  for (const Truncation& t : {truncate(zero, 2), truncate(multiply(zero), 2),
                              truncate(DenseMatrix{300, 280, std::vector<float>(300 * 280)}, 2)}) {
    BOOST_TEST(t.norm == 0);
    BOOST_TEST(t.error == 0);
    BOOST_TEST(merge_test::norm(product(t.product)) == 0);
    BOOST_TEST(t.product.rank == 2);
  }
  CHECK_SAYS(truncate(zero, 0), "a rank of 0");
}

BOOST_AUTO_TEST_CASE(matrices_of_fewer_columns_than_they_have_are_found_whole) {
  const FactoredProduct p = random_product(300, 5, 3, 7);
  const DenseMatrix few = multiply(p);
  DenseMatrix m{300, 280, std::vector<float>(300 * 280)};  // zeros but for five columns
  for (std::size_t i = 0; i < 300; ++i)
    for (std::size_t j = 0; j < 5; ++j) m.values[i * 280 + 50 * j] = few.values[i * 5 + j];
  const Truncation t = truncate(m, 3);
  BOOST_TEST(t.error < 1e-6 * t.norm);
  BOOST_TEST(error(product(t.product), numbers(m)) < 1e-6);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
