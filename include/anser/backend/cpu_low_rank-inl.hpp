#pragma once
#include <algorithm>
#include <utility>
#include <vector>

#include "cpu_low_rank.hpp"
#include "cpu_low_rank_pack-inl.hpp"
#include "cpu_simd-inl.hpp"
#include "cpu_threads-inl.hpp"

namespace anser::cpu {
namespace detail {

/// Sums of all lanes by halves.
template <class T, int... Lane>
T sum_lanes(simd::Vector<T> v, std::integer_sequence<int, Lane...> all) {
  constexpr int n = sizeof...(Lane);
#pragma GCC unroll 8
  for (int half = n / 2; half > 0; half /= 2) {
    if (half == n / 2) v += __builtin_shufflevector(v, v, ((Lane + n / 2) % n)...);
    if (half == n / 4) v += __builtin_shufflevector(v, v, ((Lane + n / 4) % n)...);
    if (half == n / 8) v += __builtin_shufflevector(v, v, ((Lane + n / 8) % n)...);
    if (half == n / 16) v += __builtin_shufflevector(v, v, ((Lane + n / 16) % n)...);
  }
  (void)all;
  return v[0];
}
template <class T>
T sum_lanes(simd::Vector<T> v) {
  return sum_lanes<T>(v, std::make_integer_sequence<int, simd::lanes<T>>{});
}

/// The experts of one site over the rows routed to them: first h = weight scale f(A x + bias) for every slot, then
/// y += B h.
template <class In, class T>
class RoutedLowRank {
 public:
  explicit RoutedLowRank(const GroupedLowRank<In, T>& g) : g_(g) {
    double bytes = 0, work = 0;
    for (int e = 0; e < g.experts; ++e) {
      const int rows = g.begin[e + 1] - g.begin[e];
      if (!g.is_used(e)) continue;
      for (int at = g.begin[e]; at < g.begin[e + 1]; at += share)
        shares_.push_back({e, at, std::min(at + share, g.begin[e + 1])});
      max_rank_ = std::max(max_rank_, g.table[e].rank);
      bytes += double(sizeof(T)) * g.table[e].rank * (g.in + g.out);
      work += 2.0 * rows * g.table[e].rank * (g.in + g.out);
    }
    rows_.reserve(std::size_t(g.begin[g.experts]));
    for (int e = 0; e < g.experts; ++e)
      for (int at = g.begin[e]; at < g.begin[e + 1]; ++at) {
        rows_.push_back(g.order[at] / g.k);
        repeats_ |= at > g.begin[e] && rows_[std::size_t(at)] == rows_[std::size_t(at) - 1];
      }
    parallel_ = bytes > 2e5 || work > 5e5;
    h_stride_ = max_rank_;
  }

  /// f() with the memory between the two products.
  template <class F>
  void with_hidden(F f) {
    if (shares_.empty()) return;
    auto& memory = hidden();
    h_ = memory.get(std::size_t(g_.begin[g_.experts]) * std::size_t(h_stride_));
    f();
    memory.trim(std::size_t(1) << 23);  // dense routing over a large pool needs much, and then not again
  }
  void run() {
    with_hidden([&] { run_shares(); });
  }

  /// Slots [begin, end) of the order, all of one expert.
  struct Share {
    int expert, begin, end;
  };
  const std::vector<Share>& shares() const { return shares_; }

