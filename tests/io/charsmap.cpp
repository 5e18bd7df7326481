#include <anser/core/error.hpp>
#include <anser/io/charsmap.hpp>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <string>

#include "charsmap_blob.hpp"

using anser::Charsmap, anser::Error;

BOOST_AUTO_TEST_SUITE(charsmap)

BOOST_AUTO_TEST_CASE(utf8_is_told_from_other_bytes) {
  BOOST_TEST(anser::utf8_character("a") == 1);
  BOOST_TEST(anser::utf8_character("\u00e9") == 2);
  BOOST_TEST(anser::utf8_character("\u2581x") == 3);
  BOOST_TEST(anser::utf8_character("\U0001f600") == 4);
  BOOST_TEST((anser::utf8_code("\U0001f600") == 0x1f600));
  BOOST_TEST((anser::utf8_code("\u2581") == 0x2581));
  for (const char* bad :
       {"\x80", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf0\x9f\x98", "\xff"}) {
    BOOST_TEST(anser::utf8_character(bad) == 0);
    BOOST_TEST(!anser::is_utf8(bad));
  }
  BOOST_TEST(anser::to_utf8("a\xff\u00e9\xc3") == "a\ufffd\u00e9\ufffd");
}

BOOST_AUTO_TEST_CASE(grapheme_clusters) {
  BOOST_TEST(anser::grapheme_length("ab") == 1u);
  BOOST_TEST(anser::grapheme_length("e\u0301x") == 3u);
  BOOST_TEST(anser::grapheme_length("e\u0301\u0302\u0303x") == 7u);
  BOOST_TEST(anser::grapheme_length("1\ufe0f\u20e3x") == 7u);
  BOOST_TEST(anser::grapheme_length("\r\nx") == 2u);
  BOOST_TEST(anser::grapheme_length("\n\u0301") == 1u);
  BOOST_TEST(anser::grapheme_length("\u0600"
                                    "1") == 3u);
  BOOST_TEST(anser::grapheme_length("\xff\u0301") == 3u);  // malformed: one character of its own
}

BOOST_AUTO_TEST_CASE(replaces_clusters_whole_and_long_ones_by_character) {
  const Charsmap map(charsmap_blob({{"\u2460", "1"}, {"e\u0301", "\u00e9"}, {"x", "yy"}, {"\u0007", ""}}), "map");
  BOOST_TEST(map.normalize("a\u2460b") == "a1b");
  BOOST_TEST(map.normalize("e\u0301") == "\u00e9");
  BOOST_TEST(map.normalize("\u2460\u0301") == "1");                    // five bytes: the mark goes with its character
  BOOST_TEST(map.normalize("\u2460\u0301\u0302") == "1\u0301\u0302");  // seven: character by character
  BOOST_TEST(map.normalize("xx") == "yyyy");
  BOOST_TEST(map.normalize("a\u0007b") == "ab");
  BOOST_TEST(map.normalize("") == "");
  BOOST_TEST(map.find("e").has_value() == false);
  BOOST_TEST(Charsmap().normalize("\u2460") == "\u2460");
}

BOOST_AUTO_TEST_CASE(broken_maps_are_one_error) {
  const std::string good = charsmap_blob({{"ab", "c"}, {"b", "d"}});
  const auto refused = [](const std::string& blob) {
    try {
      const Charsmap map(blob, "here.model");
    } catch (const Error& e) {
      return std::string(e.what()).starts_with("here.model: ");
    }
    return false;
  };
  BOOST_TEST(!refused(good));
  BOOST_TEST(!refused(""));
  for (std::size_t cut = 1; cut < good.size(); cut += 97) BOOST_TEST(refused(good.substr(0, cut)));
  const auto changed = [&](std::size_t unit, std::uint32_t value) {
    std::string blob = good;
    std::memcpy(blob.data() + 4 + 4 * unit, &value, 4);
    return blob;
  };
  BOOST_TEST(refused(changed(0, 0x7fffffffu)));  // the root's children lie outside
  BOOST_TEST(refused(changed(256 ^ 'a', 0u << 10 | (256u ^ 'a' ^ 256u) << 10 | 'a')));  // a node below itself
  BOOST_TEST(refused(charsmap_blob({{"a", std::string(300, 'x')}})));                   // unbounded growth
  BOOST_TEST(refused(charsmap_blob({{std::string(300, 'a'), "x"}})));
  BOOST_TEST(refused(charsmap_blob({{"a", "\xff"}})));
  std::map<std::string, std::string> nested;  // more than the library has room for
  for (std::size_t n = 1; n <= 33; ++n) nested[std::string(n, 'a')] = "x";
  BOOST_TEST(refused(charsmap_blob(nested)));
  nested.erase("a");
  BOOST_TEST(!refused(charsmap_blob(nested)));
}

BOOST_AUTO_TEST_SUITE_END()
