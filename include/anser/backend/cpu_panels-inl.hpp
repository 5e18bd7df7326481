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

/// Frozen weights W [n, k] of y = x Wᵀ as panels: each [k, three vectors of columns of Wᵀ], row after row, so that a
/// tile of the product reads one stretch of memory. x is read where it lies. Threads share rows where there are many,
/// since a share of rows needs neither a copy nor waiting, and panels where there are few.
template <class T>
class Panels {
 public:
  struct Range {
    int begin, end;
    int size() const { return end - begin; }
  };

  Panels(std::span<const Matrix<const T>> blocks, std::span<const int> rows, int n, int k) : n_(n), k_(k) {
    data_.reset(static_cast<T*>(allocate_pages(std::max<std::size_t>(64, std::size_t(whole(n)) * k_ * sizeof(T)))));
    const int groups = whole(n) / lanes;
#pragma omp parallel for schedule(static) if (double(n) * k > 1e5)
    for (int g = 0; g < groups; ++g) fill(g * lanes, blocks, rows);
  }

  /// y [m, n] = x [m, k] Wᵀ. Every sum is made in the same order, whatever the number of threads.
  void multiply(Matrix<const T> x, int m, Matrix<T> y) const {
    const Shares of = m <= few_rows ? large_shares : shares;
    for_shares(of, m, panels(n_), 2.0 * m * n_ * k_, [&](Range rows, Range share) {
      const Matrix<const T> from{x[rows.begin], x.stride};
      const Matrix<T> to{y[rows.begin], y.stride};
      if (m <= few_rows)
        multiply_few(from, m, to, share);
      else
        multiply_many(from, rows.end - rows.begin, to, share);
    });
  }

