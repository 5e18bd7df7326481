#include <anser/nn/targets.hpp>
#include <boost/test/unit_test.hpp>

namespace {

using anser::Pattern;
using anser::Targets;

const std::string q = "encoder.block.2.layer.0.SelfAttention.q";
const std::string wo = "decoder.block.10.layer.2.DenseReluDense.wo";

BOOST_AUTO_TEST_SUITE(targets)

BOOST_AUTO_TEST_CASE(endings_match_behind_a_dot) {
  const Targets t = Targets::parse("q, SelfAttention.k,wo");
  BOOST_TEST((t.endings == std::vector<std::string>{"q", "SelfAttention.k", "wo"}));
  BOOST_TEST(t.match(q));
  BOOST_TEST(t.match(wo));
  BOOST_TEST(t.match("q"));
  BOOST_TEST(!t.match("encoder.block.0.layer.0.SelfAttention.o"));  // "wo" ends in o, but "o" is no target
  BOOST_TEST(!Targets::parse("o").match(wo));
  BOOST_TEST(!t.match("decoder.block.0.layer.1.EncDecAttention.k"));
  BOOST_TEST(t.written() == "q,SelfAttention.k,wo");
}

BOOST_AUTO_TEST_CASE(a_pattern_matches_whole_paths) {
  const Targets t = Targets::parse(R"(encoder\..*\.(q|v))");
  BOOST_TEST(t.match(q));
  BOOST_TEST(!t.match("decoder." + q));
  BOOST_TEST(t.written() == R"(encoder\..*\.(q|v))");
}

BOOST_AUTO_TEST_CASE(all_linears_but_the_head) {
  BOOST_TEST(Targets::parse("all-linear").match(wo));
  BOOST_TEST(!Targets::parse("all-linear").match("lm_head"));
}

BOOST_AUTO_TEST_CASE(exclusions_win) {
  Targets t = Targets::parse("q,wo");
  t.excluded = {"DenseReluDense.wo"};
  BOOST_TEST(t.match(q));
  BOOST_TEST(!t.match(wo));
  t.excluded_pattern.emplace("encoder.*");
  BOOST_TEST(!t.match(q));
}

// The layer is the last number with a name before it, which in T5 is the sub-layer's unless layers_pattern says so.
BOOST_AUTO_TEST_CASE(layers_as_peft_counts_them) {
  Targets t = Targets::parse("q,wo");
  t.layers = {2};
  BOOST_TEST(!t.match(q));
  BOOST_TEST(t.match(wo));
  t.layers_pattern = {Pattern("block")};
  BOOST_TEST(t.match(q));
  BOOST_TEST(!t.match(wo));
  t.layers = {10};
  BOOST_TEST(t.match(wo));
  t.layers_pattern = {Pattern("none"), Pattern("blo.k")};
  BOOST_TEST(t.match(wo));
  t.layers_pattern = {Pattern("none")};
  BOOST_TEST(!t.match(wo));
  BOOST_TEST(t.match("q"));  // named whole: whatever its layer
}

BOOST_AUTO_TEST_CASE(lists_without_names_are_refused) {
  BOOST_CHECK_THROW(Targets::parse(""), anser::Error);
  BOOST_CHECK_THROW(Targets::parse("q,,v"), anser::Error);
  BOOST_CHECK_THROW(Targets::parse(" , "), anser::Error);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
