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
