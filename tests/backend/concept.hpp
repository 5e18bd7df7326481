#pragma once
// What every backend must do. The including file names them first, as anser::test::Backends.
#include <anser/backend/concept.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <memory>
#include <tuple>
#include <vector>

namespace anser::test {
namespace backend {

template <class T>
struct Tolerance {
  static constexpr double value = 2e-6;  // sums in float
};
template <>
struct Tolerance<double> {
  static constexpr double value = 1e-13;
};

/// Numbers in [-1, 1), the same on every machine.
template <class T>
std::vector<T> numbers(std::size_t n, unsigned seed) {
  std::vector<T> v;
  for (std::size_t i = 0; i < n; ++i) {
    seed = seed * 1664525u + 1013904223u;
    v.push_back(T(float(seed >> 8) * 0x1p-23f - 1));
  }
  return v;
}

/// Memory of the device, for one test.
template <class B, class T>
class Buffer {
 public:
  Buffer(B& device, const std::vector<T>& host) : device_(device), size_(host.size()) {
    data_ = static_cast<T*>(device.allocate(bytes()));
    device.upload(data_, host.data(), bytes());
  }
  ~Buffer() { device_.release(data_, bytes()); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  T* data() const { return data_; }
  std::size_t bytes() const { return size_ * sizeof(T); }
  std::vector<T> host() const {
    std::vector<T> v(size_);
    device_.download(v.data(), data_, bytes());
    return v;
  }

 private:
  B& device_;
  std::size_t size_;
  T* data_;
};

/// max|a - b| / max|b|
template <class T>
double error(const std::vector<T>& a, const std::vector<T>& b) {
  BOOST_TEST_REQUIRE(a.size() == b.size());
  double difference = 0, most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference = std::fmax(difference, std::abs(double(a[i]) - double(b[i])));
    most = std::fmax(most, std::abs(double(b[i])));
    if (std::isnan(double(a[i]))) return INFINITY;
  }
  return difference / std::fmax(most, 1e-30);
}

struct Sizes {
  int m, n, k;
};

/// The same request on host memory, in double, one number at a time.
template <class In, class Out>
void multiply_plainly(const Gemm<In, Out>& g, const In* a, const In* b, Out* c) {
  for (int o = 0; o < g.outer.count; ++o)
    for (int i = 0; i < g.inner.count; ++i)
      for (int r = 0; r < g.m; ++r)
        for (int j = 0; j < g.n; ++j) {
          double s = 0;
          for (int l = 0; l < g.k; ++l) {
            const auto at = o * g.outer.a + i * g.inner.a + (g.transpose_a ? l * g.a.stride + r : r * g.a.stride + l);
            const auto bt = o * g.outer.b + i * g.inner.b + (g.transpose_b ? j * g.b.stride + l : l * g.b.stride + j);
            s += double(a[at]) * double(b[bt]);
          }
          Out& y = c[o * g.outer.c + i * g.inner.c + r * g.c.stride + j];
          y = Out(double(g.alpha) * s + (g.beta == 0 ? 0 : double(g.beta) * double(y)));
        }
}

/// One product on the device and plainly; `gap` numbers lie between rows, and `loops` says how often.
template <class In, class Out, class B>
void compare_product(B& device, Sizes s, bool transpose_a, bool transpose_b, int gap, Sizes loops, float alpha,
                     float beta) {
  const int a_rows = transpose_a ? s.k : s.m, b_rows = transpose_b ? s.n : s.k;
  const std::ptrdiff_t a_stride = (transpose_a ? s.m : s.k) + gap, b_stride = (transpose_b ? s.k : s.n) + gap;
  const std::ptrdiff_t c_stride = s.n + gap, a = a_rows * a_stride, b = b_rows * b_stride, c = s.m * c_stride;
  const int outer = loops.m, inner = loops.n;
  const auto ha = numbers<In>(std::size_t(outer * inner * a), 1), hb = numbers<In>(std::size_t(outer * inner * b), 2);
  auto hc = numbers<Out>(std::size_t(outer * inner * c), 3);
  Buffer<B, In> da(device, ha), db(device, hb);
  Buffer<B, Out> dc(device, hc);
  // a steps with the outer loop first, b with the inner: neither can be seen as one long loop
  const Gemm<In, Out> g{{da.data(), a_stride},
                        {db.data(), b_stride},
                        {dc.data(), c_stride},
                        s.m,
                        s.n,
                        s.k,
                        transpose_a,
                        transpose_b,
                        alpha,
                        beta,
                        {outer, inner * a, loops.k ? b : inner * b, inner * c},
                        {inner, a, loops.k ? outer * b : b, c}};
  device.gemm(g);
  multiply_plainly(g, ha.data(), hb.data(), hc.data());
  BOOST_TEST(error(dc.host(), hc) < Tolerance<Out>::value * std::sqrt(double(s.k)),
             s.m << " x " << s.n << " x " << s.k << (transpose_a ? ", A transposed" : "")
                 << (transpose_b ? ", B transposed" : "") << ", loops " << outer << " x " << inner << ", beta "
                 << beta);
}

template <class In, class Out, class B>
void compare_products(B& device) {
  for (int t = 0; t < 4; ++t) {
    for (Sizes s : {Sizes{1, 1, 1}, {3, 5, 7}, {1, 33, 64}, {33, 1, 17}, {24, 40, 32}})
      compare_product<In, Out>(device, s, t & 1, t & 2, t == 3 ? 0 : 3, {1, 1, 0}, 1, 0);
    compare_product<In, Out>(device, {4, 6, 8}, t & 1, t & 2, 0, {2, 3, 0}, 0.5f, 1);
    compare_product<In, Out>(device, {4, 6, 8}, t & 1, t & 2, 2, {3, 2, 1}, 1, -2);
    compare_product<In, Out>(device, {5, 4, 8}, t & 1, t & 2, 0, {1, 4, 0}, 1, 0);
  }
}

/// Each row's sum, maximum and count, and a second round that reads what other members wrote in the first.
template <class R>
struct RowFacts {
  Matrix<const R> x;
  Matrix<R> facts;  // [rows, 4]
  Matrix<R> twice;
  int n;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    R s = 0, top = -1e30f;
    int count = 0;
    for (int j = team.rank(); j < n; j += team.size()) {
      s += x[r][j];
      top = x[r][j] > top ? x[r][j] : top;
      twice[r][j] = 2 * x[r][j];
      ++count;
    }
    s = team.sum(s);
    top = team.max(top);
    count = team.sum(count);
    R mirrored = 0;
    for (int j = team.rank(); j < n; j += team.size()) mirrored += twice[r][n - 1 - j] * R(j);
    mirrored = team.sum(mirrored);
    if (team.rank() == team.size() - 1) {
      facts[r][0] = s;
      facts[r][1] = top;
      facts[r][2] = R(count);
      facts[r][3] = mirrored;
    }
  }
};

}  // namespace backend

