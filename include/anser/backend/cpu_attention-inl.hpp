#pragma once
#include <algorithm>
#include <limits>

#include "../core/simd.hpp"
#include "cpu_attention.hpp"
#include "cpu_simd-inl.hpp"
#include "cpu_threads-inl.hpp"

namespace anser::cpu {
namespace detail {

inline constexpr int few_queries = 4;  // up to here keys and values are read as they lie; packing would cost more

/// The queries [begin, end) of one head of one example.
template <class T, class Out>
class AttentionHead {
 public:
  AttentionHead(const Attention<T, Out>& a, int example, int head) : a_(a), example_(example), head_(head) {
    const std::ptrdiff_t column = std::ptrdiff_t(head) * a.width;
    q_ = {a.q[std::ptrdiff_t(example) * a.queries] + column, a.q.stride};
    k_ = {a.k[std::ptrdiff_t(example) * a.key_rows] + column, a.k.stride};
    v_ = {a.v[std::ptrdiff_t(example) * a.key_rows] + column, a.v.stride};
    out_ = {a.out[std::ptrdiff_t(example) * a.queries] + column, a.out.stride};
    mask_ = a.mask ? a.mask[example] : nullptr;
    keys_ = a.keys;
    while (mask_ && keys_ > 0 && !mask_[keys_ - 1]) --keys_;  // padding at the end costs nothing
  }

  void run(int begin, int end) {
    if (end - begin <= few_queries)
      for (int i = begin; i < end; ++i) run_one(i);
    else
      run_blocks(begin, end);
  }

 private:
  static constexpr int cols = simd::tile_cols<T>;
  static constexpr int block = 4 * simd::tile_rows;

  static int panels(int n) { return (n + cols - 1) / cols; }
  static simd::Scratch<T>& scratch() {
    static thread_local simd::Scratch<T> memory;
    return memory;
  }

  /// How many keys query i sees, counted from the first.
  int seen(int i) const { return a_.causal ? std::clamp(i + a_.keys - a_.queries + 1, 0, keys_) : keys_; }

  /// Scores of query i over n keys to e^(score - top); returns their sum.
  T exponentiate(T* row, int i, int n) const {
    constexpr T hidden = -std::numeric_limits<T>::infinity();
    const T* bias = a_.bias ? a_.bias[head_] + (a_.queries - 1 - i) : nullptr;
    T top = hidden, sum = 0;
    if (bias) {
      ANSER_SIMD()
      for (int j = 0; j < n; ++j) row[j] += bias[j];
    }
    if (mask_) {
      ANSER_SIMD()
      for (int j = 0; j < n; ++j) row[j] = mask_[j] ? row[j] : hidden;
    }
    ANSER_SIMD(reduction(max : top))
    for (int j = 0; j < n; ++j) top = row[j] > top ? row[j] : top;
    if (top == hidden) {  // nothing seen; scores that are not numbers stay so
      std::replace(row, row + n, hidden, T(0));
      return 0;
    }
    ANSER_SIMD(reduction(+ : sum))
    for (int j = 0; j < n; ++j) {
      const T e = anser::simd::exp(row[j] - top);
      row[j] = e;
      sum += e;
    }
    return sum;
  }

  void run_one(int i) const {
    const int n = seen(i), width = a_.width;
    T* row = scratch().get(std::size_t(n) + std::size_t(width));
    T* sums = row + n;
    const T* q = q_[i];
    for (int j = 0; j < n; ++j) {
      const T* k = k_[j];
      T s = 0;
      ANSER_SIMD(reduction(+ : s))
      for (int d = 0; d < width; ++d) s += q[d] * k[d];
      row[j] = s;
    }
    const T sum = exponentiate(row, i, n);
    std::fill(sums, sums + width, T(0));
    int j = 0;
    for (; j + 4 <= n; j += 4) {
      const T *v0 = v_[j], *v1 = v_[j + 1], *v2 = v_[j + 2], *v3 = v_[j + 3];
      const T p0 = row[j], p1 = row[j + 1], p2 = row[j + 2], p3 = row[j + 3];
      ANSER_SIMD()
      for (int d = 0; d < width; ++d) sums[d] += (p0 * v0[d] + p1 * v1[d]) + (p2 * v2[d] + p3 * v3[d]);
    }
    for (; j < n; ++j) {
      const T* v = v_[j];
      const T p = row[j];
      ANSER_SIMD()
      for (int d = 0; d < width; ++d) sums[d] += p * v[d];
    }
    write(i, sums, 0, width, sum);
  }

  /// sums / sum to columns [first, first + n) of the result; nothing seen gives zeros.
  void write(int i, const T* sums, int first, int n, T sum) const {
    const T inverse = sum > 0 ? 1 / sum : T(0);
    Out* to = out_[i] + first;
    ANSER_SIMD()
    for (int d = 0; d < n; ++d) to[d] = Out(sums[d] * inverse);
  }

