#pragma once
// Checks one op on one backend: its numbers against a naive sum in double, and its gradients against central finite
// differences where the backend computes in double, against Cpu<double>'s elsewhere. No Eigen, no fmt: .cu files read
// it.
#include <anser/backend/cpu.hpp>
#include <anser/core/random.hpp>
#include <anser/ops/elementwise.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace anser::test {

/// How far a result may be from the truth, as a part of the largest number of its tensor. A backend with other habits
/// specialises it.
template <class B>
struct Tolerance {
  static constexpr double value = std::is_same_v<typename B::element, bf16>  ? 2e-2
                                  : std::is_same_v<typename B::real, double> ? 1e-10
                                                                             : 2e-5;
  static constexpr double gradient = std::is_same_v<typename B::real, double> ? 1e-6 : 2 * value;
};

/// One device per backend for the whole program: starting one may be slow, and none need ever end.
template <Backend B>
B& device() {
  static B& d = *new B;
  return d;
}

/// Odd multiples of 1/128 in (-2, 2): never 0, and exact in bf16, so that every backend starts from the same.
inline std::vector<double> numbers(std::size_t n, std::uint64_t stream) {
  const Random random{20, stream};
  std::vector<double> v(n);
  for (std::size_t i = 0; i < n; ++i) v[i] = (2.0 * (random.draw(i)[0] % 256) - 255) / 128;
  return v;
}

/// A real tensor that an op is tried on.
struct Input {
  Shape shape;
  std::vector<double> values;
  bool learns = true;
};
inline Input input(Shape shape, std::uint64_t stream, bool learns = true) {
  return {shape, numbers(shape.size(), stream), learns};
}
inline Input frozen(Shape shape, std::uint64_t stream) { return input(shape, stream, false); }

template <Backend B, class T = typename B::real>
Tensor<B, T> tensor(B& on, Shape shape, const std::vector<double>& values, bool needs_grad = false) {
  std::vector<T> v(values.size());
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = T(accumulator<T>(values[i]));
  return {on, shape, v, needs_grad};
}
template <Backend B>
Index<B> indices(B& on, Shape shape, const std::vector<std::int32_t>& values) {
  return {on, shape, values};
}
template <Backend B>
Index<B> indices(B& on, const std::vector<std::int32_t>& values) {
  return {on, {int(values.size())}, values};
}
template <class T>
std::vector<double> doubles(const std::vector<T>& v) {
  std::vector<double> d(v.size());
  for (std::size_t i = 0; i < v.size(); ++i) d[i] = double(accumulator<T>(v[i]));
  return d;
}

/// max|a - b| / max|b|; of tensors near 0 a hundredfold the difference. Not a number where a or b is not.
inline double distance(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return INFINITY;
  double difference = 0, largest = 1e-2;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = std::fabs(a[i] - b[i]);
    if (!(d <= difference)) difference = d;
    if (std::isnan(d)) return d;
    largest = std::fmax(largest, std::fabs(b[i]));
  }
  return difference / largest;
}
inline void check_near(const std::vector<double>& a, const std::vector<double>& b, double tolerance, std::string what) {
  BOOST_TEST_REQUIRE(a.size() == b.size(), what << ": " << a.size() << " numbers, not " << b.size());
  const double d = distance(a, b);
  BOOST_TEST(d <= tolerance, what << " is off by " << d << " of its largest number, more than " << tolerance);
}

/// What an op gave on one backend.
struct Outcome {
  std::vector<double> value;
  std::vector<std::vector<double>> gradient;  // of every input that learns
};

/// Runs f(context, inputs) -> tensor; with a tape also the gradients of sum(result * fixed numbers).
template <Backend B, class F>
Outcome evaluate(const std::vector<Input>& inputs, const F& f, bool taped) {
  using R = typename B::real;
  B& on = device<B>();
  Tape tape;
  const Context<B> cx{on, taped ? &tape : nullptr};
  std::vector<Real<B>> in;
  for (const Input& i : inputs) in.push_back(tensor<B>(on, i.shape, i.values, taped && i.learns));
  const auto y = f(cx, in);
  Outcome outcome{doubles(y.host()), {}};
  if (!taped) return outcome;
  const auto weights = tensor<B>(on, {y.rows(), y.cols()}, numbers(y.shape().size(), 99));
  tape.backward<B>(sum(cx, multiply(cx, cast<R>(cx, y).as({y.rows(), y.cols()}), weights)));
  BOOST_TEST(tape.size() == 0u);
  for (std::size_t i = 0; i < in.size(); ++i)
    if (inputs[i].learns) outcome.gradient.push_back(doubles(in[i].host_grad()));
  return outcome;
}

