#include <anser/core/config.hpp>
#include <boost/test/unit_test.hpp>
#include <vector>

namespace {

struct Doubled {
  ANSER_HD int operator()(int x) const { return 2 * x; }
};
ANSER_INLINE int three() { return 3; }

}  // namespace

BOOST_AUTO_TEST_SUITE(config)

// On the host the marks mean nothing or "inline"; a function with them is a function.
BOOST_AUTO_TEST_CASE(marks_change_no_meaning) {
  BOOST_TEST(Doubled{}(21) == 42);
  BOOST_TEST(three() == 3);
}

// The clause reaches the compiler, and the loop still sums what it says, tails included.
BOOST_AUTO_TEST_CASE(a_vectorised_loop_gives_the_sum) {
  for (const int n : {0, 1, 7, 16, 33, 1000}) {
    std::vector<float> x(std::size_t(n), 0.5f);
    float s = 0;
    ANSER_SIMD(reduction(+ : s))
    for (int i = 0; i < n; ++i) s += x[std::size_t(i)];
    BOOST_TEST(s == float(n) / 2);
  }
}

BOOST_AUTO_TEST_SUITE_END()
