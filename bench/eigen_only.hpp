#pragma once
#include <memory>

namespace bench {

/// The library's packed product as it is built where oneDNN is not found, in the same program as the other.
class EigenProduct {
 public:
  /// W [n, k], which is copied.
  EigenProduct(const float* w, int n, int k);
  /// y [m, n] = x [m, k] Wᵀ, all dense.
  void multiply(const float* x, int m, float* y) const;

 private:
  std::shared_ptr<const void> packed_;
  int n_, k_;
};

}  // namespace bench
