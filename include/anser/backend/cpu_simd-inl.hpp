#pragma once
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <type_traits>
#include <utility>

#include "../core/error.hpp"
#include "cpu_gemm.hpp"

/// Vectors of this machine's width as the compiler's own types, and the small products made of them.
namespace anser::cpu::simd {

#if defined(__AVX512F__)
inline constexpr int vector_bytes = 64;
inline constexpr int tile_rows = 12;  // with two vectors a row, 24 sums of 32 registers
#elif defined(__AVX__)
inline constexpr int vector_bytes = 32;
inline constexpr int tile_rows = 6;
#else
inline constexpr int vector_bytes = 16;
inline constexpr int tile_rows = 6;
#endif

template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  typedef float type __attribute__((vector_size(vector_bytes)));
};
template <>
struct VectorOf<double> {
  typedef double type __attribute__((vector_size(vector_bytes)));
};
template <class T>
using Vector = typename VectorOf<T>::type;

template <class T>
inline constexpr int lanes = vector_bytes / int(sizeof(T));
/// Of vectors of AVX-512: 32, where others are reckoned to have 16.
inline constexpr bool many_registers = vector_bytes == 64;
/// Vectors in a row of the panels in which packed weights lie, and B of packed experts.
inline constexpr int panel_vectors = 3;
/// Columns of a tile of the products below, and of the panels that they read.
template <class T>
inline constexpr int tile_cols = 2 * lanes<T>;

template <class T>
Vector<T> load(const T* p) {
  Vector<T> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <class T>
void store(T* p, const Vector<T>& v) {
  __builtin_memcpy(p, &v, sizeof v);
}

/// Keeps a vector that several sums need in a register. GCC otherwise reads it from memory for each, and of AVX2's two
/// reads a cycle nothing is left for what each sum reads for itself: 0.54 of the FMA peak where this has 0.76. Of
/// AVX-512 it keeps them anyway.
template <class T>
void keep([[maybe_unused]] T& vector) {
#if defined(__x86_64__) && defined(__FMA__) && !defined(__AVX512F__)
  asm("" : "+x"(vector));
#endif
}

/// c [rows, tile_cols] = a [rows, k] b, b a panel [k, tile_cols].
template <int Rows, class T>
void multiply_tile(const T* a, std::ptrdiff_t a_stride, const T* b, int k, T* c, std::ptrdiff_t c_stride) {
  Vector<T> sum[Rows][2] = {};
  for (int l = 0; l < k; ++l, b += tile_cols<T>) {
    Vector<T> b0 = load(b), b1 = load(b + lanes<T>);
    keep(b0);
    keep(b1);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const T s = a[i * a_stride + l];
      sum[i][0] += s * b0;
      sum[i][1] += s * b1;
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) {
    store(c + i * c_stride, sum[i][0]);
    store(c + i * c_stride + lanes<T>, sum[i][1]);
  }
}

/// How many rows the tiles that cover `rows` rows have together; operands must have room for them.
inline constexpr int covered(int rows) {
  constexpr int third = tile_rows / 3;
  return (rows + third - 1) / third * third;
}

/// The same for any number of rows; covered(rows) of a and c are touched.
template <class T>
void multiply_panel(const T* a, std::ptrdiff_t a_stride, int rows, const T* b, int k, T* c, std::ptrdiff_t c_stride) {
  constexpr int third = tile_rows / 3;
  for (; rows > 2 * third; rows -= tile_rows, a += tile_rows * a_stride, c += tile_rows * c_stride)
    multiply_tile<tile_rows>(a, a_stride, b, k, c, c_stride);
  if (rows > third)
    multiply_tile<2 * third>(a, a_stride, b, k, c, c_stride);
  else if (rows > 0)
    multiply_tile<third>(a, a_stride, b, k, c, c_stride);
}

namespace detail {
template <class T, int Step, int... Lane>
void exchange(Vector<T>& a, Vector<T>& b, std::integer_sequence<int, Lane...>) {
  constexpr int n = sizeof...(Lane);
  const Vector<T> x = a, y = b;
  a = __builtin_shufflevector(x, y, (Lane & Step ? n + Lane - Step : Lane)...);
  b = __builtin_shufflevector(x, y, (Lane & Step ? n + Lane : Lane + Step)...);
}
template <class T, int Step>
void exchange_all(Vector<T>* v) {
  if constexpr (Step < lanes<T>) {
#pragma GCC unroll 16
    for (int i = 0; i < lanes<T>; ++i)
      if (!(i & Step)) exchange<T, Step>(v[i], v[i + Step], std::make_integer_sequence<int, lanes<T>>{});
    exchange_all<T, 2 * Step>(v);
  }
}
}  // namespace detail

/// A square of as many vectors as lanes, transposed.
template <class T>
void transpose(Vector<T>* v) {
  detail::exchange_all<T, 1>(v);
}

/// Memory of one thread that stays for its next request.
template <class T>
class Scratch {
 public:
  T* get(std::size_t n) {
    if (n > size_) {
      data_.reset();
      size_ = 0;
      data_.reset(static_cast<T*>(allocate_pages(n * sizeof(T))));
      size_ = n;
    }
    return data_.get();
  }
  /// Keep no more than `most` until the next time.
  void trim(std::size_t most) {
    if (size_ <= most) return;
    data_.reset();
    size_ = 0;
  }

 private:
  Pages<T> data_;
  std::size_t size_ = 0;
};

}  // namespace anser::cpu::simd