  /// Several products of one x. With few rows threads wake once for all.
  static void multiply(std::span<const Panels* const> all, Matrix<const T> x, int m, std::span<const Matrix<T>> y) {
    int count = 0;
    double operations = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (m > few_rows) all[i]->multiply(x, m, y[i]);
      count += panels(all[i]->n_);
      operations += 2.0 * m * all[i]->n_ * all[i]->k_;
    }
    if (m > few_rows) return;
    const int shares = thread_count() == 1 ? 1 : std::min(count, 2 * thread_count());
    for_units(shares, worth_threads(operations), [&](int s) {
      const Range share{cut(count, s, shares), cut(count, s + 1, shares)};
      int before = 0;
      for (std::size_t i = 0; i < all.size(); ++i) {
        const int of = panels(all[i]->n_);
        const Range own{std::max(share.begin - before, 0), std::min(share.end - before, of)};
        if (own.size() > 0) all[i]->multiply_few(x, m, y[i], own);
        before += of;
      }
    });
  }

  /// A part of the product, for who gives out its parts among other work: some rows, one panel, one block of k. The
  /// blocks of the same sums go one after the other.
  struct Part {
    Range rows;
    int panel, block;
  };
  /// While a part is computed, so many numbers from each of some places are fetched into the second-level cache.
  static constexpr int stretch = 1536 / int(sizeof(T));
  /// How many places a part asks for.
  int places(const Part& part) const { return part.rows.size() / tile * tile_places(block(part.block).size()); }
  /// The panel and block of which a piece out of some is fetched for what comes after a part.
  struct Then {
    int panel, block, piece, pieces;
  };
  /// A part of y = x Wᵀ; null for no places.
  void multiply(Matrix<const T> x, Matrix<T> y, const Part& part, const Then& then,
                const std::byte* const* places) const {
    struct AheadOfAll {  // as Ahead, and the places of a tile
      const T* w;
      const std::byte* const* places;
    };
    const Range from = block(part.block), next = block(then.block);
    const int rows = part.rows.size(), tiles = (rows + tile - 1) / tile, each = tile_places(from.size());
    const std::ptrdiff_t size = lines(next.size(), then.panel, tiles * then.pieces);
    const T* w = row(then.panel, next.begin) + size * tiles * then.piece;
    const auto p = product({x[part.rows.begin], x.stride}, rows, {y[part.rows.begin], y.stride}, part.panel, from);
    if (places)
      multiply_rows(p, [&](int t) { return AheadOfAll{w + t * size, places + t * each}; });
    else
      multiply_rows(p, [&](int t) { return Ahead{w + t * size}; });
  }
  int panel_count() const { return panels(n_); }
  int block_count() const { return std::max(1, (k_ + depth - 1) / depth); }
  /// Rows in so many parts that each stays in the cache while panels pass.
  static int row_parts(int m) { return (m + shares.typical_rows - 1) / shares.typical_rows; }
  static int cut(int size, int part, int of) { return int(std::ptrdiff_t(size) * part / of); }
  static Range rows(int m, int part, int parts) {
    const auto top = [&](int p) { return p == parts ? m : cut(m, p, parts) / tile * tile; };
    return {top(part), top(part + 1)};
  }

  /// dx [m, k] += dy [m, first] W, of the first rows of W.
  void multiply_back(Matrix<const T> dy, int m, int first, Matrix<T> dx) const {
    for_shares(large_shares, m, panels(k_), 2.0 * m * first * k_, [&](Range rows, Range share) {
      constexpr int most = depth / width * width;
      static thread_local simd::Scratch<T> scratch;
      T* turned = scratch.get(std::size_t(most) * width);
      for (int from = 0; from < first; from += most)
        for (int p = share.begin; p < share.end; ++p) {
          const int count = std::min(most, first - from), begin = p * width;
          turn(from, count, begin, turned);
          // Each tile fetches a part of what the next turn reads, which lies in a piece of every panel.
          const int pieces = p + 1 < share.end ? panels(count) : 0;
          const auto ahead = [&](int t) {
            if (pieces == 0) return Ahead{turned};
            return Ahead{row(from / width + t % pieces, begin + width) + std::ptrdiff_t(t / pieces) * fetched * count};
          };
          multiply_rows({{dy[rows.begin] + from, dy.stride},
                         rows.end - rows.begin,
                         turned,
                         count,
                         {dx[rows.begin] + begin, dx.stride},
                         std::min(width, k_ - begin),
                         true},
                        ahead);
        }
    });
  }

 private:
  static constexpr int lanes = simd::lanes<T>;
  /// Sums of a tile: 24 of 32 registers, or 12 of 16. Measured on AVX-512 with 512 rows, before the next tile's rows
  /// were fetched: 8 rows of 3 vectors and 6 of 4 0.75 to 0.79 of the FMA peak, 12 of 2 0.70 to 0.72; fetching helps 6
  /// of 4 less. Such a tile alone, in the first-level cache, has 0.87, and 0.91 where its loop is short.
  static constexpr int tile = 2 * simd::tile_rows / 3, vectors = simd::panel_vectors;
  static constexpr int width = vectors * lanes;
  /// So much of k at once: rows of a share stay in the second-level cache while all panels pass, and y is added to
  /// seldom. Measured: 512 to 1,536 floats are alike.
  static constexpr int depth = 4096 / int(sizeof(T));
  /// How a product is shared out: so many rows that they stay in the cache, no fewer, and the panels in so many parts.
  struct Shares {
    int typical_rows, least_rows, panels;
  };
  static constexpr Shares large_shares{256, 128, 1};
  /// Without AVX-512 shares are small and many: beside 64 rows a panel stays in half a megabyte of cache too. Measured
  /// at 512 rows, AVX2 and two threads: 256 rows of all panels 0.81 of the FMA peak, 64 rows of an eighth of them 0.85.
  static constexpr Shares shares = simd::many_registers ? large_shares : Shares{64, 32, 8};
  static constexpr int few_rows = 16;  // up to here a product is the reading of W
  static constexpr int line = 64 / int(sizeof(T));
  static constexpr int stretch_steps = 4;  // lines of x that pass while a stretch is fetched
  static constexpr int stretch_lines = stretch / line / stretch_steps;
  static_assert(stretch_lines <= line);  // at most one a step
  static constexpr int fetched = 2;      // lines of the next panel that a tile fetches as it passes a line of x

  /// y [m, cols] = x [m, depth] w, or added to it; w [depth, whole(cols)].
  struct Product {
    Matrix<const T> x;
    int m;
    const T* w;
    int depth;
    Matrix<T> y;
    int cols;
    bool add;

    void skip(int rows) {
      x.data += rows * x.stride;
      y.data += rows * y.stride;
      m -= rows;
    }
  };

  static int tile_places(int depth) { return (depth / line + stretch_steps - 1) / stretch_steps; }
  static int whole(int cols) { return (cols + lanes - 1) / lanes * lanes; }
  static int panels(int cols) { return (cols + width - 1) / width; }
  /// From one row of a panel to the next: the last may be narrower.
  int stride(int panel) const { return std::min(width, whole(n_) - panel * width); }
  const T* row(int panel, int l) const {
    return data_.get() + std::ptrdiff_t(panel) * width * k_ + std::ptrdiff_t(l) * stride(panel);
  }
  Product product(Matrix<const T> x, int m, Matrix<T> y, int panel, Range k) const {
    const int begin = panel * width;
    return {{x.data + k.begin, x.stride}, m,          row(panel, k.begin), k.size(),
            {y.data + begin, y.stride},   n_ - begin, k.begin > 0};
  }
  /// Of k.
  Range block(int b) const {
    const int blocks = block_count(), most = whole((k_ + blocks - 1) / blocks);
    return {b * most, std::min(k_, (b + 1) * most)};
  }
  /// The numbers of whole lines that each of some tiles fetches of `count` rows of a panel.
  std::ptrdiff_t lines(int count, int panel, int tiles) const {
    return (std::ptrdiff_t(count) * stride(panel) / line + tiles - 1) / tiles * line;
  }

  /// f(rows, panels) over all of both, by threads. Shares of rows are as long as stay in the cache; panels are cut too
  /// where rows do not go round.
  template <class F>
  static void for_shares(const Shares& of, int m, int panels, double operations, F f) {
    const int threads = thread_count(), cached = (m + of.typical_rows - 1) / of.typical_rows;
    const int parts = std::min((cached + threads - 1) / threads * threads, std::max(1, m / of.least_rows));
    const int fewest = parts % threads == 0 ? 1 : (2 * threads + parts - 1) / parts;
    const int columns = std::min(panels, std::max(fewest, threads > 1 ? of.panels : 1));
    for_units(parts * columns, worth_threads(operations), [&](int unit) {
      const bool beside = of.panels > 1;  // rows of the same panels follow one another, which stay in the last cache
      const int part = beside ? unit % parts : unit / columns, column = beside ? unit / parts : unit % columns;
      f(Panels::rows(m, part, parts), Range{cut(panels, column, columns), cut(panels, column + 1, columns)});
    });
  }

  void multiply_many(Matrix<const T> x, int m, Matrix<T> y, Range share) const {
    const int tiles = (m + tile - 1) / tile;
    for (int b = 0; b < block_count(); ++b)
      for (int p = share.begin; p < share.end; ++p) {
        const Range from = block(b);
        const bool last = p + 1 == share.end;
        const T* next = row(last ? p : p + 1, from.begin);
        const std::ptrdiff_t piece = last ? 0 : lines(from.size(), p + 1, tiles);
        multiply_rows(product(x, m, y, p, from), [&](int t) { return Ahead{next + t * piece}; });
      }
  }

  /// Few rows: W is read once from end to end, a group of panels for all rows, and several panels side by side where
  /// one has too few sums to keep the units busy.
  void multiply_few(Matrix<const T> x, int m, Matrix<T> y, Range share) const {
    constexpr int group = 4;
    for (int p = share.begin; p < share.end; p += group)
      multiply_group<tile>(x, m, y, {p, std::min(p + group, share.end)});
  }
  template <int R>
  void multiply_group(Matrix<const T> x, int m, Matrix<T> y, Range group) const {
    constexpr int beside = R == tile ? 1 : R > 1 ? 2 : 4;
    for (; m >= R; m -= R, x.data += R * x.stride, y.data += R * y.stride) {
      int p = group.begin;
      for (; p + beside <= group.end && (p + beside) * width <= n_; p += beside)
        multiply_tile<R, beside, vectors>(product(x, R, y, p, {0, k_}), std::ptrdiff_t(width) * k_, x.data, Ahead{});
      for (; p < group.end; ++p) multiply_rows(product(x, R, y, p, {0, k_}), [&](int) { return Ahead{row(p, 0)}; });
    }
    if constexpr (R > 1) multiply_group<R / 2>(x, m, y, group);
  }

  /// What is fetched while a tile is computed, besides the next tile's rows (into the first-level cache): what is read
  /// after this panel, into the second. Measured at 512 rows: 0.03 of the FMA peak, and 0.05. Lines of y are asked for
  /// one by one, since all at once they keep those of w waiting: 0.02.
  struct Ahead {
    const T* w;
  };
  /// Any number of rows against one panel; ahead(i) is what the i-th tile fetches of the next.
  template <class F>
  static void multiply_rows(const Product& p, F ahead) {
    if (p.cols > 2 * lanes)
      multiply_tiles<tile, 3>(p, p.x.data, ahead, 0);
    else if (p.cols > lanes)
      multiply_tiles<tile, 2>(p, p.x.data, ahead, 0);
    else
      multiply_tiles<tile, 1>(p, p.x.data, ahead, 0);
  }
  template <int R, int V, class F>
  static void multiply_tiles(Product p, const T* first, const F& ahead, int done) {
    for (; p.m >= R; p.skip(R)) multiply_tile<R, 1, V>(p, 0, p.m > R ? p.x[R] : first, ahead(done++));
    if constexpr (R > 1)
      if (p.m > 0) multiply_tiles<R / 2, V>(p, first, ahead, done);
  }

  /// R rows against V vectors of each of `Beside` panels that lie `apart`, all sums in registers.
  template <int R, int Beside, int V, class Next>
  static void multiply_tile(const Product& p, std::ptrdiff_t apart, const T* next_x, Next next) {
    constexpr int all = Beside * V;
    simd::Vector<T> sum[R][all] = {};
    const T *x = p.x.data, *w = p.w;
    const std::ptrdiff_t stride = p.x.stride;
    const auto step = [&] {
      simd::Vector<T> b[all];
#pragma GCC unroll 16
      for (int v = 0; v < all; ++v) {
        b[v] = simd::load(w + v / V * apart + v % V * lanes);
        if constexpr (R == tile) simd::keep(b[v]);
      }
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const T s = x[r * stride];
#pragma GCC unroll 16
        for (int v = 0; v < all; ++v) sum[r][v] += s * b[v];
      }
      ++x;
      w += V * lanes;
    };
    int l = 0;
    if constexpr (R == tile && Beside == 1) {
      int asked = 0;
      if constexpr (!simd::many_registers)
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
          __builtin_prefetch(p.y[r], 1, 3);
          __builtin_prefetch(p.y[r] + V * lanes - 1, 1, 3);
        }
      for (; l + line <= p.depth; l += line, next_x += line, next.w += fetched * line) {
        const std::byte* place = nullptr;
        if constexpr (requires { next.places; }) {
          const int at = l / line;
          place = next.places[at / stretch_steps] + at % stretch_steps * stretch_lines * 64;
        }
#pragma GCC unroll 16
        for (int i = 0; i < line; ++i) {
          if (simd::many_registers && i < R) __builtin_prefetch(next_x + i * stride, 0, 3);
          if constexpr (requires { next.places; })
            if (const int s = i * stretch_lines / line; s < (i + 1) * stretch_lines / line)
              __builtin_prefetch(place + s * 64, 0, 2);
          if (i >= line - fetched) __builtin_prefetch(next.w + (line - 1 - i) * line, 0, 2);
          if (simd::many_registers && i == line / 2) {
            __builtin_prefetch(p.y[asked % R] + asked / R % V * lanes, 1, 3);
            ++asked;
          }
          step();
        }
      }
    }
    for (; l < p.depth; ++l) step();
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
      for (int v = 0; v < all; ++v) put(sum[r][v], p.y[r] + v * lanes, p.cols - v * lanes, p.add);
  }
  static void put(simd::Vector<T> sum, T* y, int cols, bool add) {
    if (cols >= lanes) {
      if (add) sum += simd::load(y);
      simd::store(y, sum);
    } else if (cols > 0) {
      const std::size_t bytes = std::size_t(cols) * sizeof(T);
      simd::Vector<T> before = {};
      if (add) std::memcpy(&before, y, bytes);
      sum += before;
      std::memcpy(y, &sum, bytes);
    }
  }

  /// Columns [begin, begin + lanes) of Wᵀ, which are rows of W; those beyond n are zero.
  void fill(int begin, std::span<const Matrix<const T>> blocks, std::span<const int> rows) {
    const T* from[lanes] = {};
    int block = 0, first = 0;
    for (int r = begin; r < std::min(begin + lanes, n_); ++r) {
      while (r >= first + rows[std::size_t(block)]) first += rows[std::size_t(block++)];
      from[r - begin] = blocks[std::size_t(block)][r - first];
    }
    const int panel = begin / width, step = stride(panel);
    T* to = data_.get() + std::ptrdiff_t(panel) * width * k_ + begin % width;
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

  /// Rows [from, from + count) of W as they stand there, of the columns that a panel's width from `begin` has.
  void turn(int from, int count, int begin, T* to) const {
    const int cols = std::min(width, k_ - begin), step = whole(cols);
    for (int p = from / width; p * width < from + count; ++p)
      for (int c = 0; c < stride(p); c += lanes, to += lanes * step)
        for (int v = 0; v < cols; v += lanes) {
          simd::Vector<T> square[lanes];
#pragma GCC unroll 16
          for (int r = 0; r < lanes; ++r)
            square[r] = v + r < cols ? simd::load(row(p, begin + v + r) + c) : simd::Vector<T>{};
          simd::transpose<T>(square);
#pragma GCC unroll 16
          for (int r = 0; r < lanes; ++r) simd::store(to + r * step + v, square[r]);
        }
  }

  int n_, k_;
  Pages<T> data_;
};

}  // namespace anser::cpu
