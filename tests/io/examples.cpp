#include <anser/io/examples.hpp>
#include <boost/test/unit_test.hpp>

#include "temporary.hpp"

namespace {

using anser::ExampleFile;
using io_test::Folder;

BOOST_AUTO_TEST_CASE(lines_are_read_when_they_are_asked_for) {
  const Folder folder;
  const ExampleFile file(folder.write("a.jsonl",
                                      "{\"input\": \"x\", \"target\": \"y\", \"task\": \"t\"}\n\n  \r\n"
                                      "{\"input\": \"q\", \"choices\": [\"no\", \"yes\"], \"label\": 1}\n"
                                      "{\"input\": \"broken\n"
                                      "{\"input\": \"z\", \"target\": \"last\"}"));
  BOOST_REQUIRE_EQUAL(file.size(), 4u);
  BOOST_TEST(file[0].target == "y");
  BOOST_TEST(file[0].task == "t");
  BOOST_TEST(file[0].label == -1);
  BOOST_TEST(file[1].target == "yes");
  BOOST_TEST(file[1].choices.size() == 2u);
  BOOST_TEST(file[3].target == "last");
  BOOST_TEST(file[3].place.ends_with("a.jsonl:6"));
  CHECK_SAYS(file[2], "a.jsonl:5");
}

BOOST_AUTO_TEST_CASE(lines_that_teach_nothing_are_named) {
  const Folder folder;
  const auto says = [&](const std::string& line, const std::string& words) {
    const ExampleFile file(folder.write("b.jsonl", line + "\n"));
    CHECK_SAYS(file[0], "b.jsonl:1", words);
  };
  says("{\"input\": \"x\"}", "neither \"target\" nor");
  says("{\"input\": \"x\", \"choices\": [\"a\"]}", "neither \"target\" nor");
  says("{\"input\": \"x\", \"choices\": [\"a\"], \"label\": 1}", "label");
  says("{\"input\": \"x\", \"label\": 0}", "a label without choices");
  says("{\"target\": \"x\"}", "input");
  says("[1]", "must be a JSON object");
  CHECK_SAYS(ExampleFile(folder.write("c.jsonl", "\n \n")), "holds no examples");
  CHECK_SAYS(ExampleFile(folder.path("absent")), "absent");
}

}  // namespace
