#include <boost/test/unit_test.hpp>
#include <limits>
#include <optional>
#include <random>

#include "anser/backend/cpu_attention.hpp"
#include "products.hpp"

using namespace anser;
using reference::Numbers;

namespace {

/// softmax(q kᵀ + bias) v in double, one number at a time.
template <class T, class Out>
double difference(const Attention<T, Out>& a) {
  double worst = 0;
  for (int b = 0; b < a.examples; ++b)
    for (int h = 0; h < a.heads; ++h)
      for (int i = 0; i < a.queries; ++i) {
        const std::ptrdiff_t column = h * a.width;
        std::vector<double> p(std::size_t(a.keys), -std::numeric_limits<double>::infinity());
        double top = p[0], sum = 0;
        for (int j = 0; j < a.keys; ++j) {
          if ((a.mask && !a.mask[b][j]) || (a.causal && j > i + a.keys - a.queries)) continue;
          double s = a.bias ? double(a.bias[h][j - i + a.queries - 1]) : 0.0;
          for (int d = 0; d < a.width; ++d)
            s += double(a.q[b * a.queries + i][column + d]) * double(a.k[b * a.key_rows + j][column + d]);
          p[std::size_t(j)] = s;
          top = std::max(top, s);
        }
        const bool blind = top == -std::numeric_limits<double>::infinity();
        for (double& s : p) sum += s = blind ? 0 : std::exp(s - top);
        for (int d = 0; d < a.width; ++d) {
          double v = 0;
          for (int j = 0; j < a.keys; ++j)
            if (!blind) v += p[std::size_t(j)] / sum * double(a.v[b * a.key_rows + j][column + d]);
          worst = std::max(worst, std::abs(v - double(a.out[b * a.queries + i][column + d])));
        }
      }
  return worst;
}

struct Case {
  int examples, heads, queries, keys, width, spare_rows;
  bool bias, mask, causal;
};

template <class T, class Out>
void compare(const Case& c, double tolerance, int hidden = 0) {
  const int model = c.heads * c.width, key_rows = c.keys + c.spare_rows;
  const Numbers<T> q(c.examples * c.queries, model, 1, 3), bias(c.heads, c.queries + c.keys - 1, 4, 1);
  Numbers<T> k(c.examples * key_rows, model, 2, 5), v(c.examples * key_rows, model, 3, 2);
  for (int b = 0; b < c.examples; ++b)  // rows of a cache that nobody wrote yet
    for (int j = c.keys; j < key_rows; ++j)
      for (int d = 0; d < model; ++d)
        k.matrix()[b * key_rows + j][d] = v.matrix()[b * key_rows + j][d] = std::numeric_limits<T>::quiet_NaN();
  std::vector<std::int32_t> mask(std::size_t(c.examples * c.keys), 1);
  for (int b = 0; b < c.examples; ++b)
    for (int j = 0; j < c.keys; ++j)
      if (hidden == 2 || (b * 7 + j * 3) % 5 == 0 || (hidden == 1 && j > c.keys / 2))
        mask[std::size_t(b * c.keys + j)] = 0;
  Numbers<Out> out(c.examples * c.queries, model, 9, 4);
  const auto before = out.data;
  const Attention<T, Out> a{q.matrix(),
                            k.matrix(),
                            v.matrix(),
                            out.matrix(),
                            c.examples,
                            c.heads,
                            c.queries,
                            c.keys,
                            c.width,
                            key_rows,
                            c.bias ? bias.matrix() : Matrix<const T>{},
                            c.mask ? Matrix<const std::int32_t>{mask.data(), c.keys} : Matrix<const std::int32_t>{},
                            c.causal};
  cpu::attend(a);
  BOOST_TEST_INFO("queries " << c.queries << " keys " << c.keys << " width " << c.width << " heads " << c.heads
                             << " bias " << c.bias << " mask " << c.mask << " causal " << c.causal);
  BOOST_TEST(difference(a) < tolerance);
  for (int r = 0; r < c.examples * c.queries; ++r)
    for (int d = model; d < out.stride; ++d)
      BOOST_REQUIRE(float(out.data[std::size_t(r * out.stride + d)]) == float(before[std::size_t(r * out.stride + d)]));
}

void compare_all(const Case& c, int hidden = 0) {
  compare<float, float>(c, 2e-5, hidden);
  compare<float, bf16>(c, 6e-3, hidden);
  compare<double, double>(c, 1e-12, hidden);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cpu_attention)

BOOST_AUTO_TEST_CASE(usual_shapes) {
  for (const bool bias : {false, true})
    for (const bool mask : {false, true})
      for (const bool causal : {false, true}) {
        compare_all({2, 2, 64, 64, 64, 0, bias, mask, causal});
        compare_all({2, 3, 1, 17, 8, 4, bias, mask, causal});
        compare_all({1, 2, 5, 40, 16, 9, bias, mask, causal});
      }
}

BOOST_AUTO_TEST_CASE(odd_shapes) {
  std::mt19937 random(3);
  auto up_to = [&](int n) { return int(random() % unsigned(n)); };
  for (int trial = 0; trial < 150; ++trial)
    compare_all({1 + up_to(3), 1 + up_to(3), 1 + up_to(70), 1 + up_to(70), 1 + up_to(70), up_to(3), up_to(2) == 1,
                 up_to(2) == 1, up_to(2) == 1},
                up_to(2));
}

BOOST_AUTO_TEST_CASE(many_queries_are_split_among_threads) { compare_all({1, 1, 400, 300, 32, 0, true, true, false}); }

BOOST_AUTO_TEST_CASE(a_query_that_sees_nothing_gives_zeros) {
  for (const int queries : {1, 3, 40}) {
    compare_all({2, 2, queries, 20, 16, 0, true, true, false}, 2);
    compare_all({2, 2, queries, 3, 16, 0, true, false, true});  // causal: the first queries come before every key
  }
}

BOOST_AUTO_TEST_CASE(large_scores_do_not_overflow) {
  Numbers<float> q(20, 16, 1), k(20, 16, 2);
  const Numbers<float> v(20, 16, 3);
  for (float& x : q.data) x *= 300;
  for (float& x : k.data) x *= 300;
  Numbers<float> out(20, 16, 4);
  const Attention<float, float> a{q.matrix(), k.matrix(), v.matrix(), out.matrix(), 1,  1,    20,
                                  20,         16,         20,         {},           {}, false};
  cpu::attend(a);
  BOOST_TEST(difference(a) < 0.1);  // the scores themselves have errors of 0.05 at this size
  for (float x : out.data) BOOST_REQUIRE(std::isfinite(x));
}

BOOST_AUTO_TEST_SUITE_END()
