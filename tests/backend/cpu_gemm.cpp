#include <boost/test/unit_test.hpp>
#include <limits>
#include <random>
#include <thread>
#if defined(_OPENMP)
#include <omp.h>
#endif

#include "anser/backend/cpu_onednn-inl.hpp"
#include "products.hpp"

using namespace anser;
using reference::Numbers;

using Types = std::tuple<float, double, bf16>;
using Panelled = std::tuple<float, double>;  // what is packed as panels on every machine

namespace {
int usual_threads() {
#if defined(_OPENMP)
  return omp_get_max_threads();
#else
  return 1;
#endif
}
}  // namespace

BOOST_AUTO_TEST_SUITE(gemm)

BOOST_AUTO_TEST_CASE_TEMPLATE(products_of_odd_sizes_and_strides, T, Types) {
  using R = accumulator<T>;
  Cpu<T> device;
  std::mt19937 random(1);
  auto up_to = [&](int n) { return int(random() % unsigned(n)); };
  for (int trial = 0; trial < 300; ++trial) {
    const int m = 1 + up_to(70), n = 1 + up_to(70), k = 1 + up_to(70), gap = up_to(4);
    const bool ta = up_to(2), tb = up_to(2);
    const Numbers<T> a(ta ? k : m, ta ? m : k, 1, gap), b(tb ? n : k, tb ? k : n, 2, gap);
    Numbers<R> c(m, n, 3, gap);
    const auto before = c.data;
    const float alpha = up_to(2) ? 1.f : 0.5f, beta = float(up_to(3)) / 2;
    const Gemm<T, R> g{a.matrix(), b.matrix(), c.matrix(), m, n, k, ta, tb, alpha, beta, {}, {}};
    device.gemm(g);
    BOOST_TEST_INFO("m " << m << " n " << n << " k " << k << " transposed " << ta << tb << " beta " << beta);
    BOOST_TEST(reference::difference(g, before) < reference::tolerance<R>(k));
    for (int i = 0; i < m; ++i)
      for (int j = n; j < n + gap; ++j)
        BOOST_REQUIRE(c.data[std::size_t(i * c.stride + j)] == before[std::size_t(i * c.stride + j)]);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(large_products, T, Types) {
  using R = accumulator<T>;
  Cpu<T> device;
  const int m = 130, n = 200, k = 300;
  for (const bool ta : {false, true})
    for (const bool tb : {false, true}) {
      const Numbers<T> a(ta ? k : m, ta ? m : k, 1, 3), b(tb ? n : k, tb ? k : n, 2, 5);
      Numbers<R> c(m, n, 3, 1);
      const auto before = c.data;
      const Gemm<T, R> g{a.matrix(), b.matrix(), c.matrix(), m, n, k, ta, tb, 2, 1, {}, {}};
      device.gemm(g);
      BOOST_TEST(reference::difference(g, before) < 2 * reference::tolerance<R>(k));
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_product_of_nothing_is_zero, T, Types) {
  using R = accumulator<T>;
  Cpu<T> device;
  std::vector<R> c(6, R(5));
  const T a{}, b{};
  device.gemm(Gemm<T, R>{{&a, 1}, {&b, 3}, {c.data(), 3}, 2, 3, 0, false, false, 1, 0, {}, {}});
  for (R v : c) BOOST_TEST(v == R(0));
  device.gemm(Gemm<T, R>{{&a, 1}, {&b, 3}, {nullptr, 3}, 0, 3, 1, false, false, 1, 0, {}, {}});
}

/// What was in C does not matter without beta, be it NaN.
BOOST_AUTO_TEST_CASE_TEMPLATE(beta_zero_overwrites, T, Types) {
  using R = accumulator<T>;
  Cpu<T> device;
  for (const int m : {1, 3, 40}) {
    const Numbers<T> a(m, 64, 1), b(64, 48, 2);
    std::vector<R> c(std::size_t(m) * 48, std::numeric_limits<R>::quiet_NaN());
    device.gemm(Gemm<T, R>{a.matrix(), b.matrix(), {c.data(), 48}, m, 48, 64, false, false, 1, 0, {}, {}});
    for (R v : c) BOOST_REQUIRE(v == v);
  }
}

/// As attention's backward asks: two loops with own distances, transposes, and one operand shared by a loop.
BOOST_AUTO_TEST_CASE_TEMPLATE(loops_of_products, T, Types) {
  using R = accumulator<T>;
  Cpu<T> device;
  for (const int width : {7, 64}) {
    const int examples = 3, heads = 2, queries = width == 7 ? 5 : 33, keys = width == 7 ? 9 : 40, model = heads * width;
    const Numbers<T> q(examples * queries, model, 1), k(examples * keys, model, 2), shared(keys, model, 4);
    Numbers<R> s(examples * heads * queries, keys, 3);
    const std::ptrdiff_t block = queries * keys;
    auto before = s.data;
    Gemm<T, R> g{q.matrix(),
                 k.matrix(),
                 s.matrix(),
                 queries,
                 keys,
                 width,
                 false,
                 true,
                 1,
                 0,
                 {examples, queries * model, keys * model, heads * block},
                 {heads, width, width, block}};
    device.gemm(g);
    BOOST_TEST(reference::difference(g, before) < reference::tolerance<R>(width));
    g.b = shared.matrix();
    g.outer.b = 0;
    device.gemm(g);
    BOOST_TEST(reference::difference(g, before) < reference::tolerance<R>(width));
    Numbers<R> dk(examples * keys, model, 5);
    const Numbers<T> ds(examples * heads * queries, keys, 6);
    before = dk.data;
    const Gemm<T, R> back{ds.matrix(),
                          q.matrix(),
                          dk.matrix(),
                          keys,
                          width,
                          queries,
                          true,
                          false,
                          1,
                          1,
                          {examples, heads * block, queries * model, keys * model},
                          {heads, block, width, width}};
    device.gemm(back);
    BOOST_TEST(reference::difference(back, before) < reference::tolerance<R>(queries));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(packed_weights_of_several_matrices, T, Types) {
  using R = accumulator<T>;
  Cpu<T> device;
  for (const auto& rows : {std::vector<int>{5}, {64, 64}, {100, 30, 1}, {64, 0, 200}, {1, 2, 3}, {63, 65, 128, 17}})
    for (const int k : {1, 17, 64, 100}) {
      int n = 0;
      for (int r : rows) n += r;
      std::vector<Numbers<T>> parts;
      std::vector<Matrix<const T>> blocks;
      for (int r : rows) parts.emplace_back(r, k, int(parts.size()), 3);
      for (const auto& p : parts) blocks.push_back(p.matrix());
      const auto packed = device.pack(blocks, rows, k);
      BOOST_TEST(packed.n == n);
      BOOST_TEST(packed.k == k);
      for (const int m : {0, 1, 2, 7, 8, 9, 33}) {
        const Numbers<T> x(m, k, 50, 2);
        Numbers<R> y(m, n, 51, 5);
        const auto before = y.data;
        device.gemm(packed, x.matrix(), m, y.matrix());
        int column = 0;
        for (std::size_t p = 0; p < parts.size(); column += rows[p], ++p) {
          const Gemm<T, R> g{
              x.matrix(), parts[p].matrix(), {y.data.data() + column, y.stride}, m, rows[p], k, false, true, 1, 0, {},
              {}};
          BOOST_TEST(reference::difference(g, before) < reference::tolerance<R>(k));
        }
        for (int i = 0; i < m; ++i)
          for (int j = n; j < n + 5; ++j)
            BOOST_REQUIRE(y.data[std::size_t(i * y.stride + j)] == before[std::size_t(i * y.stride + j)]);
      }
    }
}

/// Where the machine has no products of bf16, weights are widened once, when they are packed.
BOOST_AUTO_TEST_CASE(packed_bf16_without_native_products) {
  Cpu<bf16> device;
  for (const auto& rows : {std::vector<int>{5}, {64, 0, 200}, {63, 65, 128, 17}})
    for (const int k : {1, 17, 100}) {
      int n = 0;
      for (int r : rows) n += r;
      std::vector<Numbers<bf16>> parts;
      std::vector<Matrix<const bf16>> blocks;
      for (int r : rows) parts.emplace_back(r, k, int(parts.size()), 3);
      for (const auto& p : parts) blocks.push_back(p.matrix());
      const auto packed = cpu::pack_widened(blocks, rows, k);
      for (const int m : {1, 9, 33}) {
        const Numbers<bf16> x(m, k, 50, 2);
        Numbers<float> y(m, n, 51, 5);
        const auto before = y.data;
        device.gemm(packed, x.matrix(), m, y.matrix());
        int column = 0;
        for (std::size_t p = 0; p < parts.size(); column += rows[p], ++p) {
          const Gemm<bf16, float> g{
              x.matrix(), parts[p].matrix(), {y.data.data() + column, y.stride}, m, rows[p], k, false, true, 1, 0, {},
              {}};
          BOOST_TEST(reference::difference(g, before) < reference::tolerance<float>(k));
        }
      }
    }
}

/// The cache of primitives is bounded, and rows of any number share one copy of the weights.
BOOST_AUTO_TEST_CASE_TEMPLATE(many_row_counts, T, Types) {
  using R = accumulator<T>;
  Cpu<T> device;
  const int n = 96, k = 64;
  const Numbers<T> w(n, k, 1), x(700, k, 2);
  Numbers<R> y(700, n, 3);
  const std::vector<Matrix<const T>> blocks{w.matrix()};
  const std::vector<int> rows{n};
  const auto packed = device.pack(blocks, rows, k);
  const auto before = y.data;
  for (int m = 1; m <= 700; m += m < 600 ? 1 : 50) device.gemm(packed, x.matrix(), m, y.matrix());
  const Gemm<T, R> g{x.matrix(), w.matrix(), y.matrix(), 700, n, k, false, true, 1, 0, {}, {}};
  BOOST_TEST(reference::difference(g, before) < reference::tolerance<R>(k));
#if defined(ANSER_HAS_ONEDNN)
  BOOST_TEST(cpu::onednn::Products::instance().size() <= cpu::onednn::Products::limit);
#endif
}

/// Rows and panels are shared by the number of threads; what is packed under one number serves another.
BOOST_AUTO_TEST_CASE_TEMPLATE(panels_of_any_number_of_threads, T, Types) {
  using R = accumulator<T>;
  const int usual = usual_threads();
  const int k = 40;
  for (const int n : {50, 192, 500, 777}) {
    const Numbers<T> w(n, k, 1), x(1100, k, 2);
    const std::vector<Matrix<const T>> blocks{w.matrix()};
    const std::vector<int> rows{n};
    for (const int threads : {1, 2, 3, 7}) {
      Cpu<T> device(threads);
      const auto packed = device.pack(blocks, rows, k);
      Cpu<T> other(threads + 1);
      for (const int m : {1, 3, 15, 17, 200, 1100}) {
        Numbers<R> y(m, n, 3, 2);
        const auto before = y.data;
        other.gemm(packed, x.matrix(), m, y.matrix());
        const Gemm<T, R> g{x.matrix(), w.matrix(), y.matrix(), m, n, k, false, true, 1, 0, {}, {}};
        BOOST_TEST(reference::difference(g, before) < reference::tolerance<R>(k));
      }
    }
  }
  Cpu<T> again(usual);
}

/// Around the sizes of tiles, panels and blocks of k, and every sum in one order whatever the number of threads.
BOOST_AUTO_TEST_CASE_TEMPLATE(packed_products_around_sizes_of_tiles, T, Panelled) {
  const int usual = usual_threads();
  for (const int n : {1, 31, 33, 1000})
    for (const int k : {1, 255, 257, 1025, 2816}) {
      const Numbers<T> w(n, k, 1, 1);
      const std::vector<Matrix<const T>> blocks{w.matrix()};
      const std::vector<int> rows{n};
      for (const int m : {1, 13, 15, 17, 512, 530}) {
        if (double(m) * n * k > 2e8) continue;  // the reference takes its time
        const Numbers<T> x(m, k, 2, 3);
        std::vector<T> of_one;
        for (const int threads : {1, 2, 3}) {
          Cpu<T> device(threads);
          const auto packed = device.pack(blocks, rows, k);
          Numbers<T> y(m, n, 3, 2);
          const auto before = y.data;
          device.gemm(packed, x.matrix(), m, y.matrix());
          BOOST_TEST_INFO("m " << m << " n " << n << " k " << k << " threads " << threads);
          if (threads > 1) {
            BOOST_TEST((y.data == of_one));
            continue;
          }
          const Gemm<T, T> g{x.matrix(), w.matrix(), y.matrix(), m, n, k, false, true, 1, 0, {}, {}};
          BOOST_TEST(reference::difference(g, before) < reference::tolerance<T>(k));
          BOOST_TEST(reference::beyond(y, before, m, n) == 0);
          of_one = y.data;
        }
      }
    }
  Cpu<T> again(usual);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(packed_gradients_around_sizes_of_tiles, T, Panelled) {
  const int usual = usual_threads();
  for (const int n : {1, 33, 1100})
    for (const int k : {1, 47, 49, 257, 770}) {
      const Numbers<T> w(n, k, 1, 1);
      const std::vector<Matrix<const T>> blocks{w.matrix()};
      const std::vector<int> rows{n};
      for (const int first : {1, n / 2, n - 1, n})
        for (const int m : {1, 13, 17, 270}) {
          if (first < 1) continue;
          const Numbers<T> dy(m, first, 2, 3);
          std::vector<T> of_one;
          for (const int threads : {1, 2, 3}) {
            Cpu<T> device(threads);
            const auto packed = device.pack(blocks, rows, k);
            Numbers<T> dx(m, k, 3, 2);
            const auto before = dx.data;
            device.gemm_back(packed, dy.matrix(), m, first, dx.matrix());
            BOOST_TEST_INFO("m " << m << " first " << first << " of " << n << " k " << k << " threads " << threads);
            if (threads > 1) {
              BOOST_TEST((dx.data == of_one));
              continue;
            }
            const Gemm<T, T> g{dy.matrix(), w.matrix(), dx.matrix(), m, k, first, false, false, 1, 1, {}, {}};
            BOOST_TEST(reference::difference(g, before) < reference::tolerance<T>(first));
            BOOST_TEST(reference::beyond(dx, before, m, k) == 0);
            of_one = dx.data;
          }
        }
    }
  Cpu<T> again(usual);
}

BOOST_AUTO_TEST_CASE(several_threads_of_the_program_multiply_at_once) {
  Cpu<float> device;
  const int n = 128, k = 96;
  const Numbers<float> w(n, k, 1);
  const std::vector<Matrix<const float>> blocks{w.matrix()};
  const std::vector<int> rows{n};
  const auto packed = device.pack(blocks, rows, k);
  std::vector<double> worst(3);
  {
    std::vector<std::jthread> callers;
    for (int t = 0; t < 3; ++t)
      callers.emplace_back([&, t] {
        for (int m = 1; m < 40; ++m) {
          const Numbers<float> x(m, k, 10 + t);
          Numbers<float> y(m, n, 3);
          const auto before = y.data;
          device.gemm(packed, x.matrix(), m, y.matrix());
          const Gemm<float, float> g{x.matrix(), w.matrix(), y.matrix(), m, n, k, false, true, 1, 0, {}, {}};
          worst[std::size_t(t)] = std::max(worst[std::size_t(t)], reference::difference(g, before));
        }
      });
  }
  for (double d : worst) BOOST_TEST(d < reference::tolerance<float>(k));
}

BOOST_AUTO_TEST_SUITE_END()
