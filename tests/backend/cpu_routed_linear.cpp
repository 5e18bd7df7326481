#include "anser/backend/cpu_routed_linear.hpp"

#include <boost/test/unit_test.hpp>
#include <set>
#if defined(_OPENMP)
#include <omp.h>
#endif

#include "routing.hpp"

using namespace anser;
using reference::Numbers;
using reference::Routing;

namespace {

#if defined(_OPENMP)
struct Threads {
  int before = omp_get_max_threads();
  explicit Threads(int n) { omp_set_num_threads(n); }
  ~Threads() { omp_set_num_threads(before); }
};
#else
struct Threads {
  explicit Threads(int) {}
};
#endif

/// One site: a packed weight, and experts of which each is packed.
template <class T>
struct Linear {
  Linear(int rows, int in, int out, int k, int experts, int max_rank, unsigned seed)
      : routing(rows, in, out, k, experts, max_rank, seed), w(out, in, seed + 100) {
    routing.pack();
    const Matrix<const T> block = w.matrix();
    packed = cpu::pack<T>({&block, 1}, {&out, 1}, in);
  }

  /// The product, and the experts after it.
  std::vector<T> two_passes() {
    cpu::multiply<T>(packed, routing.request.x, routing.request.rows, routing.request.y);
    cpu::add_low_rank(routing.request);
    return routing.y.data;
  }
  std::vector<T> routed(int threads) {
    const Threads now(threads);
    overwrite();
    cpu::multiply_routed(packed, routing.request);
    return routing.y.data;
  }
  /// In one pass, also where that is not quicker; empty where it cannot be.
  std::vector<T> once(int threads) {
    const Threads now(threads);
    overwrite();
    return cpu::multiply_in_one_pass(packed, routing.request) ? routing.y.data : std::vector<T>();
  }
  void overwrite() {  // what stands there must not be heard
    for (int r = 0; r < routing.request.rows; ++r) std::fill_n(routing.request.y[r], routing.request.out, T(7));
  }

  Routing<T, T> routing;
  Numbers<T> w;
  CpuWeights packed;
};

/// Whether processors such as the one compiled for ever take one pass.
#if defined(__AVX512F__)
constexpr bool quicker = true;
#else
constexpr bool quicker = false;
#endif

/// Returns the numbers of threads with which one pass was compared.
template <class T>
std::set<int> compare(int rows, int in, int out, int k, int experts, int max_rank, unsigned seed) {
  Linear<T> site(rows, in, out, k, experts, max_rank, seed);
  const auto expected = site.two_passes();
  std::set<int> once;
  for (const int threads : {1, 2, 3}) {
    BOOST_TEST_INFO("rows " << rows << " in " << in << " out " << out << " k " << k << " experts " << experts
                            << " threads " << threads);
    BOOST_TEST((site.routed(threads) == expected));
    const auto y = site.once(threads);
    if (y.empty()) continue;
    BOOST_TEST((y == expected));
    once.insert(threads);
  }
  return once;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cpu_routed_linear)

BOOST_AUTO_TEST_CASE(odd_sizes_equal_the_two_passes_bit_for_bit) {
  std::mt19937 random(7);
  auto up_to = [&](int n) { return int(random() % unsigned(n)); };
  int once[4] = {}, chosen = 0;
  for (int trial = 0; trial < 120; ++trial) {
    // The widest panels have 48 columns: twelve go round for two threads and for three.
    const int rows = 25 + up_to(120), in = 1 + up_to(200), out = 576 - up_to(48), k = 1 + up_to(4);
    const int experts = 10 + up_to(30), rank = 1 + up_to(30);
    const auto one = compare<float>(rows, in, out, k, experts, rank, unsigned(trial));
    compare<double>(rows, in, out, k, experts, rank, unsigned(trial));
    for (const int threads : {1, 2, 3}) once[threads] += one.contains(threads);
    Linear<float> site(rows, in, out, k, experts, rank, unsigned(trial));
    chosen += cpu::in_one_pass(site.packed, site.routing.request, 2);
  }
  for (const int threads : {1, 2, 3}) BOOST_TEST(once[threads] > 60);
  BOOST_TEST((chosen > 60) == quicker);
}

BOOST_AUTO_TEST_CASE(any_sizes) {
  std::mt19937 random(8);
  auto up_to = [&](int n) { return int(random() % unsigned(n)); };
  for (int trial = 0; trial < 100; ++trial) {
    const int rows = 1 + up_to(150), in = 1 + up_to(100), out = 1 + up_to(200), k = 1 + up_to(4);
    compare<float>(rows, in, out, k, 1 + up_to(20), 1 + up_to(20), unsigned(trial));
  }
}

BOOST_AUTO_TEST_CASE(several_blocks_of_k_and_parts_of_the_rows) {
  const std::set<int> all{1, 2, 3};
  BOOST_TEST((compare<float>(600, 2100, 288, 2, 150, 40, 1) == all));
  BOOST_TEST((compare<float>(300, 1100, 576, 2, 60, 40, 2) == all));
  BOOST_TEST((compare<double>(300, 1100, 288, 2, 60, 30, 3) == all));
}

BOOST_AUTO_TEST_CASE(where_it_is_one_pass) {
  const auto one_pass = [](Linear<float>& site, int threads) {
    return cpu::in_one_pass(site.packed, site.routing.request, threads);
  };
  Linear<float> site(64, 200, 480, 2, 30, 16, 1);
  BOOST_TEST(one_pass(site, 1) == quicker);
  BOOST_TEST(one_pass(site, 2) == quicker);
  BOOST_TEST(!one_pass(site, 999));  // columns do not go round
  Linear<float> few(16, 200, 480, 2, 30, 16, 1);
  BOOST_TEST(!one_pass(few, 1));
  Linear<float> reused(2000, 200, 480, 2, 2, 16, 1);
  BOOST_TEST(!one_pass(reused, 1));

  Linear<float> unpacked(64, 200, 480, 2, 30, 16, 1);
  const auto expected = unpacked.two_passes();
  auto& table = unpacked.routing.table;
  const auto& begin = unpacked.routing.begin;
  for (std::size_t e = 0; e < table.size(); ++e)
    if (begin[e] < begin[e + 1] && table[e].rank > 0) {
      table[e] = {unpacked.routing.a[e].data() + 1, unpacked.routing.b[e].data() + 1, table[e].rank, table[e].scale};
      break;
    }
  BOOST_TEST(!one_pass(unpacked, 1));
  BOOST_TEST(unpacked.once(1).empty());
  BOOST_TEST((unpacked.two_passes() == expected));  // bit for bit
  BOOST_TEST((unpacked.routed(2) == expected));
}

BOOST_AUTO_TEST_CASE(nobody_is_routed) {
  Linear<float> site(70, 64, 96, 2, 3, 4, 1);
  const std::vector<std::int32_t> nobody(4, 0);
  site.routing.request.begin = nobody.data();
  const auto expected = site.two_passes();
  BOOST_TEST((site.routed(2) == expected));
}

BOOST_AUTO_TEST_SUITE_END()
