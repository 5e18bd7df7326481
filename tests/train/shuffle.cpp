#include <anser/train/shuffle.hpp>
#include <boost/test/unit_test.hpp>
#include <vector>

namespace anser::test {

BOOST_AUTO_TEST_CASE(every_place_once) {
  for (const std::uint64_t n : {1, 2, 3, 5, 16, 17, 1000, 4097}) {
    const Shuffle shuffle(n, {3, 4});
    std::vector<int> met(n);
    for (std::uint64_t i = 0; i < n; ++i) {
      const auto at = shuffle(i);
      BOOST_REQUIRE(at < n);
      ++met[at];
    }
    for (const int m : met) BOOST_REQUIRE_EQUAL(m, 1);
  }
}

BOOST_AUTO_TEST_CASE(orders_differ_by_seed_and_look_random) {
  const std::uint64_t n = 5000;
  const Shuffle one(n, {1, 0}), again(n, {1, 0}), other(n, {2, 0});
  int same = 0, fixed = 0, rising = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    BOOST_REQUIRE_EQUAL(one(i), again(i));
    same += one(i) == other(i);
    fixed += one(i) == i;
    rising += i > 0 && one(i) > one(i - 1);
  }
  BOOST_CHECK_LT(same, 10);   // one is expected
  BOOST_CHECK_LT(fixed, 10);  // likewise
  BOOST_CHECK_GT(rising, 2300);
  BOOST_CHECK_LT(rising, 2700);
}

}  // namespace anser::test