BOOST_AUTO_TEST_SUITE(concept_hpp)
using namespace backend;

BOOST_AUTO_TEST_CASE_TEMPLATE(bytes_come_back, B, Backends) {
  B device;
  for (std::size_t n : {1, 3, 1000, 70000, 1 << 20}) {
    const auto there = numbers<float>(n, unsigned(n));
    Buffer<B, float> a(device, there), b(device, std::vector<float>(n, 1));
    device.copy(b.data(), a.data(), a.bytes());
    device.zero(a.data(), sizeof(float));
    auto expected = there;
    expected[0] = 0;
    BOOST_TEST(a.host() == expected);
    BOOST_TEST(b.host() == there);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_upload_has_read_its_source_when_it_returns, B, Backends) {
  B device;
  std::vector<Buffer<B, int>*> all;
  std::vector<int> source(5000);
  for (int i = 0; i < 60; ++i) {
    source.assign(source.size(), i);
    all.push_back(new Buffer<B, int>(device, source));
  }
  for (int i = 0; i < 60; ++i) {
    BOOST_TEST(all[std::size_t(i)]->host() == std::vector<int>(source.size(), i));
    delete all[std::size_t(i)];
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(nothing_is_a_request_too, B, Backends) {
  B device;
  void* p = device.allocate(0);
  device.upload(p, nullptr, 0);
  device.zero(p, 0);
  device.copy(p, p, 0);
  device.download(nullptr, p, 0);
  device.release(p, 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(products_of_elements, B, Backends) {
  B device;
  compare_products<typename B::element, typename B::real>(device);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(products_of_reals, B, Backends) {
  B device;
  compare_products<typename B::real, typename B::real>(device);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(packed_weights, B, Backends) {
  using T = typename B::element;
  using R = typename B::real;
  B device;
  for (Sizes s : {Sizes{1, 0, 7}, {5, 0, 64}, {17, 0, 24}}) {
    const std::vector<int> rows = {3, 16, 1};
    const int n = 20, gap = 2, wide = n + 1;
    std::vector<T> stacked;
    std::vector<Matrix<const T>> blocks;
    std::vector<std::unique_ptr<Buffer<B, T>>> memory;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::ptrdiff_t stride = s.k + gap * int(i);
      const auto host = numbers<T>(std::size_t(rows[i] * stride), unsigned(i) + 7);
      memory.push_back(std::make_unique<Buffer<B, T>>(device, host));
      blocks.push_back({memory.back()->data(), stride});
      for (int r = 0; r < rows[i]; ++r)
        for (int j = 0; j < s.k; ++j) stacked.push_back(host[std::size_t(r * stride + j)]);
    }
    const auto w = device.pack(blocks, rows, s.k);
    memory.clear();  // the packed form is a copy
    const auto hx = numbers<T>(std::size_t(s.m * s.k), 5);
    std::vector<R> expected(std::size_t(s.m * wide), R(9));
    Buffer<B, T> x(device, hx);
    Buffer<B, R> y(device, expected);
    device.gemm(w, Matrix<const T>{x.data(), s.k}, s.m, Matrix<R>{y.data(), wide});
    multiply_plainly(
        Gemm<T, R>{{nullptr, s.k}, {nullptr, s.k}, {nullptr, wide}, s.m, n, s.k, false, true, 1, 0, {}, {}}, hx.data(),
        stacked.data(), expected.data());
    BOOST_TEST(error(y.host(), expected) < Tolerance<R>::value * std::sqrt(double(s.k)), s.m << " rows of " << s.k);

    for (const int first : {n, 19, 3, 0}) {
      const auto hdy = numbers<T>(std::size_t(s.m * wide), 6);
      std::vector<R> sums(std::size_t(s.m * (s.k + 1)), R(0.5));
      Buffer<B, T> dy(device, hdy);
      Buffer<B, R> dx(device, sums);
      device.gemm_back(w, Matrix<const T>{dy.data(), wide}, s.m, first, Matrix<R>{dx.data(), s.k + 1});
      multiply_plainly(
          Gemm<T, R>{{nullptr, wide}, {nullptr, s.k}, {nullptr, s.k + 1}, s.m, s.k, first, false, false, 1, 1, {}, {}},
          hdy.data(), stacked.data(), sums.data());
      BOOST_TEST(error(dx.host(), sums) < Tolerance<R>::value * 5, s.m << " rows back to " << s.k << ", of " << first);
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_row_kernel_meets_every_row_once, B, Backends) {
  using R = typename B::real;
  B device;
  for (Sizes s : {Sizes{1, 1, 0}, {9, 5, 0}, {17, 128, 0}, {3, 129, 0}, {5, 600, 0}, {2, 5000, 0}}) {
    const auto hx = numbers<R>(std::size_t(s.m * s.n), unsigned(s.n));
    Buffer<B, R> x(device, hx), twice(device, hx), facts(device, std::vector<R>(std::size_t(s.m * 4)));
    device.for_rows(s.m, std::size_t(s.n), RowFacts<R>{{x.data(), s.n}, {facts.data(), 4}, {twice.data(), s.n}, s.n});
    const auto found = facts.host();
    for (int r = 0; r < s.m; ++r) {
      double sum = 0, size = 0, top = -1, mirrored = 0, weight = 0;
      for (int j = 0; j < s.n; ++j) {
        const double v = double(hx[std::size_t(r * s.n + j)]);
        sum += v;
        size += std::abs(v);
        top = std::fmax(top, v);
        mirrored += 2 * v * (s.n - 1 - j);
        weight += 2 * std::abs(v) * (s.n - 1 - j);
      }
      const R* f = found.data() + r * 4;
      BOOST_TEST(std::abs(double(f[0]) - sum) <= Tolerance<R>::value * size, "sum of row " << r << " of " << s.n);
      BOOST_TEST(double(f[1]) == top, "maximum of row " << r << " of " << s.n);
      BOOST_TEST(int(f[2]) == s.n, "members met " << f[2] << " of " << s.n << " columns");
      BOOST_TEST(std::abs(double(f[3]) - mirrored) <= 4 * Tolerance<R>::value * weight, "second round, " << s.n);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
