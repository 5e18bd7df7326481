#pragma once
#include <array>
#include <cstddef>
#include <initializer_list>
#include <limits>
#include <ostream>

#include "error.hpp"

namespace anser {

/// Up to four sizes, row-major. Sizes are values read from a checkpoint, never template parameters.
/// As a matrix: the last axis is the columns, all others together the rows.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int> sizes) {
    check(sizes.size() <= dim_.size(), "Shape: at most 4 axes, not ", sizes.size());
    for (int n : sizes) append(n);
  }
  void append(int n) {
    check(rank_ < int(dim_.size()), "Shape: at most 4 axes");
    check(n >= 0, "Shape: an axis cannot have the size ", n);
    check(size() <= std::size_t(std::numeric_limits<int>::max()), "Shape: ", *this, " are too many rows");
    dim_[std::size_t(rank_++)] = n;
  }

  int rank() const { return rank_; }
  int operator[](int axis) const { return dim_[std::size_t(axis)]; }
  int cols() const { return rank_ ? dim_[std::size_t(rank_ - 1)] : 1; }
  int rows() const {
    int n = 1;
    for (int i = 0; i + 1 < rank_; ++i) n *= dim_[std::size_t(i)];
    return n;
  }
  std::size_t size() const { return std::size_t(rows()) * std::size_t(cols()); }
  bool operator==(const Shape&) const = default;

  friend std::ostream& operator<<(std::ostream& out, const Shape& s) {
    out << '[';
    for (int i = 0; i < s.rank_; ++i) out << (i ? ", " : "") << s[i];
    return out << ']';
  }

 private:
  std::array<int, 4> dim_{};
  int rank_ = 0;
};

}  // namespace anser
