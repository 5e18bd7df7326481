#include <anser/io/zip.hpp>
#include <boost/test/unit_test.hpp>

#include "archives.hpp"
#include "temporary.hpp"

namespace {

using anser::ZipFile;
using io_test::Folder;
using io_test::zip;

BOOST_AUTO_TEST_SUITE(zip_files)

BOOST_AUTO_TEST_CASE(check_sums_are_those_of_zip) {
  BOOST_TEST(anser::crc32("123456789", 9) == 0xcbf43926u);  // the check value of CRC-32/ISO-HDLC
  BOOST_TEST(anser::crc32("", 0) == 0u);
  const std::string text = "The quick brown fox jumps over the lazy dog";
  BOOST_TEST(anser::crc32(text.data(), text.size()) == 0x414fa339u);
  for (std::size_t n = 0; n <= text.size(); ++n)
    BOOST_TEST(anser::crc32(text.data() + n, text.size() - n, anser::crc32(text.data(), n)) == 0x414fa339u);
}

BOOST_AUTO_TEST_CASE(stored_files_are_found_also_with_zip64_and_a_comment) {
  const Folder folder;
  for (const bool wide : {false, true})
    for (const std::string comment : {"", "made by hand"}) {
      const ZipFile z(folder.write("a.zip", zip({{"b", "two"}, {"a/x", "one"}, {"empty", ""}}, {wide, 0, 0, comment})));
      BOOST_TEST(z.entries().size() == 3u);
      BOOST_TEST(z.entries()[0].name == "a/x");
      BOOST_REQUIRE(z.find("b"));
      BOOST_TEST(z.text(*z.find("b")) == "two");
      BOOST_TEST(z.text(*z.find("empty")).empty());
      BOOST_TEST(!z.find("a"));
      for (const auto& e : z.entries()) z.check_sum(e);
    }
}

BOOST_AUTO_TEST_CASE(every_cut_and_every_extension_is_an_error) {
  const Folder folder;
  for (const bool wide : {false, true}) {
    const std::string whole = zip({{"b", "two"}, {"a/x", "one"}}, {wide, 0, 0, ""});
    for (std::size_t n = 0; n < whole.size(); ++n)
      CHECK_SAYS(ZipFile(folder.write("cut", whole.substr(0, n))), folder.path("cut"), "fetch it again");
    CHECK_SAYS(ZipFile(folder.write("long", whole + '\0')), folder.path("long"), "no zip archive");
    CHECK_SAYS(ZipFile(folder.write("later", '\0' + whole)), "directory is damaged");
  }
}

BOOST_AUTO_TEST_CASE(what_torch_never_writes_is_refused_by_name) {
  const Folder folder;
  const auto open = [&](const std::string& bytes) { return ZipFile(folder.write("z", bytes)); };
  CHECK_SAYS(open(zip({{"a", "x"}}, {false, 8, 0, ""})), folder.path("z"), "a is compressed", "zip -0");
  CHECK_SAYS(open(zip({{"a", "x"}}, {false, 0, 1, ""})), "a is encrypted");
  CHECK_SAYS(open(zip({{"a", "x"}, {"a", "y"}})), "a is in it twice");
  CHECK_SAYS(open(zip({{"", "x"}})), "directory is damaged");
  std::string other = zip({{"name", "data"}});
  other[30] = 'N';  // in the header of the file, not in the directory
  CHECK_SAYS(open(other), "name is not where the directory says");
  std::string changed = zip({{"name", "data"}});
  changed.replace(changed.find("data"), 4, "Data");
  const ZipFile z(folder.write("changed", changed));
  CHECK_SAYS(z.check_sum(*z.find("name")), folder.path("changed"), "name", "CRC-32");
}

BOOST_AUTO_TEST_CASE(sizes_places_and_counts_are_not_believed) {
  const Folder folder;
  for (const bool wide : {false, true}) {
    const std::string whole = zip({{"one", "1111"}, {"two", "2222"}}, {wide, 0, 0, ""});
    const std::size_t directory = whole.find("PK\1\2");
    for (std::size_t at = directory; at < whole.size(); ++at)
      for (const char value : {'\0', '\x01', '\x7f', '\xff'}) {
        std::string changed = whole;
        if (changed[at] == value) continue;
        changed[at] = value;
        try {
          const ZipFile z(folder.write("z", changed));
          // Dates and versions change nothing; data, where it is read, is the data that was stored.
          for (const auto& e : z.entries())
            if (e.name == "one" || e.name == "two")
              BOOST_TEST(z.text(e) == (e.name == "one" ? "1111" : "2222"), "byte " << at - directory);
        } catch (const anser::Error& e) {
          BOOST_TEST(io_test::says(e.what(), {folder.path("z")}), e.what());
        }
      }
  }
  // Two names for the same bytes, which would make much of little.
  std::string shared = zip({{"a", "x"}, {"b", "x"}});
  const std::size_t second = shared.rfind("PK\1\2");
  shared[second + 42] = '\0';
  CHECK_SAYS(ZipFile(folder.write("z", shared)), "b is not where the directory says");
}

BOOST_AUTO_TEST_CASE(names_of_strangers_are_shown_on_one_line) {
  BOOST_TEST(anser::printable("a b") == "a b");
  BOOST_TEST(anser::printable(std::string_view("a\n\x7f\xc3\0", 5)) == "a\\x0a\\x7f\\xc3\\x00");
  BOOST_TEST(anser::printable(std::string(1000, 'a')).size() == 103u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
