#pragma once
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "../core/activation.hpp"
#include "../core/config.hpp"
#include "../core/scalar.hpp"

namespace anser {

/// Rows of memory with a stride: what kernels see of a tensor. `x[r][j]`.
template <class T>
struct Matrix {
  T* data = nullptr;
  std::ptrdiff_t stride = 0;

  ANSER_HD T* operator[](std::ptrdiff_t row) const { return data + row * stride; }
  ANSER_HD explicit operator bool() const { return data != nullptr; }
  template <class U>
  requires(!std::is_const_v<T> && std::is_same_v<U, const T>) ANSER_HD operator Matrix<U>() const {
    return {data, stride};
  }
};

/// A loop over equal matrices: how many, and how far apart their first elements are.
struct Stride {
  int count = 1;
  std::ptrdiff_t a = 0, b = 0, c = 0;
};

/// C = alpha op(A) op(B) + beta C, row-major; C is m x n, the inner size is k. Repeated over outer x inner matrices.
template <class In, class Out>
struct Gemm {
  Matrix<const In> a, b;
  Matrix<Out> c;
  int m, n, k;
  bool transpose_a = false, transpose_b = false;
  float alpha = 1, beta = 0;
  Stride outer{}, inner{};
};

/// softmax(q kᵀ + bias) v for every example and head. Heads lie side by side in the columns, each `width` wide.
/// A backend may offer `attend(const Attention<real, Out>&)` for inference; without it the ops compose GEMM and
/// softmax.
template <class T, class Out>
struct Attention {
  Matrix<const T> q;     // [examples * queries, heads * width]
  Matrix<const T> k, v;  // rows of example b start at b * key_rows
  Matrix<Out> out;       // [examples * queries, heads * width]
  int examples, heads, queries, keys, width;
  int key_rows;                     // rows from one example's keys to the next: at least `keys`
  Matrix<const T> bias;             // [heads, queries + keys - 1] or null; key j, query i: bias[h][j - i + queries - 1]
  Matrix<const std::int32_t> mask;  // [examples, keys] or null; 0 hides a key
  bool causal;                      // key j is seen by query i where j <= i + keys - queries
};

/// One expert's low-rank product at a site: A [rank, in], B [out, rank], dense and row-major. Rank 0: no expert here.
template <class T>
struct LowRank {
  const T* a = nullptr;
  const T* b = nullptr;
  int rank = 0;
  T scale = 1;
  const T* panels = nullptr;  // B, and then A too, in the order in which the backend's own low_rank reads it, or null
  const T* bias = nullptr;    // [rank], added to A x, or null
};

/// A frozen expert's A and B as a backend's low_rank likes them best.
template <class T>
struct PackedLowRank {
  std::shared_ptr<const void> memory;
  const T* a = nullptr;
  const T* panels = nullptr;
};

/// y[row] += sum over the row's k slots of weight * scale_e * B_e f(A_e x[row] + bias_e), e = expert[row * k + slot].
/// A backend may offer `low_rank(const GroupedLowRank<In, T>&)` for inference, which reads each used expert once, and
/// `pack_low_rank(a, b, rank, in, out)` -> PackedLowRank<T>, for experts that it is going to read often.
template <class In, class T>
struct GroupedLowRank {
  Matrix<const In> x;  // [rows, in]
  Matrix<T> y;         // [rows, out]
  int rows, in, out, k, experts;
  const LowRank<T>* table;                   // [experts]
  const std::int32_t* order;                 // [rows * k] slots row * k + s, sorted by expert, ascending within one
  const std::int32_t* begin;                 // [experts + 1] where each expert's slots begin in `order`
  const T* weight;                           // [rows * k]
  Activation activation = Activation::none;  // f

