#include <anser/core/error.hpp>
#include <boost/test/unit_test.hpp>
#include <ostream>
#include <string>

using anser::Error;

namespace {

struct Counted {
  int* streamed;
  friend std::ostream& operator<<(std::ostream& out, const Counted& c) {
    ++*c.streamed;
    return out << "counted";
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(error)

BOOST_AUTO_TEST_CASE(parts_become_one_line) {
  BOOST_TEST(anser::concat("model.safetensors: ", std::string("wo"), " has ", 3, " axes, not ", 2u) ==
             "model.safetensors: wo has 3 axes, not 2");
}

BOOST_AUTO_TEST_CASE(fail_throws_what_it_says) {
  BOOST_CHECK_EXCEPTION(anser::fail("rank ", 7), Error,
                        [](const Error& e) { return std::string(e.what()) == "rank 7"; });
  BOOST_CHECK_THROW(anser::fail("x"), std::runtime_error);  // whoever catches the standard ones gets ours
}

BOOST_AUTO_TEST_CASE(check_throws_only_on_failure_and_streams_only_then) {
  int streamed = 0;
  BOOST_CHECK_NO_THROW(anser::check(true, Counted{&streamed}));
  BOOST_TEST(streamed == 0);
  BOOST_CHECK_EXCEPTION(anser::check(false, "a ", Counted{&streamed}), Error,
                        [](const Error& e) { return std::string(e.what()) == "a counted"; });
  BOOST_TEST(streamed == 1);
}

BOOST_AUTO_TEST_SUITE_END()
