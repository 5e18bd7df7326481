#pragma once
#include <anser/ops/attention.hpp>
#include <limits>

#include "../gradient.hpp"

namespace anser::test {

struct AttentionCase {
  const char* name;
  int examples, heads, queries, keys, width;
  bool causal = false, bias = false;
  std::vector<std::int32_t> mask = {};  // [examples, keys] or empty
  int key_rows = 0;                     // 0: keys
  float dropout = 0;
};

inline std::vector<double> attended(const AttentionCase& c, const std::vector<double>& q, const std::vector<double>& k,
                                    const std::vector<double>& v, const std::vector<double>& bias) {
  const int columns = c.heads * c.width, key_rows = c.key_rows ? c.key_rows : c.keys;
  std::vector<double> out(q.size());
  for (int b = 0; b < c.examples; ++b)
    for (int h = 0; h < c.heads; ++h)
      for (int i = 0; i < c.queries; ++i) {
        const std::size_t at = std::size_t((b * c.queries + i) * columns + h * c.width);
        std::vector<double> p(std::size_t(c.keys));
        double total = 0;
        for (int j = 0; j < c.keys; ++j) {
          if (c.causal && j > i + c.keys - c.queries) continue;
          if (!c.mask.empty() && !c.mask[std::size_t(b * c.keys + j)]) continue;
          double score = c.bias ? bias[std::size_t(h * (c.queries + c.keys - 1) + j - i + c.queries - 1)] : 0;
          for (int l = 0; l < c.width; ++l)
            score += q[at + std::size_t(l)] * k[std::size_t((b * key_rows + j) * columns + h * c.width + l)];
          total += p[std::size_t(j)] = std::exp(score);
        }
        std::vector<double> factor(std::size_t(c.keys), 1);
        if (c.dropout > 0)
          DropoutMask<double>(c.dropout, c.keys, {3, 4})
              .each(Solo{}, (b * c.heads + h) * c.queries + i, c.keys,
                    [&](int j, double f) { factor[std::size_t(j)] = f; });
        for (int j = 0; j < c.keys && total > 0; ++j)
          for (int l = 0; l < c.width; ++l)
            out[at + std::size_t(l)] += factor[std::size_t(j)] * p[std::size_t(j)] / total *
                                        v[std::size_t((b * key_rows + j) * columns + h * c.width + l)];
      }
  return out;
}

template <class D>
AttentionView<D> view_of(const AttentionCase& c, D& on, const Real<D>& bias) {
  AttentionView<D> view{c.examples, c.heads, c.keys, c.key_rows, bias, {}, c.causal, c.dropout, {3, 4}};
  if (!c.mask.empty()) view.mask = indices(on, {c.examples, c.keys}, c.mask);
  return view;
}

inline const std::vector<AttentionCase>& attention_cases() {
  static const std::vector<AttentionCase> cases{
      {"one of everything", 1, 1, 1, 1, 1},
      {"plain", 2, 2, 3, 5, 3},
      {"bias", 2, 3, 3, 4, 1, false, true},
      {"causal with bias", 1, 2, 4, 4, 3, true, true},
      {"mask", 2, 1, 2, 5, 2, false, false, {1, 1, 1, 0, 0, 0, 1, 0, 1, 1}},
      {"mask, bias and causal", 2, 2, 3, 3, 2, true, true, {1, 0, 1, 1, 1, 0}},
      {"queries behind a cache", 2, 2, 2, 5, 2, true, true},
      {"a cache with room, one query", 3, 2, 1, 3, 2, true, true, {}, 5},
      {"a cache with room, masked", 2, 1, 2, 3, 3, false, false, {1, 1, 1, 1, 1, 0}, 4},
      {"an example that sees nothing", 2, 2, 2, 3, 2, false, true, {0, 0, 0, 1, 1, 1}},
      {"queries before the first key", 1, 1, 4, 2, 2, true, false},
      {"a causal mask hides the rest", 1, 2, 3, 3, 2, true, false, {0, 1, 1}},
      {"probabilities are dropped", 2, 2, 3, 11, 2, true, true, {}, 0, 0.4f},
  };
  return cases;
}

BOOST_AUTO_TEST_SUITE(attention_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(every_view, B, Backends) {
  for (const auto& c : attention_cases()) {
    BOOST_TEST_CONTEXT(c.name) {
      const int columns = c.heads * c.width, key_rows = c.key_rows ? c.key_rows : c.keys;
      const std::vector<Input> in{
          input({c.examples * c.queries, columns}, 1), input({c.examples * key_rows, columns}, 2),
          input({c.examples * key_rows, columns}, 3), input({c.heads, c.queries + c.keys - 1}, 4, c.bias)};
      check_op<B>(
          in,
          [&]<class D>(const Context<D>& cx, const Inputs<D>& x) {
            return attention(cx, x[0], x[1], x[2], view_of<D>(c, cx.device, c.bias ? x[3] : Real<D>{}));
          },
          attended(c, in[0].values, in[1].values, in[2].values, in[3].values));
    }
  }
}

// q, k and v side by side in one product's result.
BOOST_AUTO_TEST_CASE_TEMPLATE(columns_of_one_tensor, B, Backends) {
  const AttentionCase c{"fused", 2, 2, 3, 3, 2, true};
  const std::vector<Input> in{input({6, 13}, 5)};
  check_op<B>(
      in,
      [&]<class D>(const Context<D>& cx, const Inputs<D>& x) {
        return attention(cx, x[0].columns(0, 4), x[0].columns(4, 4), x[0].columns(9, 4), view_of<D>(c, cx.device, {}));
      },
      attended(c, part(in[0].values, 13, 0, 6, 0, 4), part(in[0].values, 13, 0, 6, 4, 4),
               part(in[0].values, 13, 0, 6, 9, 4), {}));
}

// Any one of the four may learn alone.
BOOST_AUTO_TEST_CASE_TEMPLATE(one_that_learns, B, Backends) {
  const AttentionCase c{"one learns", 1, 2, 2, 3, 2, false, true};
  for (int learner = 0; learner < 4; ++learner) {
    const std::vector<Input> in{input({2, 4}, 6, learner == 0), input({3, 4}, 7, learner == 1),
                                input({3, 4}, 8, learner == 2), input({2, 4}, 9, learner == 3)};
    check_op<B>(
        in,
        [&]<class D>(const Context<D>& cx, const Inputs<D>& x) {
          return attention(cx, x[0], x[1], x[2], view_of<D>(c, cx.device, x[3]));
        },
        attended(c, in[0].values, in[1].values, in[2].values, in[3].values));
  }
}

// Long rows, as the tuned forms have loops for whole vectors, tails and blocks.
BOOST_AUTO_TEST_CASE_TEMPLATE(long_rows, B, Backends) {
  for (auto [queries, keys, width] : {std::tuple{3, 70, 5}, {33, 65, 8}, {1, 131, 64}}) {
    const AttentionCase c{"long", 2, 2, queries, keys, width, true, true};
    const std::vector<Input> in{input({2 * queries, 2 * width}, 1), input({2 * keys, 2 * width}, 2),
                                input({2 * keys, 2 * width}, 3), input({2, queries + keys - 1}, 4)};
    auto q = in[0];
    for (double& x : q.values) x /= 16;  // scores of a few units
    check_op<B>(
        {q, in[1], in[2], in[3]},
        [&]<class D>(const Context<D>& cx, const Inputs<D>& x) {
          return attention(cx, x[0], x[1], x[2], view_of<D>(c, cx.device, x[3]));
        },
        attended(c, q.values, in[1].values, in[2].values, in[3].values));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(large_scores_do_not_overflow, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto q = tensor<B>(cx.device, {1, 1}, {100}), k = tensor<B>(cx.device, {2, 1}, {-50, 50});
  const auto v = tensor<B>(cx.device, {2, 1}, {1, 3});
  check_near(doubles(attention(cx, q, k, v, {.keys = 2}).host()), {3}, 1e-6, "attention");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(sizes_that_do_not_meet, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto q = tensor<B>(cx.device, {4, 6}, numbers(24, 1)), k = tensor<B>(cx.device, {4, 6}, numbers(24, 2));
  BOOST_CHECK_EXCEPTION(attention(cx, q, k, k, {.examples = 2, .heads = 4, .keys = 2}), Error,
                        says("attention: q [4, 6], k [4, 6], v [4, 6] for 2 examples, 4 heads and 2 keys"));
  BOOST_CHECK_EXCEPTION(attention(cx, q, k, k, {.examples = 2, .heads = 2, .keys = 3}), Error, says("and 3 keys"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
