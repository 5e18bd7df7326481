#include "anser/backend/cpu_low_rank.hpp"

#include <boost/test/unit_test.hpp>
#include <random>
#if defined(_OPENMP)
#include <omp.h>
#endif

#include "routing.hpp"

using namespace anser;
using reference::Routing;

namespace {

template <class In, class T>
void compare(int rows, int in, int out, int k, int experts, int max_rank, unsigned seed) {
  Routing<In, T> routing(rows, in, out, k, experts, max_rank, seed);
  const auto before = routing.y.data;
  cpu::add_low_rank(routing.request);
  BOOST_TEST_INFO("rows " << rows << " in " << in << " out " << out << " k " << k << " experts " << experts);
  BOOST_TEST(routing.difference(before) < (std::is_same_v<T, double> ? 1e-11 : 2e-4) * max_rank);
  const auto once = routing.y.data;
  routing.y.data = before;
  routing.pack();
  cpu::add_low_rank(routing.request);
  BOOST_TEST((routing.y.data == once));  // the same sums in the same order
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cpu_low_rank)

BOOST_AUTO_TEST_CASE(odd_sizes) {
  std::mt19937 random(5);
  auto up_to = [&](int n) { return int(random() % unsigned(n)); };
  for (int trial = 0; trial < 150; ++trial) {
    const int rows = 1 + up_to(40), in = 1 + up_to(100), out = 1 + up_to(100), k = 1 + up_to(4), experts = 1 + up_to(9);
    const int rank = 1 + up_to(40);
    const unsigned seed = unsigned(trial);
    compare<float, float>(rows, in, out, k, experts, rank, seed);
    compare<bf16, float>(rows, in, out, k, experts, rank, seed);
    compare<double, double>(rows, in, out, k, experts, rank, seed);
  }
}

BOOST_AUTO_TEST_CASE(sizes_that_are_worth_threads) {
  for (const int experts : {1, 20}) {
    compare<float, float>(130, 256, 200, 2, experts, 16, 1);
    compare<bf16, float>(130, 200, 256, 2, experts, 16, 2);
    compare<double, double>(130, 96, 512, 1, experts, 16, 3);
  }
}

BOOST_AUTO_TEST_CASE(nobody_is_routed) {
  Routing<float, float> routing(4, 8, 8, 2, 3, 4, 1);
  const auto before = routing.y.data;
  const std::vector<std::int32_t> nobody(4, 0);
  routing.request.begin = nobody.data();
  cpu::add_low_rank(routing.request);
  BOOST_TEST(routing.y.data == before);
}

#if defined(_OPENMP)
BOOST_AUTO_TEST_CASE(the_number_of_threads_does_not_change_a_bit) {
  const int threads = omp_get_max_threads();
  std::vector<std::vector<float>> results;
  for (const int n : {1, 2, 3, 5}) {
    omp_set_num_threads(n);
    Routing<float, float> routing(200, 300, 270, 2, 12, 16, 4);
    cpu::add_low_rank(routing.request);
    results.push_back(routing.y.data);
  }
  omp_set_num_threads(threads);
  for (const auto& r : results) BOOST_TEST((r == results[0]));
}
#endif

BOOST_AUTO_TEST_SUITE_END()
