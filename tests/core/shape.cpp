#include <anser/core/shape.hpp>
#include <boost/test/unit_test.hpp>
#include <string>

using anser::Error, anser::Shape;

namespace {
auto says(std::string words) {
  return [words](const Error& e) { return std::string(e.what()).find(words) != std::string::npos; };
}
}  // namespace

BOOST_AUTO_TEST_SUITE(shape)

BOOST_AUTO_TEST_CASE(as_a_matrix_the_last_axis_is_the_columns) {
  const Shape s{2, 3, 4, 5};
  BOOST_TEST(s.rank() == 4);
  BOOST_TEST(s.rows() == 24);
  BOOST_TEST(s.cols() == 5);
  BOOST_TEST(s.size() == 120u);
  BOOST_TEST(s[1] == 3);
  BOOST_TEST(Shape{7}.rows() == 1);
  BOOST_TEST(Shape{7}.cols() == 7);
}

BOOST_AUTO_TEST_CASE(no_axes_are_one_number_and_an_empty_axis_none) {
  BOOST_TEST(Shape{}.rank() == 0);
  BOOST_TEST(Shape{}.size() == 1u);
  BOOST_TEST((Shape{0, 5}.size()) == 0u);
  BOOST_TEST((Shape{5, 0}.size()) == 0u);
}

BOOST_AUTO_TEST_CASE(sizes_pass_what_an_int_holds) {
  BOOST_TEST((Shape{250000, 32128}.size()) == std::size_t(250000) * 32128);
}

BOOST_AUTO_TEST_CASE(rows_that_an_int_does_not_hold_are_an_error) {
  BOOST_TEST((Shape{70000, 70000}.size()) == std::size_t(70000) * 70000);
  BOOST_CHECK_EXCEPTION((Shape{70000, 70000, 2}), Error, says("Shape: [70000, 70000] are too many rows"));
  BOOST_CHECK_EXCEPTION((Shape{2000000000, 2000000000, 2000000000, 2000000000}), Error, says("too many rows"));
}

BOOST_AUTO_TEST_CASE(equality_and_words) {
  Shape s{2};
  s.append(3);
  BOOST_TEST(s == (Shape{2, 3}));
  BOOST_TEST(s != (Shape{3, 2}));
  BOOST_TEST(s != (Shape{2, 3, 1}));
  BOOST_TEST(Shape{} != (Shape{0}));
  BOOST_TEST(anser::concat(Shape{2, 3}, Shape{4}, Shape{}) == "[2, 3][4][]");
}

BOOST_AUTO_TEST_CASE(five_axes_and_negative_sizes_are_errors) {
  BOOST_CHECK_EXCEPTION((Shape{1, 2, 3, 4, 5}), Error, says("Shape: at most 4 axes, not 5"));
  Shape s{1, 2, 3, 4};
  BOOST_CHECK_EXCEPTION(s.append(5), Error, says("Shape: at most 4 axes"));
  BOOST_CHECK_EXCEPTION((Shape{2, -3}), Error, says("an axis cannot have the size -3"));
}

BOOST_AUTO_TEST_SUITE_END()