  void run_blocks(int begin, int end) const {
    const int width = a_.width, most = seen(end - 1), wide = panels(most) * cols;
    const std::size_t sizes[] = {std::size_t(wide) * std::size_t(width),                 // keys: panels [width, cols]
                                 std::size_t(panels(width) * cols) * std::size_t(most),  // values: panels [keys, cols]
                                 std::size_t(block) * std::size_t(width), std::size_t(block) * std::size_t(wide),
                                 std::size_t(block) * cols};
    T* keys = scratch().get(sizes[0] + sizes[1] + sizes[2] + sizes[3] + sizes[4]);
    T* values = keys + sizes[0];
    T* queries = values + sizes[1];
    T* scores = queries + sizes[2];
    T* sums = scores + sizes[3];
    pack_keys(keys, most);
    pack_values(values, most);
    std::fill(queries, queries + sizes[2], T(0));

    for (int first = begin; first < end; first += block) {
      const int rows = std::min(block, end - first), n = seen(first + rows - 1);
      T sum[block];
      for (int i = 0; i < rows; ++i) std::copy(q_[first + i], q_[first + i] + width, queries + i * width);
      for (int p = 0; p < panels(n); ++p)
        simd::multiply_panel(queries, width, rows, keys + std::ptrdiff_t(p) * width * cols, width, scores + p * cols,
                             wide);
      for (int i = 0; i < rows; ++i) {
        T* row = scores + std::ptrdiff_t(i) * wide;
        const int visible = seen(first + i);
        sum[i] = exponentiate(row, first + i, visible);
        std::fill(row + visible, row + n, T(0));
      }
      for (int p = 0; p < panels(width); ++p) {
        simd::multiply_panel(scores, wide, rows, values + std::ptrdiff_t(p) * most * cols, n, sums, cols);
        for (int i = 0; i < rows; ++i)
          write(first + i, sums + i * cols, p * cols, std::min(cols, width - p * cols), sum[i]);
      }
    }
  }

  /// Panels [width, cols] of keys side by side; columns without a key are zero.
  void pack_keys(T* to, int n) const {
    constexpr int lanes = simd::lanes<T>;
    const int width = a_.width;
    for (int first = 0; first < n; first += cols, to += std::ptrdiff_t(width) * cols) {
      for (int half = 0; half < cols; half += lanes) {
        const int begin = first + half, count = std::clamp(n - begin, 0, lanes);
        int d = 0;
        for (; d + lanes <= width; d += lanes) {
          simd::Vector<T> square[lanes] = {};
          if (count == lanes) {
#pragma GCC unroll 16
            for (int j = 0; j < lanes; ++j) square[j] = simd::load(k_[begin + j] + d);
          } else {
            for (int j = 0; j < count; ++j) square[j] = simd::load(k_[begin + j] + d);
          }
          simd::transpose<T>(square);
#pragma GCC unroll 16
          for (int l = 0; l < lanes; ++l) simd::store(to + std::ptrdiff_t(d + l) * cols + half, square[l]);
        }
        for (; d < width; ++d)
          for (int j = 0; j < lanes; ++j) to[std::ptrdiff_t(d) * cols + half + j] = j < count ? k_[begin + j][d] : T(0);
      }
    }
  }

  /// Panels [keys, cols] of the values' columns; columns beyond the width are zero.
  void pack_values(T* to, int n) const {
    for (int first = 0; first < a_.width; first += cols) {
      const int count = std::min(cols, a_.width - first);
      for (int j = 0; j < n; ++j, to += cols) {
        const T* v = v_[j] + first;
        if (count == cols) {
          simd::store(to, simd::load(v));
          simd::store(to + cols / 2, simd::load(v + cols / 2));
          continue;
        }
        std::copy(v, v + count, to);
        std::fill(to + count, to + cols, T(0));
      }
    }
  }

  const Attention<T, Out>& a_;
  int example_, head_;
  Matrix<const T> q_, k_, v_;
  Matrix<Out> out_;
  const std::int32_t* mask_;
  int keys_;  // up to the last that the mask shows
};

template <class T, class Out>
void attend_all(const Attention<T, Out>& a) {
  const int heads = a.examples * a.heads;
  int chunks = 1;  // of each head's queries; each packs the head's keys and values again
  const int threads = thread_count();
  const bool parallel = worth_threads(4.0 * heads * a.queries * a.keys * a.width);
  if (parallel && heads % threads != 0)
    while (heads * chunks < 4 * threads && a.queries / (chunks + 1) >= 64) ++chunks;
  const int size = (a.queries + chunks - 1) / chunks;
  for_units(heads * chunks, parallel, [&](int unit) {
    const int head = unit / chunks, begin = unit % chunks * size;
    AttentionHead<T, Out>(a, head / a.heads, head % a.heads).run(begin, std::min(begin + size, a.queries));
  });
}

}  // namespace detail

ANSER_INLINE void attend(const Attention<float, float>& a) { detail::attend_all(a); }
ANSER_INLINE void attend(const Attention<float, bf16>& a) { detail::attend_all(a); }
ANSER_INLINE void attend(const Attention<double, double>& a) { detail::attend_all(a); }

}  // namespace anser::cpu
