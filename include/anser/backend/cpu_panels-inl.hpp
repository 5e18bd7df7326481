#pragma once
#include <algorithm>
#include <cstring>
#include <memory>
#include <span>

#include "concept.hpp"
#include "cpu_gemm.hpp"
#include "cpu_simd-inl.hpp"
#include "cpu_threads-inl.hpp"

namespace anser::cpu {

/// Frozen weights W [n, k] of y = x Wᵀ as panels: each [k, some columns of Wᵀ], row after row. A panel is small enough
/// to stay in the second-level cache while the rows of x pass, panels are the units that threads share, and few rows
/// read them from end to end. Measured with oneDNN's general product, 0.05 to 0.1 of the FMA peak above its own blocked
/// layout; and the same copy serves dx += dy W.
template <class T>
class Panels {
 public:
  Panels(std::span<const Matrix<const T>> blocks, std::span<const int> rows, int n, int k)
      : n_(n), k_(k), width_(choose_width(n)) {
    data_.reset(static_cast<T*>(allocate_pages(std::max<std::size_t>(64, std::size_t(columns()) * k_ * sizeof(T)))));
    const int groups = columns() / lanes;
#pragma omp parallel for schedule(static) if (double(n) * k > 1e5)
    for (int g = 0; g < groups; ++g) fill(g * lanes, blocks, rows);
  }

  /// y [m, n] = x [m, k] Wᵀ; `general` makes any one product of matrices as they lie.
  template <class F>
  void multiply(Matrix<const T> x, int m, Matrix<T> y, F general) const {
    const int panels = (n_ + width_ - 1) / width_;
    const bool few = m <= few_rows;
    const int parts = few ? 1 : row_parts(panels, m);
    for_units(panels * parts, worth_threads(2.0 * m * n_ * k_), [&](int unit) {
      const int begin = unit % panels * width_, cols = std::min(width_, n_ - begin);
      const T* panel = data_.get() + std::ptrdiff_t(begin) * k_;
      if (few) return multiply_few(x, m, panel, {y.data + begin, y.stride}, cols);
      const std::ptrdiff_t part = unit / panels;
      const int top = int(m * part / parts), bottom = int(m * (part + 1) / parts);
      general(Gemm<T, T>{{x[top], x.stride},
                         {panel, stride(begin)},
                         {y[top] + begin, y.stride},
                         bottom - top,
                         cols,
                         k_,
                         false,
                         false,
                         1,
                         0,
                         {},
                         {}});
    });
  }

  /// dx [m, k] += dy [m, first] W, of the first rows of W. Threads share columns and rows of dx, so that nothing is
  /// added by two.
  template <class F>
  void multiply_back(Matrix<const T> dy, int m, int first, Matrix<T> dx, F general) const {
    // What no cache holds is read once, not by every block of columns: for a head of 32,128 rows a third faster.
    const bool streamed = double(m) * first * sizeof(T) > 3e7;
    const int width = streamed ? k_ : std::min(k_, typical_width);
    const int blocks = (k_ + width - 1) / width, parts = row_parts(blocks, m);
    for_units(blocks * parts, worth_threads(2.0 * m * first * k_), [&](int unit) {
      const int begin = unit % blocks * width, cols = std::min(width, k_ - begin);
      const int part = unit / blocks, top = m * part / parts, bottom = m * (part + 1) / parts;
      for (int from = 0; from < first; from += width_) {
        const int step = stride(from);
        const T* panel = data_.get() + std::ptrdiff_t(from) * k_ + std::ptrdiff_t(begin) * step;
        general(Gemm<T, T>{{dy[top] + from, dy.stride},
                           {panel, step},
                           {dx[top] + begin, dx.stride},
                           bottom - top,
                           cols,
                           std::min(width_, first - from),
                           false,
                           true,
                           1,
                           1,
                           {},
                           {}});
      }
    });
  }

 private:
  static constexpr int lanes = simd::lanes<T>;
  static constexpr int typical_width = 192;  // measured beside 64 to 384 at 512 rows: the best with 384
  static constexpr int typical_rows = 512, least_rows = 128;
  static constexpr int few_rows = 16;  // up to here a product is the reading of W
  static constexpr int sums = 2 * simd::tile_rows;

  int columns() const { return (n_ + lanes - 1) / lanes * lanes; }
  /// From one row of the panel that begins at a column to the next.
  int stride(int begin) const { return std::min(width_, columns() - begin); }

