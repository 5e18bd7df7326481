#include <anser/core/sha256.hpp>
#include <anser/eval/tasks.hpp>
#include <boost/test/unit_test.hpp>

#include "../io/temporary.hpp"

namespace {

using namespace anser;
using io_test::Folder;

std::string lines(int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += "{\"input\": \"say " + std::to_string(i) + "\", \"target\": \"x\"}\n";
  return text;
}

BOOST_AUTO_TEST_CASE(folders_are_groups) {
  const Folder folder;
  folder.write("held_in/b.jsonl", lines(2));
  folder.write("held_out/c.jsonl", lines(3));
  folder.write("a.jsonl",
               "{\"input\": \"q\", \"choices\": [\"no\", \"yes\"], \"label\": 1}\n"
               "{\"input\": \"r\", \"choices\": [\"no\", \"yes\"], \"target\": \"no\"}\n");
  folder.write(".hidden.jsonl", "broken");
  folder.write(".hidden/x.jsonl", "broken");
  folder.write("notes.txt", "broken");
  const auto tasks = read_tasks(folder.path());
  BOOST_REQUIRE_EQUAL(tasks.size(), 3u);
  BOOST_TEST(tasks[0].name == "a");
  BOOST_TEST(tasks[0].group == "held_out");
  BOOST_TEST(tasks[0].choices);
  BOOST_TEST(tasks[0].examples[0].label == 1);
  BOOST_TEST(tasks[0].examples[1].label == 0);  // found by its target
  BOOST_TEST(tasks[1].name == "b");
  BOOST_TEST(tasks[1].group == "held_in");
  BOOST_TEST(!tasks[1].choices);
  BOOST_TEST(tasks[1].hash == sha256(lines(2)));
  BOOST_TEST(tasks[2].name == "c");
  BOOST_TEST(tasks[2].group == "held_out");
  BOOST_TEST(tasks[2].examples.size() == 3u);
}

BOOST_AUTO_TEST_CASE(a_limit_spreads_over_the_file) {
  const Folder folder;
  folder.write("a.jsonl", lines(10));
  const auto some = read_tasks(folder.path(), 4)[0].examples;
  BOOST_REQUIRE_EQUAL(some.size(), 4u);
  BOOST_TEST(some[0].input == "say 0");
  BOOST_TEST(some[1].input == "say 2");
  BOOST_TEST(some[2].input == "say 5");
  BOOST_TEST(some[3].input == "say 7");
  BOOST_TEST(read_tasks(folder.path(), 99)[0].examples.size() == 10u);
}

BOOST_AUTO_TEST_CASE(what_is_no_set_of_tasks_is_refused) {
  const Folder folder;
  CHECK_SAYS(read_tasks(folder.path("absent")), "absent does not exist");
  CHECK_SAYS(read_tasks(folder.path()), "holds no tasks");
  folder.write("a.jsonl", "\n");
  CHECK_SAYS(read_tasks(folder.path()), "a.jsonl", "no examples");
  folder.write("a.jsonl", lines(1) + "{\"input\": \"x\"}\n");
  CHECK_SAYS(read_tasks(folder.path()), "a.jsonl:2", "neither \"target\" nor");
  folder.write("a.jsonl", lines(1) + "{\"input\": \"x\", \"tar");
  CHECK_SAYS(read_tasks(folder.path()), "a.jsonl:2", "not valid JSON");
  folder.write("a.jsonl", lines(1) + "\n{\"input\": \"x\", \"choices\": [\"a\"], \"label\": 0}\n");
  CHECK_SAYS(read_tasks(folder.path()), "a.jsonl:3", "this line has \"choices\", unlike those before it");
  folder.write("a.jsonl", "{\"input\": \"x\", \"choices\": [\"a\"], \"target\": \"b\"}\n");
  CHECK_SAYS(read_tasks(folder.path()), "a.jsonl:1", "the target \"b\" is none of the choices");
  folder.write("a.jsonl", lines(1));
  folder.write("held_in/a.jsonl", lines(1));
  CHECK_SAYS(read_tasks(folder.path()), "there is another task of this name");
  folder.write("train/b.jsonl", lines(1));
  std::filesystem::remove_all(folder.path("held_in"));
  CHECK_SAYS(read_tasks(folder.path()), "train: tasks lie in the directory itself");
}

}  // namespace