  /// Whether some slot hears an expert that is there; of tables in the host's memory.
  bool is_used(int e) const { return begin[e] < begin[e + 1] && table[e].rank > 0; }
};

/// A backend may also offer `gemm_low_rank(w, g)`: g.y = g.x Wᵀ of frozen weights W [g.out, g.in], and `low_rank(g)` on
/// top of it, in one pass where there are at least `one_pass_rows` rows. Weights that read the same x are packed apart
/// for it; fewer rows are multiplied with all of them at once: gemm(weights, x, rows, ys).
template <class B>
concept MultipliesLowRank = requires(B& b, const typename B::Packed& w,
                                     const GroupedLowRank<typename B::element, typename B::real>& g,
                                     std::span<const typename B::Packed* const> weights,
                                     std::span<const Matrix<typename B::real>> ys) {
  b.gemm_low_rank(w, g);
  b.gemm(weights, g.x, 1, ys);
  { B::one_pass_rows } -> std::convertible_to<int>;
  { w.n } -> std::convertible_to<int>;
  { w.k } -> std::convertible_to<int>;
};

/// One thread pretending to be a team: a CPU's whole "block".
struct Solo {
  ANSER_HD static constexpr int rank() { return 0; }
  ANSER_HD static constexpr int size() { return 1; }
  template <class T>
  ANSER_HD static T sum(T v) {
    return v;
  }
  template <class T>
  ANSER_HD static T max(T v) {
    return v;
  }
};

/// A row kernel: a named struct whose operator()(Team, row) strides by team.size() and reduces with team.sum and
/// team.max (every member calls them, and all get the result). An overload for Solo is the tuned CPU form.
struct AnyKernel {
  template <class Team>
  void operator()(Team, int) const;
};

/// A backend owns memory, GEMM, and one way to run a row kernel.
/// `element` is the storage type of weights and GEMM inputs; `real` that of everything that accumulates.
/// `Packed` holds frozen weights W [n, k], one below the other, in the form its GEMM likes best: gemm(w, x, m, y) is
/// y [m, n] = x Wᵀ, and gemm_back(w, dy, m, first, dx) is dx [m, k] += dy [m, first] W with the first rows of W.
template <class B>
concept Backend = requires(B& b, void* p, const void* q, std::size_t bytes, const typename B::Packed& w,
                           AnyKernel kernel, const Gemm<typename B::element, typename B::real>& g,
                           std::span<const Matrix<const typename B::element>> blocks, std::span<const int> rows,
                           Matrix<const typename B::element> x, Matrix<typename B::real> y) {
  typename B::element;
  typename B::real;
  { B::on_host } -> std::convertible_to<bool>;
  { b.allocate(bytes) } -> std::same_as<void*>;
  b.release(p, bytes);
  b.upload(p, q, bytes);
  b.download(p, q, bytes);
  b.copy(p, q, bytes);
  b.zero(p, bytes);
  b.gemm(g);
  { b.pack(blocks, rows, 1) } -> std::same_as<typename B::Packed>;
  b.gemm(w, x, 1, y);
  b.gemm_back(w, x, 1, 1, y);
  b.for_rows(1, std::size_t(1), kernel);
};

/// Declared, never defined: policies are checked against it without Eigen or CUDA.
struct AnyBackend {
  using element = float;
  using real = float;
  static constexpr bool on_host = false;  // may the host read and write device memory directly?
  struct Packed {};
  void* allocate(std::size_t);
  void release(void*, std::size_t);
  void upload(void*, const void*, std::size_t);
  void download(void*, const void*, std::size_t);
  void copy(void*, const void*, std::size_t);
  void zero(void*, std::size_t);
  void gemm(const Gemm<float, float>&);
  Packed pack(std::span<const Matrix<const float>>, std::span<const int>, int);
  void gemm(const Packed&, Matrix<const float>, int, Matrix<float>);
  void gemm_back(const Packed&, Matrix<const float>, int, int, Matrix<float>);
  template <class K>
  void for_rows(int, std::size_t, K);
};
static_assert(Backend<AnyBackend>);

}  // namespace anser
