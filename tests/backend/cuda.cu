#include <anser/backend/cuda.hpp>

#include <tuple>

namespace anser::test {
using Backends = std::tuple<Cuda<float>, Cuda<bf16>, Cuda<double>>;
}
#include "concept.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(cuda_hpp)
using backend::Buffer;

BOOST_AUTO_TEST_CASE(rows_shorter_than_a_warp_share_blocks) {
  BOOST_TEST(cuda::layout(1).rows == 8u);
  for (std::size_t work : {0, 1, 32, 128, 129, 512, 513, 1 << 30}) {
    const auto l = cuda::layout(work);
    BOOST_TEST(l.team * l.rows <= 256u);
    BOOST_TEST(l.team % 32 == 0u);
    BOOST_TEST((l.team == 32 || l.rows == 1));  // a barrier of the block is one of the team
  }
}

BOOST_AUTO_TEST_CASE(equal_loops_become_one) {
  Stride outer{3, 20, 40, 60}, inner{2, 10, 20, 30};
  cuda::arrange(outer, inner);
  BOOST_TEST(outer.count == 1);
  BOOST_TEST(inner.count == 6);
  BOOST_TEST(inner.c == 30);
  outer = {5, 7, 7, 7}, inner = {2, 1000, 0, 500};
  cuda::arrange(outer, inner);
  BOOST_TEST(outer.count == 2);
  BOOST_TEST(inner.count == 5);
}

BOOST_AUTO_TEST_CASE(freed_memory_serves_the_next_request_of_its_size) {
  Cuda<> device;
  void* first = device.allocate(100'000);
  const std::size_t reserved = device.reserved();
  device.release(first, 100'000);
  void* again = device.allocate(99'500);
  BOOST_TEST(again == first);
  BOOST_TEST(device.reserved() == reserved);
  device.release(again, 99'500);
}

BOOST_AUTO_TEST_CASE(too_large_a_request_says_so_and_leaves_the_device_usable) {
  Cuda<> device;
  device.release(device.allocate(1000), 1000);
  BOOST_CHECK_EXCEPTION(device.allocate(std::size_t(1) << 50), Error, [](const Error& e) {
    return std::string(e.what()).find("out of memory on CUDA device 0") == 0;
  });
  BOOST_TEST(device.reserved() == 0u);  // what was kept was given back first
  void* p = device.allocate(1000);
  device.zero(p, 1000);
  device.release(p, 1000);
  device.synchronise();
}

BOOST_AUTO_TEST_CASE(kept_blocks_go_back_within_a_limit) {
  Cuda<> device;
  const std::size_t unit = std::size_t(4) << 20;
  device.limit_memory(5 * unit);
  for (std::size_t n = 1; n <= 4; ++n) {
    void* p = device.allocate(n * unit);
    BOOST_TEST(device.memory().live == n * unit);
    BOOST_TEST(device.reserved() <= 5 * unit);
    device.release(p, n * unit);
    BOOST_TEST(device.reserved() <= 5 * unit);
  }
  BOOST_TEST(device.memory().peak == 4 * unit);
  BOOST_TEST(device.memory().kept > 0u);
  device.limit_memory(0);
  BOOST_TEST(device.memory().kept == 0u);
  BOOST_TEST(device.free_memory() > 0u);
}

BOOST_AUTO_TEST_CASE(a_dry_run_counts_and_computes_nothing) {
  Cuda<> device;
  const std::vector<float> ones(64 * 64, 1);
  Buffer<Cuda<>, float> a(device, ones), c(device, std::vector<float>(64 * 64, 7));
  const Gemm<float, float> g{{a.data(), 64}, {a.data(), 64}, {c.data(), 64}, 64, 64, 64, false, true, 1, 0, {}, {}};
  const std::size_t live = device.memory().live, huge = std::size_t(1) << 45;
  {
    const DryRun<Cuda<>> dry(device);
    void* p = device.allocate(huge);
    BOOST_TEST(device.memory().live == live + huge);
    BOOST_TEST(device.memory().dry == huge);
    device.zero(p, huge);
    device.upload(p, ones.data(), 64);
    device.copy(c.data(), p, 64);
    device.zero(c.data(), 64);
    device.gemm(g);
    float read = 1;
    device.download(&read, p, sizeof read);
    BOOST_TEST(read == 0);
    device.release(p, huge);
    void* lasting = device.allocate_lasting(std::size_t(1) << 20);
    BOOST_TEST(device.memory().dry == 0u);
    device.release(lasting, std::size_t(1) << 20);
  }
  BOOST_TEST(device.memory().peak == live + huge);
  BOOST_TEST(c.host()[0] == 7);
  device.gemm(g);
  BOOST_TEST(c.host()[0] == 64);
}

BOOST_AUTO_TEST_CASE(a_device_that_is_not_there) {
  BOOST_CHECK_EXCEPTION(Cuda<>(1000), Error, [](const Error& e) {
    return std::string(e.what()).find("no CUDA device 1000: this machine has") == 0;
  });
}

BOOST_AUTO_TEST_CASE(tf32_rounds_only_where_it_is_allowed) {
  Cuda<> device;
  const std::vector<float> one = {1 + 0x1p-20f};
  Buffer<Cuda<>, float> a(device, std::vector<float>(64 * 64, one[0])), c(device, std::vector<float>(64 * 64));
  const Gemm<float, float> g{{a.data(), 64}, {a.data(), 64}, {c.data(), 64}, 64, 64, 64, false, true, 1, 0, {}, {}};
  device.gemm(g);
  BOOST_TEST(c.host()[0] > 64.0f);
  device.set_tf32(true);
  device.gemm(g);
  BOOST_TEST(c.host()[0] >= 64.0f);  // older devices have no TF32 and stay exact
  BOOST_TEST(c.host()[0] < 64.001f);
}

BOOST_AUTO_TEST_CASE(two_devices_in_one_program_keep_apart) {
  Cuda<> a;
  Cuda<bf16> b;
  Buffer<Cuda<>, int> x(a, {1, 2, 3});
  Buffer<Cuda<bf16>, int> y(b, {4, 5, 6});
  BOOST_TEST(x.host() == (std::vector<int>{1, 2, 3}));
  BOOST_TEST(y.host() == (std::vector<int>{4, 5, 6}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
