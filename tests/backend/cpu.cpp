#include "anser/backend/cpu.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <vector>

using namespace anser;

BOOST_AUTO_TEST_SUITE(cpu_memory)

BOOST_AUTO_TEST_CASE(blocks_are_aligned_and_come_again) {
  HostMemory memory;
  for (const std::size_t bytes : {std::size_t(0), std::size_t(1), std::size_t(1000), std::size_t(5) << 20}) {
    void* p = memory.allocate(bytes);
    BOOST_TEST(reinterpret_cast<std::uintptr_t>(p) % 64 == 0u);
    std::memset(p, 1, bytes);
    memory.release(p, bytes);
#if !defined(__SANITIZE_ADDRESS__)
    void* again = memory.allocate(bytes);
    BOOST_TEST(again == p);
    memory.release(again, bytes);
#endif
  }
  memory.release(nullptr, 10);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // these end the program instead
BOOST_AUTO_TEST_CASE(more_than_the_system_has_is_an_error) {
  HostMemory memory;
  BOOST_CHECK_THROW(memory.allocate(std::size_t(1) << 60), Error);
}
#endif

BOOST_AUTO_TEST_CASE(what_is_live_and_kept_is_known) {
  HostMemory memory;
  const std::size_t size = std::size_t(1) << 20;
  void* a = memory.allocate(size);
  void* b = memory.allocate(size);
  BOOST_TEST(memory.use().live == 2 * size);
  memory.release(b, size);
  BOOST_TEST(memory.use().live == size);
  BOOST_TEST(memory.use().peak == 2 * size);
  memory.reset_peak();
  BOOST_TEST(memory.use().peak == size);
#if !defined(__SANITIZE_ADDRESS__)
  BOOST_TEST(memory.use().kept == size);
  b = memory.allocate(size);
  BOOST_TEST(memory.use().kept == 0u);
  memory.release(b, size);
#endif
  memory.release(a, size);
  BOOST_TEST(memory.use().live == 0u);
}

#if !defined(__SANITIZE_ADDRESS__)
// Ragged batches ask for other sizes each time: without a limit all of them would be kept.
BOOST_AUTO_TEST_CASE(kept_blocks_go_back_within_a_limit) {
  HostMemory memory;
  const std::size_t unit = std::size_t(1) << 20, limit = 12 * unit;
  memory.limit(limit);
  for (std::size_t n = 1; n <= 8; ++n) {
    void* p = memory.allocate(n * unit);
    void* q = memory.allocate(unit);
    BOOST_TEST(memory.use().live == (n + 1) * unit);
    BOOST_TEST(memory.use().live + memory.use().kept <= limit);
    memory.release(p, n * unit);
    memory.release(q, unit);
    BOOST_TEST(memory.use().live + memory.use().kept <= limit);
  }
  BOOST_TEST(memory.use().kept > 0u);
  memory.limit(2 * unit);
  BOOST_TEST(memory.use().kept <= 2 * unit);
  void* p = memory.allocate(5 * unit);  // what is live is never refused
  BOOST_TEST(memory.use().live == 5 * unit);
  BOOST_TEST(memory.use().kept == 0u);
  memory.release(p, 5 * unit);
  BOOST_TEST(memory.use().kept == 0u);
}
#endif

BOOST_AUTO_TEST_CASE(every_row_runs_once) {
  struct Count {
    int* seen;
    void operator()(Solo, int r) const { ++seen[r]; }
  };
  Cpu<float> device;
  for (const int n : {0, 1, 3, 1000}) {
    std::vector<int> seen(std::size_t(n) + 1);
    device.for_rows(n, 100, Count{seen.data()});
    for (int r = 0; r < n; ++r) BOOST_REQUIRE(seen[std::size_t(r)] == 1);
  }
}

BOOST_AUTO_TEST_SUITE_END()