/// Of a large tensor some elements stand for all.
inline std::size_t sample_step(std::size_t n) { return n <= 64 ? 1 : n / 50; }
inline std::vector<double> sampled(const std::vector<double>& all) {
  std::vector<double> some;
  for (std::size_t i = 0; i < all.size(); i += sample_step(all.size())) some.push_back(all[i]);
  return some;
}

/// Central finite differences of sum(result * the same fixed numbers), at the sampled elements of what learns. They are
/// of the function, whose values every backend has to share, so the quickest backend with doubles takes them.
template <class F>
std::vector<std::vector<double>> differences(std::vector<Input> inputs, const F& f) {
  constexpr double step = 1e-4;
  std::vector<std::vector<double>> all;
  auto contracted = [&] {
    const auto y = evaluate<Cpu<double>>(inputs, f, false).value;
    const auto weights = numbers(y.size(), 99);
    double s = 0;
    for (std::size_t i = 0; i < y.size(); ++i) s += y[i] * weights[i];
    return s;
  };
  for (Input& input : inputs) {
    if (!input.learns) continue;
    auto& gradient = all.emplace_back();
    for (std::size_t i = 0; i < input.values.size(); i += sample_step(input.values.size())) {
      // Four points: the error is of the order of step^4, far below what is asked of the gradients.
      const double at = input.values[i];
      auto moved = [&](double by) { return input.values[i] = at + by, contracted(); };
      gradient.push_back((8 * (moved(step) - moved(-step)) - (moved(2 * step) - moved(-2 * step))) / (12 * step));
      input.values[i] = at;
    }
  }
  return all;
}

/// The whole check of one op: `f(cx, inputs)` builds the result on any backend, `expected` is it in double.
template <Backend B, class F>
void check_op(const std::vector<Input>& inputs, const F& f, const std::vector<double>& expected) {
  const auto plain = evaluate<B>(inputs, f, false), taped = evaluate<B>(inputs, f, true);
  check_near(plain.value, expected, Tolerance<B>::value, "the result");
  check_near(taped.value, expected, Tolerance<B>::value, "the result with a tape");
  auto compare = [&](std::size_t i, const std::vector<double>& a, const std::vector<double>& b) {
    check_near(a, b, Tolerance<B>::gradient, concat("the gradient of learning input ", i));
  };
  if constexpr (std::is_same_v<typename B::real, double>) {
    const auto truth = differences(inputs, f);
    for (std::size_t i = 0; i < truth.size(); ++i) compare(i, sampled(taped.gradient[i]), truth[i]);
  } else {
    const auto truth = evaluate<Cpu<double>>(inputs, f, true).gradient;
    for (std::size_t i = 0; i < truth.size(); ++i) compare(i, taped.gradient[i], truth[i]);
  }
}

/// For BOOST_CHECK_EXCEPTION: does the error say this?
inline auto says(std::string words) {
  return [words](const Error& e) {
    const bool said = std::string(e.what()).find(words) != std::string::npos;
    if (!said) BOOST_TEST_MESSAGE("it says: " << e.what());
    return said;
  };
}

/// What op tests are written with: f(cx, in) for any backend.
template <Backend B>
using Inputs = std::vector<Tensor<B, typename B::real>>;

/// The product of a [m, k] and b [n, k], transposed.
inline std::vector<double> product_t(const std::vector<double>& a, const std::vector<double>& b, int m, int n, int k) {
  std::vector<double> y(std::size_t(m * n));
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j)
      for (int l = 0; l < k; ++l) y[std::size_t(i * n + j)] += a[std::size_t(i * k + l)] * b[std::size_t(j * k + l)];
  return y;
}
/// Rows [row, row + rows) and columns [col, col + cols) of a matrix that is `width` wide.
inline std::vector<double> part(const std::vector<double>& x, int width, int row, int rows, int col, int cols) {
  std::vector<double> y;
  for (int i = row; i < row + rows; ++i)
    for (int j = col; j < col + cols; ++j) y.push_back(x[std::size_t(i * width + j)]);
  return y;
}

}  // namespace anser::test
