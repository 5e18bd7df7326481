#pragma once
#include <string_view>

#include "simd.hpp"

namespace anser {

/// Functions of one number, with their slopes.
namespace function {
struct Identity {
  template <class T>
  ANSER_HD T operator()(T x) const {
    return x;
  }
  template <class T>
  ANSER_HD T slope(T) const {
    return 1;
  }
};
struct Scale {
  double s;
  template <class T>
  ANSER_HD T operator()(T x) const {
    return T(s) * x;
  }
  template <class T>
  ANSER_HD T slope(T) const {
    return T(s);
  }
};
struct Sigmoid {
  template <class T>
  ANSER_HD T operator()(T x) const {
    return simd::sigmoid(x);
  }
  template <class T>
  ANSER_HD T slope(T x) const {
    const T y = (*this)(x);
    return y * (1 - y);
  }
};
/// x times its sigmoid, also called swish.
struct Silu {
  template <class T>
  ANSER_HD T operator()(T x) const {
    return x * simd::sigmoid(x);
  }
  template <class T>
  ANSER_HD T slope(T x) const {
    const T s = simd::sigmoid(x);
    return s + x * s * (1 - s);
  }
};
struct Relu {
  template <class T>
  ANSER_HD T operator()(T x) const {
    return x < 0 ? T(0) : x;  // what is not a number stays so, for somebody to notice
  }
  template <class T>
  ANSER_HD T slope(T x) const {
    return x > 0 ? T(1) : T(0);
  }
};
/// x/2 (1 + erf(x / sqrt 2)): x times the normal distribution's probability of being below x.
struct Gelu {
  template <class T>
  ANSER_HD T operator()(T x) const {
    return x / 2 * (1 + simd::erf(x * T(0.7071067811865476)));
  }
  template <class T>
  ANSER_HD T slope(T x) const {
    return (1 + simd::erf(x * T(0.7071067811865476))) / 2 + x * T(0.3989422804014327) * simd::exp(-x * x / 2);
  }
};
/// The tanh form of GELU that T5 v1.1 uses: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
struct GeluNew {
  template <class T>
  ANSER_HD T operator()(T x) const {
    return x / 2 * (1 + simd::tanh(T(0.7978845608028654) * (x + T(0.044715) * x * x * x)));
  }
  template <class T>
  ANSER_HD T slope(T x) const {
    const T c = T(0.7978845608028654), t = simd::tanh(c * (x + T(0.044715) * x * x * x));
    return (1 + t) / 2 + x / 2 * (1 - t * t) * c * (1 + T(0.134145) * x * x);
  }
};
}  // namespace function

/// What stands between the two products of a bottleneck.
enum class Activation { none, relu, silu, gelu_new };

/// Their names in files, in order.
inline constexpr std::string_view activation_names[]{"none", "relu", "silu", "gelu_new"};

/// Calls f with the function that is meant.
#if defined(__CUDACC__)
#pragma nv_exec_check_disable  // f may be the host's alone, where the host calls
#endif
template <class F>
ANSER_HD auto with_function(Activation a, F&& f) {
  switch (a) {
    case Activation::relu: return f(function::Relu{});
    case Activation::silu: return f(function::Silu{});
    case Activation::gelu_new: return f(function::GeluNew{});
    default: return f(function::Identity{});
  }
}

}  // namespace anser
