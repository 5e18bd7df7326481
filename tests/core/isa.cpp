#include <anser/core/isa.hpp>
#include <boost/test/unit_test.hpp>
#include <string>

BOOST_AUTO_TEST_SUITE(isa)

BOOST_AUTO_TEST_CASE(equal_texts_are_the_same_instruction_set) {
  BOOST_TEST(anser::same_instruction_set("", ""));
  BOOST_TEST(anser::same_instruction_set("avx,fma,", "avx,fma,"));
}

BOOST_AUTO_TEST_CASE(a_prefix_is_another_instruction_set) {
  BOOST_TEST(!anser::same_instruction_set("avx,", "avx,fma,"));
  BOOST_TEST(!anser::same_instruction_set("avx,fma,", "avx,"));
  BOOST_TEST(!anser::same_instruction_set("", "avx,"));
}

// The build asked the compiler; were its answer not this file's, the header's own check would not have compiled.
BOOST_AUTO_TEST_CASE(the_build_recorded_the_one_of_this_file) {
  BOOST_TEST(std::string(ANSER_COMPILED_ISA) == anser::instruction_set);
}

BOOST_AUTO_TEST_SUITE_END()
