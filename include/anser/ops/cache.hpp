#pragma once
#include "../tensor/context.hpp"

namespace anser {
namespace kernel {

/// cache[b * capacity + at + t] = x[b * tokens + t]; a row is a row of x.
template <class T>
struct AppendRows {
  Matrix<const T> x;
  Matrix<T> cache;
  int tokens, capacity, at, n;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    T* to = cache[std::ptrdiff_t(r / tokens) * capacity + at + r % tokens];
    for (int j = team.rank(); j < n; j += team.size()) to[j] = x[r][j];
  }
};

/// to[b * to_capacity + t] = from[source[b] * from_capacity + t]; a row is (b, t). A null source is the identity.
template <class T>
struct SelectExamples {
  Matrix<const T> from;
  Matrix<T> to;
  const std::int32_t* source;
  int tokens, from_capacity, to_capacity, n;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const int b = r / tokens, t = r % tokens;
    const T* row = from[std::ptrdiff_t(source ? source[b] : b) * from_capacity + t];
    for (int j = team.rank(); j < n; j += team.size()) to[std::ptrdiff_t(b) * to_capacity + t][j] = row[j];
  }
};

}  // namespace kernel

/// The keys or values of the tokens so far: [examples * capacity, n], `length` of them filled. Inference only.
template <Backend B>
class TokenCache {
 public:
  int length() const { return length_; }
  int capacity() const { return capacity_; }
  const Real<B>& rows() const { return rows_; }

  /// x [examples * tokens, n] behind what is there; the capacity doubles when it is full.
  void append(const Context<B>& cx, const Real<B>& x, int examples) {
    check(examples > 0 && x.rows() % examples == 0 && (!length_ || rows_.rows() == examples * capacity_),
          "cache: ", x.shape(), " for ", examples, " examples; the tokens so far are of ",
          capacity_ ? rows_.rows() / capacity_ : 0);
    const int tokens = x.rows() / examples;
    if (length_ + tokens > capacity_) {
      int wanted = capacity_ ? capacity_ * 2 : 16;
      while (wanted < length_ + tokens) wanted *= 2;
      move(cx, nullptr, examples, wanted, x.cols());
    }
    run(cx.device, x.rows(), std::size_t(x.cols()),
        kernel::AppendRows<R>{x.matrix(), rows_.matrix(), tokens, capacity_, length_, x.cols()});
    length_ += tokens;
  }
  /// Example b becomes a copy of what example source[b] was (beam search).
  void select(const Context<B>& cx, const Index<B>& source) {
    move(cx, source.data(), int(source.shape().size()), capacity_, rows_.cols());
  }

 private:
  using R = typename B::real;
  void move(const Context<B>& cx, const std::int32_t* source, int examples, int capacity, int n) {
    Real<B> to(cx.device, {examples * capacity, n});
    if (length_)
      run(cx.device, examples * length_, std::size_t(n),
          kernel::SelectExamples<R>{rows_.matrix(), to.matrix(), source, length_, capacity_, capacity, n});
    rows_ = to;
    capacity_ = capacity;
  }
  Real<B> rows_;
  int length_ = 0, capacity_ = 0;
};

}  // namespace anser
