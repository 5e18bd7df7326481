#pragma once
#include <anser/ops/cache.hpp>

#include "../gradient.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(cache_hpp)

/// The filled rows of every example, in order.
template <class B>
std::vector<double> filled(const TokenCache<B>& cache, int examples) {
  std::vector<double> rows;
  for (int b = 0; b < examples; ++b)
    for (const double v : doubles(cache.rows().slice(b * cache.capacity(), cache.length()).host())) rows.push_back(v);
  return rows;
}

// One prompt, then token by token past several doublings, three examples side by side; rows come from wider tensors.
BOOST_AUTO_TEST_CASE_TEMPLATE(what_was_appended_is_there_in_order, B, Backends) {
  const Context<B> cx{device<B>()};
  const int examples = 3, n = 2;
  TokenCache<B> cache;
  std::vector<std::vector<double>> expected(examples);
  int step = 0;
  for (const int tokens : {5, 1, 1, 20, 1, 30}) {
    const auto x = numbers(std::size_t(examples * tokens * 4), std::uint64_t(++step));
    cache.append(cx, tensor<B>(cx.device, {examples * tokens, 4}, x).columns(1, n), examples);
    for (int b = 0; b < examples; ++b)
      for (const double v : part(x, 4, b * tokens, tokens, 1, n)) expected[std::size_t(b)].push_back(v);
    std::vector<double> all;
    for (const auto& e : expected) all.insert(all.end(), e.begin(), e.end());
    check_near(filled(cache, examples), all, 0, concat("after ", cache.length(), " tokens the cache"));
    BOOST_TEST(cache.capacity() >= cache.length());
  }
  BOOST_TEST(cache.length() == 58);
  BOOST_TEST(cache.capacity() == 64);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(beams_move_with_their_past, B, Backends) {
  const Context<B> cx{device<B>()};
  TokenCache<B> cache;
  cache.append(cx, tensor<B>(cx.device, {6, 1}, {0, 1, 10, 11, 20, 21}), 3);
  cache.select(cx, indices(cx.device, {2, 0, 2}));
  check_near(filled(cache, 3), {20, 21, 0, 1, 20, 21}, 0, "the cache");
  cache.append(cx, tensor<B>(cx.device, {3, 1}, {5, 6, 7}), 3);
  check_near(filled(cache, 3), {20, 21, 5, 0, 1, 6, 20, 21, 7}, 0, "the cache");
  cache.select(cx, indices(cx.device, {1}));  // the others are done
  check_near(filled(cache, 1), {0, 1, 6}, 0, "the cache");
  cache.select(cx, indices(cx.device, {0, 0}));
  check_near(filled(cache, 2), {0, 1, 6, 0, 1, 6}, 0, "the cache");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(other_examples_than_before, B, Backends) {
  const Context<B> cx{device<B>()};
  TokenCache<B> cache;
  cache.append(cx, tensor<B>(cx.device, {2, 1}, {0, 1}), 2);
  BOOST_CHECK_EXCEPTION(cache.append(cx, tensor<B>(cx.device, {4, 1}, {0, 1, 2, 3}), 4), Error,
                        says("cache: [4, 1] for 4 examples; the tokens so far are of 2"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
