#include <anser/io/json.hpp>
#include <boost/test/unit_test.hpp>

#include "temporary.hpp"

namespace {

using anser::Json;
using anser::parse_json;

BOOST_AUTO_TEST_SUITE(json)

BOOST_AUTO_TEST_CASE(values_have_their_kinds) {
  const Json j =
      parse_json(R"({"i": -3, "u": 7, "r": 2.5, "t": "é\n", "b": true, "n": null, "l": [1, "a"], "o": {}})", "f");
  BOOST_TEST(j.integer("i", -5, 5) == -3);
  BOOST_TEST(j.real("u") == 7.0);
  BOOST_TEST(j.real("r") == 2.5);
  BOOST_TEST(j.text("t") == "é\n");
  BOOST_TEST(j.boolean("b"));
  BOOST_TEST(!j.has("n"));
  BOOST_TEST(!j.has("absent"));
  BOOST_TEST(j.integer("n", 0, 9, 4) == 4);
  BOOST_TEST(j.real("absent", 0.5) == 0.5);
  BOOST_TEST(j.text("absent", "x") == "x");
  BOOST_TEST(j.boolean("absent", true));
  BOOST_TEST(j.texts("absent").empty());
  BOOST_TEST(j.at("l").items().size() == 2u);
  BOOST_TEST((j.at("o").kind() == Json::Kind::object));
  BOOST_TEST(j.written() == R"({"i": -3, "u": 7, "r": 2.5, "t": "é\n", "b": true, "n": null, "l": [1, "a"], "o": {}})");
}

BOOST_AUTO_TEST_CASE(keys_keep_the_order_of_the_file) {
  const auto keys = parse_json(R"({"b": 1, "a": 2, "c": 3})", "f").keys();
  BOOST_TEST((keys == std::vector<std::string>{"b", "a", "c"}));
}

BOOST_AUTO_TEST_CASE(values_outlive_the_handle_they_came_from) {
  std::optional<Json> inner;
  {
    const Json outer = parse_json(R"({"a": {"b": [1, {"c": 5}]}})", "f");
    inner = outer.at("a").at("b").items()[1].at("c");
  }
  BOOST_TEST(inner->integer(0, 9) == 5);
  BOOST_TEST(inner->place() == "f: a.b[1].c");
}

BOOST_AUTO_TEST_CASE(complaints_name_file_place_and_what_was_expected) {
  const Json j = parse_json(R"({"a": {"b": "x"}, "n": 3000000000, "d": 1.5})", "config.json");
  CHECK_SAYS(j.at("a").integer("b", 1, 8), "config.json: a.b", "an integer from 1 to 8", "\"x\"");
  CHECK_SAYS(j.integer("n", 0, 10), "config.json: n", "from 0 to 10", "3000000000");
  CHECK_SAYS(j.integer("d", 0, 10), "config.json: d", "1.5");
  CHECK_SAYS(j.text("d"), "config.json: d must be a text, not 1.5");
  CHECK_SAYS(j.boolean("d"), "true or false");
  CHECK_SAYS(j.at("none"), "config.json: the key \"none\" is missing");
  CHECK_SAYS(j.items(), "config.json must be a list");
  CHECK_SAYS(j.at("a").texts("b"), "a.b must be a list");
  CHECK_SAYS(j.at("n").find("x"), "n must be an object");
}

BOOST_AUTO_TEST_CASE(what_is_no_json_is_refused_with_line_and_column) {
  CHECK_SAYS(parse_json("{\n  \"a\": 1,\n  \"b\" 2}", "f"), "f: not valid JSON at line 3, column 7");
  CHECK_SAYS(parse_json("{\"a\": [1, 2", "f"), "cut off?");
  CHECK_SAYS(parse_json("", "f"), "not valid JSON");
  CHECK_SAYS(parse_json("{} x", "f"), "not valid JSON");
  CHECK_SAYS(parse_json(std::string_view("{}\0{}", 5), "f"), "holds a NUL byte");
  CHECK_SAYS(parse_json("{\"a\": NaN}", "f"), "not valid JSON");
  CHECK_SAYS(parse_json("{\"a\": 1e999}", "f"), "not valid JSON", "out of range");
  CHECK_SAYS(parse_json("\"\xff\"", "f"), "f: not valid JSON at column 2: it is not UTF-8");
  CHECK_SAYS(parse_json("{\"a\": [1,\xe9]}", "f"), "not UTF-8");
  CHECK_SAYS(parse_json(R"({"a": "\ud800"})", "in:7"), "in:7: not valid JSON at column 14");
}

BOOST_AUTO_TEST_CASE(a_key_that_occurs_twice_is_refused) {
  CHECK_SAYS(parse_json(R"({"r": 8, "x": 1, "r": 4})", "f"), "f: the key \"r\" occurs twice");
}

BOOST_AUTO_TEST_CASE(deep_and_huge_texts_are_refused) {
  CHECK_SAYS(parse_json(std::string(1'000'000, '['), "f"), "nested deeper than 64");
  std::string many = "[0";
  for (int i = 0; i < 2'100'000; ++i) many += ",0";
  CHECK_SAYS(parse_json(many + "]", "f"), "more than 2000000 values");
}

BOOST_AUTO_TEST_CASE(numbers_at_the_edges) {
  const Json j =
      parse_json("[9223372036854775807, 9223372036854775808, -9223372036854775808, 18446744073709551616]", "f");
  const auto items = j.items();
  constexpr auto most = std::numeric_limits<std::int64_t>::max(), least = std::numeric_limits<std::int64_t>::min();
  BOOST_TEST(items[0].integer(0, most) == most);
  CHECK_SAYS(items[1].integer(0, most), "must be an integer");
  BOOST_TEST(items[2].integer(least, most) == least);
  BOOST_TEST(items[3].real() == 18446744073709551616.0);
}

BOOST_AUTO_TEST_CASE(numbers_are_written_as_they_were) {
  const std::string text =
      "[0, -0, -7, 18446744073709551615, -9223372036854775809, 12345678901234567890123, 0.12345678901234567890123, "
      "1.0, -0.0, 1E5, 1e-400]";
  BOOST_TEST(parse_json(text, "f").written() == text);
  BOOST_TEST(parse_json(text, "f").items()[1].integer(0, 0) == 0);
}

BOOST_AUTO_TEST_CASE(long_values_are_cut_in_messages_between_characters) {
  std::string text = "[\"";
  for (int i = 0; i < 40; ++i) text += "é";
  const std::string written = parse_json(text + "\"]", "f").written(10);
  BOOST_TEST(written.size() <= 13u);
  BOOST_TEST(written.ends_with("..."));
  anser::quote(written);  // still UTF-8
}

BOOST_AUTO_TEST_CASE(every_cut_of_a_file_is_an_error) {
  const io_test::Folder folder;
  const std::string text = R"({"a": [1, -2.5e3, "x\u00e9"], "b": {"c": null, "d": true}})";
  for (std::size_t n = 0; n < text.size(); ++n)
    CHECK_SAYS(anser::read_json(folder.write("cut.json", text.substr(0, n))), "cut.json");
  BOOST_TEST(anser::read_json(folder.write("whole.json", text)).keys().size() == 2u);
}

BOOST_AUTO_TEST_CASE(text_is_quoted_as_json) {
  BOOST_TEST(anser::quote("a\"b\\c\n") == R"("a\"b\\c\n")");
  CHECK_SAYS(anser::quote("\xff"), "UTF-8");
  const std::string whole_file = "\xff" + std::string(1000, 'x') + "the end";
  BOOST_CHECK_EXCEPTION(anser::quote(whole_file), anser::Error,
                        [](const auto& e) { return std::string(e.what()).size() < 400; });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