  /// h of a share; meanwhile A of another share is fetched.
  // One body for all callers: a second, inlined one may fuse other products and sums, and differ in the last bit.
  [[gnu::noinline]] void down(int which, int next) const {
    const Share& s = shares_[std::size_t(which)];
    const LowRank<T>& expert = g_.table[s.expert];
    const LowRank<T>& after = next < int(shares_.size()) ? g_.table[shares_[std::size_t(next)].expert] : expert;
    const auto multiply = [&](auto rows, int at) {
      const T* x[rows];
      T factor[rows];
      static thread_local simd::Scratch<T> wide;
      T* widened = std::is_same_v<In, T> ? nullptr : wide.get(std::size_t(rows) * std::size_t(g_.in));
      for (int i = 0; i < rows; ++i) {
        const In* u = g_.x[row(at + i)];
        factor[i] = g_.weight[g_.order[at + i]] * expert.scale;
        if constexpr (std::is_same_v<In, T>) {
          x[i] = u;
        } else {
          T* to = widened + std::ptrdiff_t(i) * g_.in;
          ANSER_SIMD()
          for (int j = 0; j < g_.in; ++j) to[j] = T(u[j]);
          x[i] = to;
        }
      }
      constexpr int dots = dots_for(rows);
      for (int r = 0; r < expert.rank; r += dots) {
        T sums[dots][rows];
        if (!expert.panels) {
          const T* a[dots];  // beyond the rank, its last row again
          for (int j = 0; j < dots; ++j) a[j] = expert.a + std::ptrdiff_t(std::min(r + j, expert.rank - 1)) * g_.in;
          multiply_dots<dots, rows>([&](int j, int i) { return a[j] + i; },
                                    [&](int j, int i) { return a[j] + std::ptrdiff_t(dots) * g_.in + i; },
                                    [&](int j, int i) { return a[j][i]; }, x, sums);
        } else if constexpr (dots == woven) {
          const T* a = expert.a + std::ptrdiff_t(r) * g_.in;
          const std::ptrdiff_t left = std::ptrdiff_t(expert.rank - r) * g_.in;
          const int whole = g_.in / lanes * lanes;
          multiply_dots<dots, rows>([&](int j, int i) { return a + i * dots + j * lanes; },
                                    [&](int j, int i) {
                                      const std::ptrdiff_t to = i * dots + j * lanes + lead;
                                      return to < left ? a + to : after.a + (to - left);
                                    },
                                    [&](int j, int i) { return a[whole * dots + j * (g_.in - whole) + i - whole]; }, x,
                                    sums);
        }
        for (int j = 0; j < dots && r + j < expert.rank; ++j)
          for (int i = 0; i < rows; ++i) h(at + i)[r + j] = sums[j][i];
      }
      with_function(g_.activation, [&](auto f) {
        for (int i = 0; i < rows; ++i) {
          T* hidden = h(at + i);
          const T by = factor[i], *bias = expert.bias;
          if (bias) {
            ANSER_SIMD()
            for (int r = 0; r < expert.rank; ++r) hidden[r] += bias[r];
          }
          ANSER_SIMD()
          for (int r = 0; r < expert.rank; ++r) hidden[r] = by * f(hidden[r]);
        }
      });
    };
    in_blocks(s.begin, s.end, multiply, expert.panels ? woven_rows : most_rows);
  }

  /// Experts [from, to) into columns [first, last) of y, where nobody else writes; first begins a panel.
  [[gnu::noinline]] void up(int first, int last, int from, int to) const {
    static thread_local simd::Scratch<T> memory;
    const int whole = first + (last - first) / lanes * lanes;  // what follows is no vector
    const std::ptrdiff_t padded = (max_rank_ + lanes - 1) / lanes * lanes;
    T* transposed = nullptr;
    for (int e = from; e < to; ++e) {
      const LowRank<T>& expert = g_.table[e];
      if (!g_.is_used(e)) continue;
      const T* panels;
      if (expert.panels) {
        panels = expert.panels + std::ptrdiff_t(first) * expert.rank;
      } else {
        if (!transposed) transposed = memory.get(std::size_t(padded) * std::size_t(whole - first + cols));
        for (int o = first; o < whole; o += lanes)  // a vector's last rows may lie where the next panel begins
          transpose_rows(expert, o,
                         transposed + std::ptrdiff_t((o - first) / cols * cols) * expert.rank + (o - first) % cols);
        panels = transposed;
      }
      bool fetch = true;
      in_blocks(
          g_.begin[e], g_.begin[e + 1],
          [&](auto rows, int at) {
            add_columns<rows>(e, panels, at, first, whole, std::exchange(fetch, false) ? to : 0);
          },
          repeats_ ? 1 : most_rows);
      for (int o = whole; o < last; ++o)
        for (int at = g_.begin[e]; at < g_.begin[e + 1]; ++at) {
          T s = 0;
          const T* b = expert.panels ? expert.panels + std::ptrdiff_t(o / cols * cols) * expert.rank + o % cols
                                     : expert.b + std::ptrdiff_t(o) * expert.rank;
          const int step = expert.panels ? cols : 1;
          for (int r = 0; r < expert.rank; ++r) s += h(at)[r] * b[std::ptrdiff_t(r) * step];
          g_.y[row(at)][o] += s;
        }
    }
  }

