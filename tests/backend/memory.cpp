#include <anser/backend/cpu.hpp>
#include <anser/backend/memory.hpp>
#include <anser/backend/squad.hpp>
#include <boost/test/unit_test.hpp>
#include <tuple>
#include <vector>

using namespace anser;

BOOST_AUTO_TEST_SUITE(memory_hpp)

BOOST_AUTO_TEST_CASE(counts_follow_blocks) {
  BlockPool pool;
  pool.take(100);
  pool.take(50, true);
  pool.give(100);
  char block;
  BOOST_TEST(pool.keep(&block, 100));
  BOOST_TEST(pool.use().live == 50u);
  BOOST_TEST(pool.use().peak == 150u);
  BOOST_TEST(pool.use().kept == 100u);
  BOOST_TEST(pool.use().dry == 50u);
  BOOST_TEST(pool.reuse(99) == nullptr);
  BOOST_TEST(pool.reuse(100) == &block);
  BOOST_TEST(pool.reuse(100) == nullptr);
  BOOST_TEST(pool.use().kept == 0u);
  pool.give(50, true);
  pool.reset_peak();
  BOOST_TEST(pool.use().peak == 0u);
  BOOST_TEST(pool.use().dry == 0u);
}

BOOST_AUTO_TEST_CASE(room_is_made_by_as_little_as_is_enough) {
  BlockPool pool;
  char blocks[4];
  std::vector<void*> freed;
  const auto free = [&](void* p) noexcept { freed.push_back(p); };
  const std::size_t sizes[] = {10, 20, 30, 100};
  for (int i = 0; i < 4; ++i) pool.keep(&blocks[i], sizes[i]);
  pool.make_room(std::size_t(1) << 40, free);
  BOOST_TEST(freed.empty());  // without a limit
  pool.limit = 185;
  pool.make_room(40, free);  // 15 too much
  BOOST_TEST((freed == std::vector<void*>{&blocks[1]}));
  BOOST_TEST(pool.use().kept == 140u);
  pool.make_room(160, free);  // 115 too much
  BOOST_TEST((freed == std::vector<void*>{&blocks[1], &blocks[3], &blocks[2]}));
  BOOST_TEST(pool.use().kept == 10u);
  pool.take(170);
  BOOST_TEST(!pool.keep(&blocks[1], 20));
  pool.limit = BlockPool::no_limit;
  pool.most_kept = 29;
  BOOST_TEST(!pool.keep(&blocks[1], 20));
  pool.most_kept = 30;
  BOOST_TEST(pool.keep(&blocks[1], 20));
  pool.free_kept(BlockPool::no_limit, free);
  BOOST_TEST(freed.size() == 5u);
  BOOST_TEST(pool.use().kept == 0u);
}

using Hosts = std::tuple<Cpu<float>, Cpu<bf16>, Squad<double>>;

struct Fill {
  double* to;
  template <class Team>
  void operator()(Team team, int r) const {
    if (team.rank() == 0) to[r] = 1;
  }
};

BOOST_AUTO_TEST_CASE_TEMPLATE(a_dry_run_counts_and_computes_nothing, B, Hosts) {
  using E = typename B::element;
  using R = typename B::real;
  B device;
  std::vector<E> ones(64, E(1.f));
  std::vector<R> before(64, R(7));
  auto* a = static_cast<E*>(device.allocate(64 * sizeof(E)));
  auto* c = static_cast<R*>(device.allocate(64 * sizeof(R)));
  device.upload(a, ones.data(), 64 * sizeof(E));
  device.upload(c, before.data(), 64 * sizeof(R));
  const Matrix<const E> matrix{a, 8};
  const int rows[] = {8};
  const auto packed = device.pack(std::span(&matrix, 1), rows, 8);
  const std::size_t live = device.memory().live;
  const std::size_t more = std::size_t(1) << 34;  // more than a test may touch
  {
    const DryRun<B> dry(device);
    BOOST_TEST(device.dry());
    void* huge = device.allocate(more);
    BOOST_TEST(device.memory().live == live + more);
    BOOST_TEST(device.memory().dry == more);
    BOOST_TEST(static_cast<const char*>(huge)[more / 2] == 0);
    device.zero(huge, more);
    device.copy(huge, static_cast<char*>(huge) + more / 2, more / 2);
    device.zero(c, 64 * sizeof(R));
    device.gemm(Gemm<E, R>{matrix, matrix, {c, 8}, 8, 8, 8, false, true, 1, 0, {}, {}});
    device.gemm(packed, matrix, 8, Matrix<R>{c, 8});
    device.gemm_back(packed, matrix, 8, 8, Matrix<R>{c, 8});
    device.for_rows(8, 8, Fill{reinterpret_cast<double*>(c)});
    R first = 0;
    device.download(&first, huge, sizeof first);
    BOOST_TEST(first == R(0));
    device.upload(huge, before.data(), sizeof(R));  // the host's own numbers arrive
    device.download(&first, huge, sizeof first);
    BOOST_TEST(first == R(7));
    device.release(huge, more);
    void* lasting = device.allocate_lasting(64);
    BOOST_TEST(device.memory().dry == 0u);
    device.release(lasting, 64);
  }
  BOOST_TEST(!device.dry());
  BOOST_TEST(device.memory().peak >= live + more);
  BOOST_TEST(device.memory().live == live);
  std::vector<R> after(64);
  device.download(after.data(), c, 64 * sizeof(R));
  BOOST_TEST((after == before));
  device.gemm(packed, matrix, 8, Matrix<R>{c, 8});
  BOOST_TEST(c[0] == R(8));
  device.release(a, 64 * sizeof(E));
  device.release(c, 64 * sizeof(R));
}

// A block that outlives its dry run is memory like any other, of zeros.
BOOST_AUTO_TEST_CASE(what_outlives_a_dry_run_can_be_used) {
  Cpu<float> device;
  float* p = nullptr;
  {
    const DryRun<Cpu<float>> dry(device);
    p = static_cast<float*>(device.allocate(4000));
  }
  BOOST_TEST(device.memory().dry >= 4000u);
  BOOST_TEST(p[999] == 0);
  p[999] = 3;
  BOOST_TEST(p[999] == 3);
  device.release(p, 4000);
  BOOST_TEST(device.memory().live == 0u);
  BOOST_TEST(device.memory().dry == 0u);
  BOOST_TEST(device.memory().kept == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