  /// As wide as kernels like it, unless threads would have nothing to do.
  static int choose_width(int n) {
    constexpr int tile = 3 * 16;
    const int each = (n + thread_count() - 1) / thread_count();
    const int width = std::clamp((each + tile - 1) / tile * tile, tile, typical_width);
    return std::clamp((n + lanes - 1) / lanes * lanes, lanes, width);
  }
  /// Into how many parts rows are cut: so that they stay in the second-level cache while all panels pass, and that
  /// threads end together.
  int row_parts(int panels, int m) const {
    const int threads = thread_count(), cached = (m + typical_rows - 1) / typical_rows;
    const int units = panels * cached;
    // A narrow last panel leaves one thread waiting: of 1,024 columns for a tenth of the time.
    if (units % threads == 0 && (n_ % width_ == 0 || units >= 16 * threads)) return cached;
    return std::max(cached, std::min(m / least_rows, (16 * threads + panels - 1) / panels));
  }

  /// Columns [begin, begin + lanes) of Wᵀ, which are rows of W; those beyond n are zero.
  void fill(int begin, std::span<const Matrix<const T>> blocks, std::span<const int> rows) {
    const T* from[lanes] = {};
    int block = 0, first = 0;
    for (int r = begin; r < std::min(begin + lanes, n_); ++r) {
      while (r >= first + rows[std::size_t(block)]) first += rows[std::size_t(block++)];
      from[r - begin] = blocks[std::size_t(block)][r - first];
    }
    const int panel = begin / width_ * width_, step = stride(panel);
    T* to = data_.get() + std::ptrdiff_t(panel) * k_ + (begin - panel);
    int l = 0;
    if (begin + lanes <= n_)
      for (; l + lanes <= k_; l += lanes) {
        simd::Vector<T> square[lanes];
        for (int r = 0; r < lanes; ++r) square[r] = simd::load(from[r] + l);
        simd::transpose<T>(square);
        for (int r = 0; r < lanes; ++r) simd::store(to + std::ptrdiff_t(l + r) * step, square[r]);
      }
    for (; l < k_; ++l)
      for (int r = 0; r < lanes; ++r) to[std::ptrdiff_t(l) * step + r] = from[r] ? from[r][l] : T(0);
  }

  /// M rows against V vectors of columns from `column` on, all sums in registers; then what is left of the columns.
  template <int M, int V>
  void multiply_strip(Matrix<const T> x, const T* panel, int step, Matrix<T> y, int column, int cols) const {
    for (; column + (V - 1) * lanes < cols; column += V * lanes) {
      simd::Vector<T> sum[M][V] = {};
      const T* w = panel + column;
      for (int l = 0; l < k_; ++l, w += step) {
        simd::Vector<T> b[V];
#pragma GCC unroll 16
        for (int v = 0; v < V; ++v) b[v] = simd::load(w + v * lanes);
#pragma GCC unroll 16
        for (int r = 0; r < M; ++r) {
          const T s = x[r][l];
#pragma GCC unroll 16
          for (int v = 0; v < V; ++v) sum[r][v] += s * b[v];
        }
      }
      for (int r = 0; r < M; ++r)
        for (int v = 0; v < V; ++v) {
          const int at = column + v * lanes;
          if (at + lanes <= cols)
            simd::store(y[r] + at, sum[r][v]);
          else
            std::memcpy(y[r] + at, &sum[r][v], std::size_t(cols - at) * sizeof(T));
        }
    }
    if constexpr (V > 4)
      multiply_strip<M, 4>(x, panel, step, y, column, cols);
    else if constexpr (V > 1)
      multiply_strip<M, 1>(x, panel, step, y, column, cols);
  }
  template <int M>
  void multiply_rows(Matrix<const T>& x, int& m, const T* panel, int step, Matrix<T>& y, int cols) const {
    for (; m >= M; m -= M, x.data += M * x.stride, y.data += M * y.stride)
      multiply_strip<M, std::min(12, sums / M)>(x, panel, step, y, 0, cols);
  }
  void multiply_few(Matrix<const T> x, int m, const T* panel, Matrix<T> y, int cols) const {
    const int step = (cols + lanes - 1) / lanes * lanes;
    multiply_rows<8>(x, m, panel, step, y, cols);
    multiply_rows<4>(x, m, panel, step, y, cols);
    multiply_rows<2>(x, m, panel, step, y, cols);
    multiply_rows<1>(x, m, panel, step, y, cols);
  }

  int n_, k_, width_;
  Pages<T> data_;
};

}  // namespace anser::cpu
