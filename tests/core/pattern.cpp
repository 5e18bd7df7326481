#include <anser/core/error.hpp>
#include <anser/core/pattern.hpp>
#include <boost/test/unit_test.hpp>
#include <string>

using anser::Error, anser::Pattern;

BOOST_AUTO_TEST_SUITE(pattern)

// What Python's re.fullmatch says of the same two.
BOOST_AUTO_TEST_CASE(whole_subjects_as_python_matches_them) {
  struct {
    const char *pattern, *subject;
    bool matches;
  } const cases[] = {
      {R"(.*\.q)", "encoder.block.0.layer.0.SelfAttention.q", true},
      {R"(.*\.q)", "encoder.block.0.layer.0.SelfAttention.query", false},
      {R"(.*\.(q|v))", "decoder.block.11.layer.1.EncDecAttention.v", true},
      {R"(.*\.(q|v))", "decoder.block.11.layer.1.EncDecAttention.k", false},
      {R"(q|v)", "qv", false},
      {R"(encoder\.block\.[0-3]\..*\.wo)", "encoder.block.3.layer.1.DenseReluDense.wo", true},
      {R"(encoder\.block\.[0-3]\..*\.wo)", "encoder.block.13.layer.1.DenseReluDense.wo", false},
      {R"(encoder\.block\.\d+\..*wi_[01])", "encoder.block.23.layer.1.DenseReluDense.wi_1", true},
      {R"((?!decoder).*\.q)", "encoder.q", true},
      {R"((?!decoder).*\.q)", "decoder.q", false},
      {R"((?=enc).*q)", "encoder.q", true},
      {R"((?:a|b){2,3}c)", "abac", true},
      {R"((?:a|b){2,3}c)", "ac", false},
      {R"([^.]+\.q)", "SelfAttention.q", true},
      {R"([^.]+\.q)", "a.b.q", false},
      {R"(^wo$)", "wo", true},
      {R"(.*\bq\b)", "x.q", true},
      {R"(.*\bq\b)", "x.eq", false},
      {R"(a?b*c+)", "c", true},
      {R"(a?b*c+)", "ab", false},
      {R"()", "", true},
      {R"(x*)", "", true},
      {R"(\w+\s\S)", "ab c", true},
      {R"(a.c)", "a\nc", false},
      {R"([]a]+)", "]a]", true},
      {R"([a-])", "-", true},
      {R"(.*?q)", "aqbq", true},
  };
  for (const auto& c : cases)
    BOOST_TEST(Pattern(c.pattern).match(c.subject) == c.matches, c.pattern << " on " << c.subject);
}

BOOST_AUTO_TEST_CASE(patterns_that_backtrack_for_ever_elsewhere_end_here) {
  const std::string subject(3000, 'a');
  BOOST_TEST(!Pattern("(a|a)*b").match(subject));
  BOOST_TEST(!Pattern("(a*)*b").match(subject));
  BOOST_TEST(Pattern("(a*)*").match(subject));
}

BOOST_AUTO_TEST_CASE(wrong_and_unsupported_patterns_are_errors_that_name_them) {
  for (const char* text : {"(", "a)", "[a", "*", "a{2,1}", "\\", R"((a)\1)", "(?<=a)b", "(?i)a", "a{1000000}"})
    BOOST_CHECK_EXCEPTION(Pattern{text}, Error,
                          [&](const Error& e) { return std::string(e.what()).find(text) != std::string::npos; });
}

BOOST_AUTO_TEST_CASE(names_that_look_like_patterns) {
  BOOST_TEST(!Pattern::looks_like_one("encoder.block.0.q"));
  BOOST_TEST(Pattern::looks_like_one(R"(.*\.q)"));
  BOOST_TEST(Pattern::looks_like_one("q|v"));
  BOOST_TEST(Pattern("q").text() == "q");
}

BOOST_AUTO_TEST_SUITE_END()
