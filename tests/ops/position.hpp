#pragma once
#include <anser/ops/position.hpp>

#include "../gradient.hpp"

namespace anser::test {

/// The bucket without a logarithm: step t of n begins at distance exact (max / exact)^(t / n), so d is past it where
/// d^n >= exact^n (max / exact)^t. With powers of two, where alone both sides are equal, the comparison is exact.
inline int bucket_by_powers(int relative, int count, int max_distance, bool bidirectional) {
  const int half = bidirectional ? count / 2 : count, exact = half / 2, n = half - exact;
  const int base = bidirectional && relative > 0 ? half : 0;
  const int distance = bidirectional ? std::abs(relative) : std::max(-relative, 0);
  if (distance < exact) return base + distance;
  int t = 0;
  while (t < n - 1) {
    long double left = 1, right = 1;
    for (int i = 0; i < n; ++i) left *= static_cast<long double>(distance) / exact;
    for (int i = 0; i <= t; ++i) right *= static_cast<long double>(max_distance) / exact;
    if (left < right) break;
    ++t;
  }
  return base + exact + t;
}

BOOST_AUTO_TEST_SUITE(position_hpp)

// Values that transformers 4.x gives.
BOOST_AUTO_TEST_CASE(buckets_of_hugging_face) {
  const int relative[] = {-1000, -128, -127, -91, -90, -64, -63, -46, -45, -32, -31, -23, -22, -16, -15, -12,
                          -11,   -9,   -8,   -7,  -1,  0,   1,   7,   8,   11,  12,  16,  127, 128, 1000};
  const int both[] = {15, 15, 15, 15, 14, 14, 13, 13, 12, 12, 11, 11, 10, 10, 9, 9,
                      8,  8,  8,  7,  1,  0,  17, 23, 24, 24, 25, 26, 31, 31, 31};
  const int before[] = {31, 31, 31, 29, 29, 26, 26, 24, 23, 21, 21, 18, 18, 16, 15, 12,
                        11, 9,  8,  7,  1,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0};
  for (std::size_t i = 0; i < std::size(relative); ++i) {
    BOOST_TEST((Buckets{32, 128, true}(relative[i]) == both[i]), "bidirectional " << relative[i]);
    BOOST_TEST((Buckets{32, 128, false}(relative[i]) == before[i]), "causal " << relative[i]);
  }
}

BOOST_AUTO_TEST_CASE(every_distance_by_another_formula) {
  for (auto [count, max] : {std::pair{32, 128}, {16, 64}, {8, 20}, {64, 256}, {12, 40}, {4, 128}})
    for (const bool bidirectional : {true, false})
      for (int relative = -600; relative <= 600; ++relative)
        BOOST_TEST(
            (Buckets{count, max, bidirectional}(relative) == bucket_by_powers(relative, count, max, bidirectional)),
            count << " buckets to " << max << (bidirectional ? ", both ways, " : ", causal, ") << relative);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(bias_by_distance, B, Backends) {
  struct Case {
    Buckets buckets;
    int heads, queries, keys, offset;
  };
  for (const Case& c : {Case{{8, 20, true}, 3, 4, 6, 0}, Case{{8, 20, false}, 2, 3, 9, 6},
                        Case{{6, 9, false}, 1, 1, 12, 11}, Case{{6, 9, true}, 2, 1, 1, 0}}) {
    const std::vector<Input> in{input({c.buckets.count, c.heads}, 1)};
    const int n = c.queries + c.keys - 1;
    std::vector<double> expected(std::size_t(c.heads * n));
    for (int h = 0; h < c.heads; ++h)
      for (int i = 0; i < c.queries; ++i)
        for (int j = 0; j < c.keys; ++j) {
          const int bucket =
              bucket_by_powers(j - (i + c.offset), c.buckets.count, c.buckets.max_distance, c.buckets.bidirectional);
          expected[std::size_t(h * n + j - i + c.queries - 1)] = in[0].values[std::size_t(bucket * c.heads + h)];
        }
    check_op<B>(
        in,
        [&]<class D>(const Context<D>& cx, const Inputs<D>& x) {
          return relative_bias(cx, x[0], c.buckets, c.queries, c.keys, c.offset);
        },
        expected);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
