#include <anser/core/random.hpp>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>
#include <vector>

using anser::Random;

BOOST_AUTO_TEST_SUITE(random_hpp)

// The vectors that Salmon et al. publish with Random123 for philox4x32-10: counter, key, and the four words drawn.
// Counter words 0 and 1 are our counter, 2 and 3 our stream, the key our seed; lower words first.
BOOST_AUTO_TEST_CASE(known_answers) {
  using Words = std::array<std::uint32_t, 4>;
  const auto all = ~std::uint64_t(0);
  BOOST_TEST((Random{0, 0}.draw(0) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  BOOST_TEST((Random{all, all}.draw(all) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  BOOST_TEST((Random{0x299f31d0a4093822, 0x0370734413198a2e}.draw(0x85a308d3243f6a88) ==
              Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

BOOST_AUTO_TEST_CASE(uniform_numbers_fill_the_interval_evenly) {
  const Random random{1, 2};
  const int n = 200000, bins = 64;
  std::vector<int> single(bins), wide(bins);
  for (int i = 0; i < n; ++i) {
    const float u = random.uniform(std::uint64_t(i));
    const double d = random.uniform_double(std::uint64_t(i));
    BOOST_TEST_REQUIRE((u >= 0 && u < 1 && d >= 0 && d < 1));
    ++single[std::size_t(u * bins)];
    ++wide[std::size_t(d * bins)];
  }
  // chi-square with 63 degrees of freedom: 126 is beyond 1 in 100,000
  const double expected = double(n) / bins;
  for (const auto& counts : {single, wide}) {
    double chi = 0;
    for (int c : counts) chi += (c - expected) * (c - expected) / expected;
    BOOST_TEST(chi < 126);
  }
}

BOOST_AUTO_TEST_CASE(normal_numbers_have_the_moments_of_a_normal) {
  const Random random{3, 4};
  const int n = 200000;
  double sum = 0, square = 0, cube = 0, fourth = 0;
  for (int i = 0; i < n; ++i) {
    const double x = random.normal(std::uint64_t(i));
    BOOST_TEST_REQUIRE(std::isfinite(x));
    sum += x;
    square += x * x;
    cube += x * x * x;
    fourth += x * x * x * x;
  }
  BOOST_TEST(std::fabs(sum / n) < 0.01);
  BOOST_TEST(std::fabs(square / n - 1) < 0.015);
  BOOST_TEST(std::fabs(cube / n) < 0.04);
  BOOST_TEST(std::fabs(fourth / n - 3) < 0.1);
}

BOOST_AUTO_TEST_CASE(the_same_place_draws_the_same) {
  const Random a{5, 6}, b{5, 6};
  BOOST_TEST((a.draw(7) == b.draw(7)));
  BOOST_TEST((a.fork(8).draw(9) == b.fork(8).draw(9)));
}

// Also where the counter passes 32 bits.
BOOST_AUTO_TEST_CASE(several_draws_at_once) {
  const Random random{0x123456789abcdef0, 0xfedcba9876543210};
  std::uint32_t words[16][4];
  for (const std::uint64_t first : {std::uint64_t(0), std::uint64_t(12345), std::uint64_t(0xfffffff5)}) {
    random.draw(first, words);
    for (int i = 0; i < 16; ++i) {
      const auto one = random.draw(first + std::uint64_t(i));
      for (int w = 0; w < 4; ++w) BOOST_TEST(words[i][w] == one[std::size_t(w)]);
    }
  }
}

// No two of seeds, streams, forks and counters share a draw, and forks of forks are their own.
BOOST_AUTO_TEST_CASE(other_places_draw_others) {
  std::set<std::array<std::uint32_t, 4>> seen;
  std::size_t draws = 0;
  auto draw = [&](const Random& r) {
    for (std::uint64_t c = 0; c < 50; ++c, ++draws) seen.insert(r.draw(c));
  };
  for (std::uint64_t seed = 0; seed < 4; ++seed)
    for (std::uint64_t stream = 0; stream < 4; ++stream) {
      const Random r{seed, stream};
      draw(r);
      for (std::uint64_t n = 0; n < 10; ++n) {
        draw(r.fork(n));
        draw(r.fork(n).fork(n));
      }
    }
  BOOST_TEST(seen.size() == draws);
}

// Neighbouring streams and counters do not move together.
BOOST_AUTO_TEST_CASE(neighbours_are_uncorrelated) {
  const Random a{9, 1}, b{9, 2}, c = a.fork(1);
  const int n = 50000;
  double streams = 0, counters = 0, forks = 0;
  for (std::uint64_t i = 0; i < std::uint64_t(n); ++i) {
    const double x = a.uniform(i) - 0.5;
    streams += x * (b.uniform(i) - 0.5) * 12 / n;
    counters += x * (a.uniform(i + 1) - 0.5) * 12 / n;
    forks += x * (c.uniform(i) - 0.5) * 12 / n;
  }
  for (double correlation : {streams, counters, forks}) BOOST_TEST(std::fabs(correlation) < 0.02);
}

BOOST_AUTO_TEST_SUITE_END()
