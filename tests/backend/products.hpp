#pragma once
#include <cmath>
#include <vector>

#include "anser/backend/cpu.hpp"
#include "anser/core/random.hpp"

/// References in double that the backend's products are compared with.
namespace reference {

/// Numbers in [-1, 1), a fixed draw per stream, with an own distance between rows.
template <class T>
struct Numbers {
  Numbers(int rows, int cols, int stream, int gap = 0)
      : stride(cols + gap), data(std::size_t(rows) * std::size_t(cols + gap) + 1) {
    const anser::Random random{7, std::uint64_t(stream)};
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = T(float(2 * random.uniform(i) - 1));
  }
  anser::Matrix<T> matrix() { return {data.data(), stride}; }
  anser::Matrix<const T> matrix() const { return {data.data(), stride}; }
  std::ptrdiff_t stride;
  std::vector<T> data;
};

/// How far sums of `n` products of numbers in [-1, 1) may be apart.
template <class R>
double tolerance(int n) {
  return (std::is_same_v<R, double> ? 1e-13 : 1e-5) * (1 + std::sqrt(double(n)));
}

/// The largest difference between the product and its reference, given C as it was before.
template <class In, class Out>
double difference(const anser::Gemm<In, Out>& g, const std::vector<Out>& before) {
  double worst = 0;
  for (int o = 0; o < g.outer.count; ++o)
    for (int b = 0; b < g.inner.count; ++b)
      for (int i = 0; i < g.m; ++i)
        for (int j = 0; j < g.n; ++j) {
          const In* pa = g.a.data + o * g.outer.a + b * g.inner.a;
          const In* pb = g.b.data + o * g.outer.b + b * g.inner.b;
          double s = 0;
          for (int l = 0; l < g.k; ++l)
            s += double(g.transpose_a ? pa[l * g.a.stride + i] : pa[i * g.a.stride + l]) *
                 double(g.transpose_b ? pb[j * g.b.stride + l] : pb[l * g.b.stride + j]);
          const std::ptrdiff_t at = o * g.outer.c + b * g.inner.c + i * g.c.stride + j;
          const double expected =
              double(g.alpha) * s + (g.beta != 0 ? double(g.beta) * double(before[std::size_t(at)]) : 0);
          worst = std::max(worst, std::abs(expected - double(g.c.data[at])));
        }
  return worst;
}

/// How many numbers between rows of `cols` were written.
template <class R>
int beyond(const Numbers<R>& x, const std::vector<R>& before, int rows, int cols) {
  int written = 0;
  for (std::ptrdiff_t i = 0; i < rows * x.stride; ++i)
    written += i % x.stride >= cols && x.data[std::size_t(i)] != before[std::size_t(i)];
  return written;
}

}  // namespace reference
