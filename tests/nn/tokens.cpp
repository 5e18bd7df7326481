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

BOOST_AUTO_TEST_CASE(equal_texts_have_equal_hashes) {
  const auto alone = Tokens::pad({{5, 6, 7}}, 0).hashes(), beside = Tokens::pad({{9, 9, 9, 9}, {5, 6, 7}}, 0).hashes();
  BOOST_TEST(alone.size() == 1u);
  BOOST_TEST(beside.size() == 2u);
  BOOST_TEST(alone[0] == beside[1]);
  BOOST_TEST(alone[0] != beside[0]);
  for (const std::vector<std::int32_t>& other : {std::vector{7, 6, 5}, {5, 6}, {5, 6, 7, 0}})
    BOOST_TEST(Tokens::pad({other}, 0).hashes()[0] != alone[0]);
}

BOOST_AUTO_TEST_SUITE_END()
