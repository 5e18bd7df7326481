#include <anser/nn/tokens.hpp>
#include <boost/test/unit_test.hpp>

using anser::Tokens;

BOOST_AUTO_TEST_SUITE(tokens_hpp)

BOOST_AUTO_TEST_CASE(rows_of_unequal_length) {
  const auto t = Tokens::pad({{5, 6, 7}, {8}, {9, 10}}, 3);
  BOOST_TEST(t.examples == 3);
  BOOST_TEST(t.tokens == 3);
  const std::vector<std::int32_t> ids{5, 6, 7, 8, 3, 3, 9, 10, 3}, mask{1, 1, 1, 1, 0, 0, 1, 1, 0};
  BOOST_TEST(t.ids == ids, boost::test_tools::per_element());
  BOOST_TEST(t.mask == mask, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(rows_of_one_length_need_no_mask) {
  const auto t = Tokens::pad({{5, 6}, {8, 9}}, 0);
  const std::vector<std::int32_t> ids{5, 6, 8, 9};
  BOOST_TEST(t.ids == ids, boost::test_tools::per_element());
  BOOST_TEST(t.mask.empty());
  BOOST_TEST(Tokens::pad({}, 0).examples == 0);
}

BOOST_AUTO_TEST_SUITE_END()