 private:
  void run_shares() {
#if defined(_OPENMP)
    if (parallel_ && thread_count() > 1) {
      Rescue rescue;
#pragma omp parallel
      {
        const int units = (g_.out + cols - 1) / cols, threads = omp_get_num_threads(), t = omp_get_thread_num();
#pragma omp for schedule(dynamic)
        for (int s = 0; s < int(shares_.size()); ++s) rescue.run([&] { down(s, s + threads); });
        rescue.run(
            [&] { up(units * t / threads * cols, std::min(g_.out, units * (t + 1) / threads * cols), 0, g_.experts); });
      }
      rescue.rethrow();
      return;
    }
#endif
    for (int s = 0; s < int(shares_.size()); ++s) down(s, s + 1);
    up(0, g_.out, 0, g_.experts);
  }

  static constexpr int share = 96;
  static constexpr int lanes = simd::lanes<T>;
  static constexpr int vectors = simd::panel_vectors;
  static constexpr int cols = vectors * lanes;
  static constexpr int most_rows = simd::many_registers ? 8 : 4;  // of x or y that are multiplied at once
  /// Of x beside woven rows of A: all sums stay in registers.
  static constexpr int woven_rows = simd::many_registers ? 6 : 4;
  /// Rows of another A beside so many of x.
  static constexpr int dots_for(int rows) { return rows <= woven_rows ? woven : 2; }
  static constexpr int ahead_cols = 2 * cols;         // of B, from what is multiplied to what is fetched
  static constexpr int lead = 4096 / int(sizeof(T));  // from what is multiplied of a packed A to what is fetched

  static simd::Scratch<T>& hidden() {
    static thread_local simd::Scratch<T> memory;
    return memory;
  }
  int row(int at) const { return rows_[std::size_t(at)]; }
  T* h(int at) const { return h_ + std::ptrdiff_t(at) * h_stride_; }

  /// Calls f with the number of rows as a constant, in as few and as equal blocks as possible: each reads the expert.
  template <class F>
  static void in_blocks(int begin, int end, F f, int most = most_rows) {
    for (int blocks = (end - begin + most - 1) / most; blocks > 0; --blocks) {
      const int rows = (end - begin + blocks - 1) / blocks;
      call_with(rows, std::make_integer_sequence<int, most_rows>{}, [&](auto constant) { f(constant, begin); });
      begin += rows;
    }
  }
  template <int... Less, class F>
  static void call_with(int rows, std::integer_sequence<int, Less...>, F f) {
    (void)((rows == Less + 1 && (f(std::integral_constant<int, Less + 1>{}), true)) || ...);
  }

  /// Rows of A beside rows of x. a(j, i) is where numbers i to i + lanes of the j-th row lie, ahead(j, i) what is
  /// fetched meanwhile, one(j, i) a number beyond the last whole vector.
  template <int dots, int Rows, class A, class Ahead, class One>
  void multiply_dots(A a, Ahead ahead, One one, const T* const* x, T (*sums)[Rows]) const {
    simd::Vector<T> sum[dots][Rows] = {};
    int i = 0;
    for (; i + lanes <= g_.in; i += lanes) {
      simd::Vector<T> va[dots];
#pragma GCC unroll 8
      for (int j = 0; j < dots; ++j) {
        va[j] = simd::load(a(j, i));
        simd::keep(va[j]);
        __builtin_prefetch(ahead(j, i));  // the processor itself stops at each page
      }
#pragma GCC unroll 8
      for (int r = 0; r < Rows; ++r) {
        const auto vx = simd::load(x[r] + i);
#pragma GCC unroll 8
        for (int j = 0; j < dots; ++j) sum[j][r] += va[j] * vx;
      }
    }
#pragma GCC unroll 8
    for (int j = 0; j < dots; ++j)
#pragma GCC unroll 8
      for (int r = 0; r < Rows; ++r) {
        T s = sum_lanes<T>(sum[j][r]);
        for (int l = i; l < g_.in; ++l) s += one(j, l) * x[r][l];
        sums[j][r] = s;
      }
  }

  /// What is read some panels of B later, of this expert or of one before `to`. Both orders of B hold columns o to
  /// o + cols at o rank.
  const T* rows_ahead(int e, int o, int first, int last, int to) const {
    const auto place = [&](const LowRank<T>& of, int column) {
      return (of.panels ? of.panels : of.b) + std::ptrdiff_t(column) * of.rank;
    };
    int beyond = o + ahead_cols - last;
    if (beyond < 0) return place(g_.table[e], o + ahead_cols);
    for (int next = e + 1; next < to; ++next) {
      if (!g_.is_used(next)) continue;
      if (first + beyond < last) return place(g_.table[next], first + beyond);
      beyond -= last - first;
    }
    return place(g_.table[e], o);
  }

