#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "config.hpp"

/// Elementary functions without branches, for loops marked ANSER_SIMD; those of the standard library stop such a loop
/// from being vectorised. Errors are of the order of float's own rounding. Those of double are the standard ones.
namespace anser::simd {

/// c ? a : b of numbers that are both there. Of a choice between them GCC makes a branch around the computation of one,
/// which might trap, and a loop with a branch becomes one of vectors only where these have masks (AVX-512). Measured on
/// AVX2: attention without its products took 3.6 times as long.
ANSER_HD inline float select(bool c, float a, float b) {
  const std::uint32_t mask = 0u - std::uint32_t(c);
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(a) & mask) | (std::bit_cast<std::uint32_t>(b) & ~mask));
}
ANSER_HD inline double select(bool c, double a, double b) { return c ? a : b; }

/// e^x. Zero below -87.69, infinity above 88.38: a little before the result leaves the floats.
ANSER_HD inline float exp(float x) {
  x = select(x < -88.f, -88.f, x);    // where the exponent below is 0
  x = select(x > 89.f, 89.f, x);      // and that of infinity
  constexpr float shift = 0x1.8p23f;  // adding it leaves the nearest integer in the low bits
  const float shifted = x * 1.44269504f + shift;
  const float n = shifted - shift;
  const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;  // ln 2 in two parts; |r| <= ln 2 / 2
  float p = 1.f / 5040;
  p = p * r + 1.f / 720;
  p = p * r + 1.f / 120;
  p = p * r + 1.f / 24;
  p = p * r + 1.f / 6;
  p = p * r + 0.5f;
  p = p * r * r + r + 1;
  const std::uint32_t exponent = (std::bit_cast<std::uint32_t>(shifted) + 127u) << 23;
  return p * std::bit_cast<float>(exponent);
}
ANSER_HD inline double exp(double x) { return std::exp(x); }

/// 1 / (1 + e^-x)
template <class T>
ANSER_HD T sigmoid(T x) {
  return 1 / (1 + exp(-x));
}

ANSER_HD inline float tanh(float x) {
  const float s = x * x;
  const float small = x * (1 + s * (-1.f / 3 + s * (2.f / 15 + s * (-17.f / 315))));  // elsewhere digits would cancel
  const float large = 1 - 2 / (1 + exp(2 * x));
  return select(s < 0.04f, small, large);
}
ANSER_HD inline double tanh(double x) { return std::tanh(x); }

/// The error function. Away from 0 by Abramowitz and Stegun, formula 7.1.26: off by 1.5e-7 at most.
ANSER_HD inline float erf(float x) {
  const float s = x * x, a = x < 0 ? -x : x;
  float p = 1.f / 9360;  // the series 2 / sqrt(pi) (x - x^3/3 + x^5/10 - ...), for small x
  p = p * s - 1.f / 1320;
  p = p * s + 1.f / 216;
  p = p * s - 1.f / 42;
  p = p * s + 1.f / 10;
  p = p * s - 1.f / 3;
  const float small = 1.12837917f * (x + x * s * p);
  const float t = 1 / (1 + 0.3275911f * a);
  float q = 1.061405429f;
  q = q * t - 1.453152027f;
  q = q * t + 1.421413741f;
  q = q * t - 0.284496736f;
  q = q * t + 0.254829592f;
  const float large = 1 - q * t * exp(-s);
  return select(s < 0.36f, small, select(x < 0, -large, large));
}
ANSER_HD inline double erf(double x) { return std::erf(x); }

}  // namespace anser::simd
