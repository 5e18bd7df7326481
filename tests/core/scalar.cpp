#include <anser/core/scalar.hpp>
#include <bit>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <type_traits>

using anser::bf16, anser::DType, anser::f16;

namespace {

template <class T>
T pattern(unsigned bits) {
  T v;
  v.bits = std::uint16_t(bits);
  return v;
}

/// What the bits of a half mean, by the definition.
double value_of_half(unsigned bits) {
  const double sign = bits & 0x8000 ? -1 : 1;
  const int exponent = int(bits >> 10 & 0x1f), mantissa = int(bits & 0x3ff);
  if (exponent == 31) return mantissa ? NAN : sign * INFINITY;
  return sign * (exponent ? std::ldexp(1024 + mantissa, exponent - 25) : std::ldexp(mantissa, -24));
}

/// The bits of the 16-bit type nearest to v (finite, not negative), by search: of two equally near the even one.
template <class T>
unsigned nearest(double v, unsigned infinity, double overflow) {
  if (v >= overflow) return infinity;
  unsigned low = 0, high = infinity - 1;
  while (low < high) {
    const unsigned middle = (low + high + 1) / 2;
    (double(float(pattern<T>(middle))) <= v ? low : high) =
        double(float(pattern<T>(middle))) <= v ? middle : middle - 1;
  }
  const double below = double(float(pattern<T>(low)));
  if (below == v) return low;
  if (low + 1 == infinity) return v - below < overflow - v ? low : infinity;
  const double above = double(float(pattern<T>(low + 1)));
  if (v - below == above - v) return low + (low & 1);
  return v - below < above - v ? low : low + 1;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(scalar)

BOOST_AUTO_TEST_CASE(every_bf16_pattern_returns) {
  for (unsigned b = 0; b < 0x10000; ++b) {
    const float v = pattern<bf16>(b);
    BOOST_TEST_REQUIRE(std::bit_cast<std::uint32_t>(v) == b << 16);
    const unsigned again = bf16(v).bits;
    if (std::isnan(v))
      BOOST_TEST_REQUIRE((std::isnan(float(bf16(v))) && (again & 0x8000) == (b & 0x8000)), "pattern " << b);
    else
      BOOST_TEST_REQUIRE(again == b);
  }
}

BOOST_AUTO_TEST_CASE(every_half_pattern_returns) {
  for (unsigned b = 0; b < 0x10000; ++b) {
    const float v = float(pattern<f16>(b));
    const double truth = value_of_half(b);
    if (std::isnan(truth)) {
      BOOST_TEST_REQUIRE((std::isnan(v) && std::isnan(float(f16(v)))), "pattern " << b);
    } else {
      BOOST_TEST_REQUIRE((double(v) == truth && std::signbit(v) == std::signbit(truth)), "pattern " << b);
      BOOST_TEST_REQUIRE(f16(v).bits == b);
    }
  }
}

// Halfway between each two neighbours, and a float to either side of it.
BOOST_AUTO_TEST_CASE(rounding_is_to_nearest_and_of_ties_to_even) {
  auto check_between = [](auto zero, unsigned last, unsigned infinity) {
    using T = decltype(zero);
    for (unsigned b = 0; b < last; ++b) {
      const float low = pattern<T>(b), high = pattern<T>(b + 1);
      const float middle = float((double(low) + double(high)) / 2);  // exact
      BOOST_TEST_REQUIRE(T(middle).bits == b + (b & 1));
      BOOST_TEST_REQUIRE(T(std::nextafter(middle, 0.f)).bits == b);
      BOOST_TEST_REQUIRE(T(std::nextafter(middle, INFINITY)).bits == b + 1);
      BOOST_TEST_REQUIRE(T(-middle).bits == (0x8000 | (b + (b & 1))));
    }
    BOOST_TEST(T(INFINITY).bits == infinity);
    BOOST_TEST(T(-INFINITY).bits == (0x8000 | infinity));
    BOOST_TEST(T(std::numeric_limits<float>::max()).bits == infinity);
    BOOST_TEST(std::isnan(float(T(std::numeric_limits<float>::quiet_NaN()))));
    BOOST_TEST(std::isnan(float(T(std::bit_cast<float>(0x7f800001u)))));  // only low bits say that it is none
    BOOST_TEST(T(-0.f).bits == 0x8000);
  };
  check_between(bf16{}, 0x7f7f, 0x7f80);
  check_between(f16{}, 0x7bff, 0x7c00);
}

BOOST_AUTO_TEST_CASE(halves_overflow_where_the_standard_says) {
  BOOST_TEST(f16(65504.f).bits == 0x7bff);
  BOOST_TEST(f16(65519.f).bits == 0x7bff);
  BOOST_TEST(f16(65520.f).bits == 0x7c00);
  BOOST_TEST(f16(0x1p-25f).bits == 0);  // half of the smallest: a tie, to even
  BOOST_TEST(f16(std::nextafter(0x1p-25f, 1.f)).bits == 1);
  BOOST_TEST(f16(0x1p-24f).bits == 1);
}

// Floats of all sizes against a search for the nearest pattern.
BOOST_AUTO_TEST_CASE(floats_of_all_sizes) {
  std::uint32_t u = 12345;
  for (int i = 0; i < 20000; ++i) {
    u = u * 1664525u + 1013904223u;
    const float v = std::bit_cast<float>(u & 0x7fffffffu);
    if (!std::isfinite(v)) continue;
    BOOST_TEST_REQUIRE(bf16(v).bits == nearest<bf16>(v, 0x7f80, 0x1.ffp127));
    BOOST_TEST_REQUIRE(f16(v).bits == nearest<f16>(v, 0x7c00, 65520));
    const float half_sized = std::ldexp(v, -std::ilogb(v) + int(u >> 8) % 44 - 27);
    BOOST_TEST_REQUIRE(f16(half_sized).bits == nearest<f16>(half_sized, 0x7c00, 65520));
  }
}

BOOST_AUTO_TEST_CASE(names_and_sizes) {
  struct {
    DType type;
    std::size_t size;
    std::string_view name;
  } const all[] = {{DType::f64, 8, "F64"}, {DType::f32, 4, "F32"},     {DType::f16, 2, "F16"}, {DType::bf16, 2, "BF16"},
                   {DType::i64, 8, "I64"}, {DType::i32, 4, "I32"},     {DType::i16, 2, "I16"}, {DType::i8, 1, "I8"},
                   {DType::u8, 1, "U8"},   {DType::boolean, 1, "BOOL"}};
  for (const auto& t : all) {
    BOOST_TEST(anser::size_of(t.type) == t.size);
    BOOST_TEST(anser::name_of(t.type) == t.name);
  }
  static_assert(anser::dtype_of<float> == DType::f32 && anser::dtype_of<bf16> == DType::bf16);
  static_assert(anser::dtype_of<double> == DType::f64 && anser::dtype_of<f16> == DType::f16);
  static_assert(anser::dtype_of<std::int32_t> == DType::i32 && anser::dtype_of<std::int64_t> == DType::i64);
  static_assert(std::is_same_v<anser::accumulator<bf16>, float> && std::is_same_v<anser::accumulator<double>, double>);
}

BOOST_AUTO_TEST_SUITE_END()