  /// Rows [o, o + lanes) of B as columns: to [rank, cols].
  void transpose_rows(const LowRank<T>& expert, int o, T* to) const {
    const std::ptrdiff_t size = std::ptrdiff_t(g_.out) * expert.rank;
    for (int r = 0; r < expert.rank; r += lanes) {
      simd::Vector<T> square[lanes];
      const std::ptrdiff_t from = std::ptrdiff_t(o) * expert.rank + r;
      if (from + std::ptrdiff_t(lanes - 1) * expert.rank + lanes <= size) {  // what follows a row is read and not used
#pragma GCC unroll 16
        for (int j = 0; j < lanes; ++j) square[j] = simd::load(expert.b + from + std::ptrdiff_t(j) * expert.rank);
      } else {
        for (int j = 0; j < lanes; ++j) {
          T row[lanes] = {};
          std::copy_n(expert.b + from + std::ptrdiff_t(j) * expert.rank, std::min(lanes, expert.rank - r), row);
          square[j] = simd::load(row);
        }
      }
      simd::transpose<T>(square);
#pragma GCC unroll 16
      for (int j = 0; j < lanes; ++j) simd::store(to + std::ptrdiff_t(r + j) * cols, square[j]);
    }
  }

  /// y += B h for some slots and columns [first, last), panel by panel. Where it fetches what comes, up to the expert
  /// `to`, then bit by bit between the products: all at once it would wait for the memory.
  template <int Rows>
  void add_columns(int e, const T* b, int at, int first, int last, int to) const {
    const int rank = g_.table[e].rank;
    T *y[Rows], *next[Rows];
    const int slots = g_.begin[g_.experts];
    for (int i = 0; i < Rows; ++i) {
      y[i] = g_.y[row(at + i)] + first;
      next[i] = g_.y[row(std::min(at + Rows + i, slots - 1))] + first;
    }
    int o = first;
    for (; o + cols <= last; o += cols, b += std::ptrdiff_t(cols) * rank)
      add_panel<Rows, vectors>(y, o + 2 * cols <= last ? nullptr : next, b, to ? rows_ahead(e, o, first, last, to) : b,
                               h(at), rank);
    if (last - o == 2 * lanes) add_panel<Rows, 2>(y, nullptr, b, b, h(at), rank);
    if (last - o == lanes) add_panel<Rows, 1>(y, nullptr, b, b, h(at), rank);
  }
  /// One panel of columns, where y begin; they go on behind it. Lines of y that come are asked for meanwhile: of the
  /// rows `next`, or those behind.
  template <int Rows, int Vectors>
  void add_panel(T** y, T* const* next, const T* b, const T* ahead, const T* hidden, int rank) const {
    simd::Vector<T> sum[Rows][Vectors];
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 8
      for (int v = 0; v < Vectors; ++v) sum[i][v] = simd::load(y[i] + v * lanes);
    for (int r = 0; r < rank; ++r, b += cols, ahead += cols, ++hidden) {
      simd::Vector<T> line[Vectors];
#pragma GCC unroll 8
      for (int v = 0; v < Vectors; ++v) {
        line[v] = simd::load(b + v * lanes);
        simd::keep(line[v]);
        __builtin_prefetch(ahead + v * lanes);
      }
      if (r < Rows) {
        const T* asked = next ? next[r] : y[r] + cols;
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) __builtin_prefetch(asked + v * lanes, 1, 3);
      }
#pragma GCC unroll 8
      for (int i = 0; i < Rows; ++i) {
        const T s = hidden[i * h_stride_];
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) sum[i][v] += s * line[v];
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 8
      for (int v = 0; v < Vectors; ++v) simd::store(y[i] + v * lanes, sum[i][v]);
      y[i] += Vectors * lanes;
    }
  }

  const GroupedLowRank<In, T>& g_;
  std::vector<Share> shares_;
  std::vector<int> rows_;  // of the slots in order
  int max_rank_ = 0;
  std::ptrdiff_t h_stride_ = 0;
  bool parallel_ = false;
  bool repeats_ = false;  // a row may use an expert twice; tiles of several rows would then lose a sum
  T* h_ = nullptr;        // [slots in order, max_rank]
};

}  // namespace detail

ANSER_INLINE void add_low_rank(const GroupedLowRank<float, float>& g) { detail::RoutedLowRank(g).run(); }
ANSER_INLINE void add_low_rank(const GroupedLowRank<bf16, float>& g) { detail::RoutedLowRank(g).run(); }
ANSER_INLINE void add_low_rank(const GroupedLowRank<double, double>& g) { detail::RoutedLowRank(g).run(); }

}  // namespace anser::cpu
