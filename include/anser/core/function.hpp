#pragma once
#include <cmath>

#include "config.hpp"

namespace anser::function {

// Functions of one number for map(): a value, and the slope there.

/// ln(x + eps)
struct Log {
  double eps = 0;
  template <class T>
  ANSER_HD T operator()(T x) const {
    return std::log(x + T(eps));
  }
  template <class T>
  ANSER_HD T slope(T x) const {
    return 1 / (x + T(eps));
  }
};

/// 1 / (x + eps)
struct Reciprocal {
  double eps = 0;
  template <class T>
  ANSER_HD T operator()(T x) const {
    return 1 / (x + T(eps));
  }
  template <class T>
  ANSER_HD T slope(T x) const {
    return -1 / ((x + T(eps)) * (x + T(eps)));
  }
};

/// 0 up to -1/2, 1 from 1/2, and between them the cubic -2 x^3 + 3/2 x + 1/2 (Hazimeh et al. 2021, equation 3).
struct SmoothStep {
  template <class T>
  ANSER_HD T operator()(T x) const {
    return x <= T(-0.5) ? T(0) : x >= T(0.5) ? T(1) : (T(1.5) - 2 * x * x) * x + T(0.5);
  }
  template <class T>
  ANSER_HD T slope(T x) const {
    return x > T(-0.5) && x < T(0.5) ? T(1.5) - 6 * x * x : T(0);
  }
};

/// x^2 / 2 where |x| < 1, else |x| - 1/2 (Huber 1964, delta 1).
struct Huber {
  template <class T>
  ANSER_HD T operator()(T x) const {
    const T a = x < 0 ? -x : x;
    return a < 1 ? a * a / 2 : a - T(0.5);
  }
  template <class T>
  ANSER_HD T slope(T x) const {
    return x <= -1 ? T(-1) : x >= 1 ? T(1) : x;
  }
};

}  // namespace anser::function
