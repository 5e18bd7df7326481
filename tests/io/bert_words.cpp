#include <anser/core/sha256.hpp>
#include <anser/io/bert_words.hpp>
#include <anser/io/charsmap.hpp>
#include <anser/io/json.hpp>
#include <boost/test/unit_test.hpp>

#include "temporary.hpp"

using anser::BertWords;
using Words = std::vector<std::string>;

namespace {

std::string utf8(char32_t c) {
  if (c < 0x80) return {char(c)};
  if (c < 0x800) return {char(0xc0 | c >> 6), char(0x80 | (c & 63))};
  if (c < 0x10000) return {char(0xe0 | c >> 12), char(0x80 | (c >> 6 & 63)), char(0x80 | (c & 63))};
  return {char(0xf0 | c >> 18), char(0x80 | (c >> 12 & 63)), char(0x80 | (c >> 6 & 63)), char(0x80 | (c & 63))};
}

void check_words(const BertWords& b, const std::string& text, const Words& expected) {
  BOOST_TEST(b.split(text) == expected, boost::test_tools::per_element());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(bert_words)

BOOST_AUTO_TEST_CASE(ordinary_text) {
  const BertWords b;
  check_words(b, "The CAT sat.", {"the", "cat", "sat", "."});
  check_words(b, "don't--stop_it", {"don", "'", "t", "-", "-", "stop", "_", "it"});
  check_words(b, " \t\n\r ", {});
  check_words(b, "", {});
  check_words(b, "Caf\u00e9 cafe\u0301 na\u00efve", {"cafe", "cafe", "naive"});
  check_words(b, "\u4e2dx\u6587", {"\u4e2d", "x", "\u6587"});
  check_words(b, "\ud55c", {"\u1112\u1161\u11ab"});
  check_words(b,
              "a\u200bb c\xff"
              "d\x01",
              {"ab", "cd"});  // what is no UTF-8 goes as control characters do
  BOOST_TEST(b.normalize("\u0130\u3000X\u00a0") == "i x ");
}

BOOST_AUTO_TEST_CASE(each_step_alone) {
  BertWords b{false, false, false, false};
  BOOST_TEST(b.normalize("\u00c9\x01\u4e2d") == "\u00c9\x01\u4e2d");
  b.lower = true;
  BOOST_TEST(b.normalize("\u00c9\u0130Z") == "\u00e9i\u0307z");
  b = {false, false, true, false};
  BOOST_TEST(b.normalize("\u00c9\u1e9b\u0323 \u0bca") == "E\u017f \u0bc6\u0bbe");
  b = {false, true, false, false};
  BOOST_TEST(b.normalize("a\u4e2d") == "a \u4e2d ");
}

// All characters of Unicode, against the tokenizers library.
BOOST_AUTO_TEST_CASE(every_character) {
  const auto golden = anser::read_json(std::string(ANSER_TEST_GOLDEN_DIR) + "/bert/golden.json");
  for (const auto& o : golden.at("options").items()) {
    BertWords b;
    b.lower = o.boolean("do_lower_case");
    b.strip_accents = o.boolean("strip_accents", b.lower);
    b.chinese = o.boolean("tokenize_chinese_chars");
    anser::Sha256 total;
    for (char32_t c = 0; c < 0x110000; ++c) {
      if (c >= 0xd800 && c < 0xe000) continue;
      const std::string text = "A" + utf8(c) + "b";
      std::string line = b.normalize(text) + '\n';
      for (const auto& word : b.split(text)) line += (line.back() == '\n' ? "" : " ") + word;
      total.update(line + '\n');
    }
    BOOST_TEST(total.hex() == o.text("sha256"), o.written());
  }
}

BOOST_AUTO_TEST_SUITE_END()
