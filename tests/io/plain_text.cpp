#include <anser/io/plain_text.hpp>
#include <boost/test/unit_test.hpp>

#include "temporary.hpp"

namespace {

using anser::PlainText;
using io_test::Folder;

BOOST_AUTO_TEST_CASE(documents_are_the_lines_that_are_not_blank) {
  const Folder folder;
  const PlainText file(folder.write("a.txt", "\nThe first.\r\n \t\r\n  two  \n\n\nSch\xc3\xb6n"));
  BOOST_REQUIRE_EQUAL(file.size(), 3u);
  BOOST_TEST(file[0] == "The first.");
  BOOST_TEST(file[1] == "  two  ");
  BOOST_TEST(file[2] == "Sch\xc3\xb6n");
  BOOST_TEST(file.line(0) == "The first.\r");
  BOOST_TEST(file.place(0).ends_with("a.txt:2"));
  BOOST_TEST(file.place(2).ends_with("a.txt:7"));
}

BOOST_AUTO_TEST_CASE(what_is_no_text_is_named) {
  const Folder folder;
  const PlainText file(folder.write("b.txt", "good\nbad \xc3\x28\ngood again\n"));
  BOOST_TEST(file[0] == "good");
  BOOST_TEST(file[2] == "good again");
  CHECK_SAYS(file[1], "b.txt:2: not valid UTF-8");
  CHECK_SAYS(PlainText(folder.write("c.txt", "\n \r\n")), "c.txt holds no text; each line is a document");
  CHECK_SAYS(PlainText(folder.path("absent")), "absent");
}

}  // namespace
