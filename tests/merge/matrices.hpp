#pragma once
// What the tests of merges share: products in double, formed as plainly as can be, and distances.
#include <anser/core/random.hpp>
#include <anser/merge/low_rank.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

namespace merge_test {

using anser::DenseMatrix;
using anser::FactoredProduct;
using Numbers = std::vector<double>;

inline FactoredProduct random_product(int out, int in, int rank, std::uint64_t seed) {
  const anser::Random random{seed};
  FactoredProduct p{out, in, rank, std::vector<float>(std::size_t(rank * in)),
                    std::vector<float>(std::size_t(out * rank))};
  std::uint64_t counter = 0;
  for (float& v : p.a) v = random.normal(counter++);
  for (float& v : p.b) v = random.normal(counter++);
  return p;
}

/// B A.
inline Numbers product(const FactoredProduct& p) {
  Numbers m(std::size_t(p.out) * std::size_t(p.in));
  for (int i = 0; i < p.out; ++i)
    for (int j = 0; j < p.in; ++j)
      for (int k = 0; k < p.rank; ++k)
        m[std::size_t(i * p.in + j)] +=
            double(p.b[std::size_t(i * p.rank + k)]) * double(p.a[std::size_t(k * p.in + j)]);
  return m;
}

inline double norm(const Numbers& m) {
  double sum = 0;
  for (double v : m) sum += v * v;
  return std::sqrt(sum);
}
inline double distance(const Numbers& a, const Numbers& b) {
  BOOST_REQUIRE(a.size() == b.size());
  Numbers difference(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) difference[i] = a[i] - b[i];
  return norm(difference);
}
/// Relative to b.
inline double error(const Numbers& a, const Numbers& b) { return distance(a, b) / norm(b); }

inline Numbers numbers(const DenseMatrix& m) { return {m.values.begin(), m.values.end()}; }

}  // namespace merge_test
