#include <anser/eval/results.hpp>
#include <anser/io/json.hpp>
#include <boost/test/unit_test.hpp>

#include "../io/temporary.hpp"

namespace {

using namespace anser;

/// Two held-out tasks of unequal size, and one held in.
std::vector<TaskScores> scores(double shift = 0) {
  return {{"a", "held_out", {{"exact_match", {1, 0, 0, 0}}, {"token_accuracy", {0.5, 0.25, 1, shift}}}},
          {"b", "held_out", {{"exact_match", {1, 1}}}},
          {"c", "held_in", {{"accuracy", {0, 0, 0}}}}};
}

BOOST_AUTO_TEST_CASE(tasks_count_alike_in_their_group) {
  const auto s = summarise(scores(), 2000, 0);
  const auto& out = s.groups.at("held_out");
  BOOST_TEST(out.at("exact_match").value == (0.25 + 1) / 2);
  BOOST_TEST(out.at("token_accuracy").value == 1.75 / 4);  // of the one task that has it
  BOOST_TEST(s.groups.at("held_in").at("accuracy").value == 0.0);
  BOOST_TEST(s.groups.at("held_in").size() == 1u);
  BOOST_TEST(s.tasks.at("a").at("exact_match").value == 0.25);
  const auto of_a = s.tasks.at("a").at("exact_match").interval;
  BOOST_TEST(of_a.low == 0.0);
  BOOST_TEST(of_a.high == 0.75);  // four draws of one in four: 0.75 has the 97.5th percentile
  // b does not vary: the group's interval is half of a's, moved.
  BOOST_TEST(out.at("exact_match").interval.low == 0.5);
  BOOST_TEST(out.at("exact_match").interval.high == 0.5 + of_a.high / 2);
  auto twice = scores();
  twice.push_back(twice[0]);
  CHECK_SAYS(summarise(twice, 10, 0), "the task a occurs twice");
}

BOOST_AUTO_TEST_CASE(results_are_written_as_scripts_read_them) {
  Results results({3, 4});
  results.note("settings", "{\"limit\": 4}");
  for (const std::string method : {"phatgoose", "none"})
    for (const std::uint64_t seed : results.seeds())
      results.add(method, summarise(scores(double(seed) / 4), 200, seed));
  const std::string text = results.json();
  BOOST_TEST(text == results.json());
  const Json json = parse_json(text, "results.json");
  BOOST_TEST(json.at("seeds").written() == "[3, 4]");
  BOOST_TEST(json.at("settings").written() == "{\"limit\": 4}");
  BOOST_TEST((json.at("methods").keys() == std::vector<std::string>{"phatgoose", "none"}));
  const Json of = json.at("methods").at("phatgoose");
  BOOST_TEST((of.keys() == std::vector<std::string>{"held_in", "held_out", "tasks", "intervals"}));
  BOOST_TEST(of.at("held_in").written() == "{\"accuracy\": [0, 0]}");
  BOOST_TEST(of.at("held_out").at("exact_match").written() == "[0.625, 0.625]");
  BOOST_TEST(of.at("tasks").at("a").at("token_accuracy").written() == "[0.625, 0.6875]");
  BOOST_TEST(of.at("tasks").keys().size() == 3u);
  const auto intervals = of.at("intervals").at("held_out").at("exact_match").items();
  BOOST_REQUIRE_EQUAL(intervals.size(), 2u);
  BOOST_TEST(intervals[0].items()[0].real() == 0.5);
  BOOST_TEST(of.at("intervals").at("tasks").at("b").at("exact_match").written() == "[[1, 1], [1, 1]]");
}

BOOST_AUTO_TEST_CASE(a_group_without_tasks_is_there_and_empty) {
  Results results({0});
  results.add("none", summarise({{"a", "held_out", {{"accuracy", {1}}}}}, 10, 0));
  BOOST_TEST(parse_json(results.json(), "r").at("methods").at("none").at("held_in").written() == "{}");
}

BOOST_AUTO_TEST_CASE(from_five_seeds_on_there_is_an_interval_over_them) {
  Results results({0, 1, 2, 3, 4});
  const double values[] = {0.36, 0.24, 0.38, 0.32, 0.49};
  for (const double v : values) results.add("none", summarise({{"a", "held_out", {{"rouge_l", {v}}}}}, 10, 0));
  const auto of = parse_json(results.json(), "r").at("methods").at("none").at("seed_intervals");
  const auto expected = seed_interval(values);
  BOOST_TEST(of.at("held_out").at("rouge_l").items()[0].real() == expected.low);
  BOOST_TEST(of.at("tasks").at("a").at("rouge_l").items()[1].real() == expected.high);
}

BOOST_AUTO_TEST_CASE(what_is_not_whole_is_not_written) {
  Results results({0, 1});
  results.add("none", summarise(scores(), 10, 0));
  CHECK_SAYS(results.json(), "none has results for 1 of 2 seeds");
  results.add("none", summarise({{"a", "held_out", {{"accuracy", {1}}}}}, 10, 0));
  CHECK_SAYS(results.json(), "not the same tasks and metrics");
  CHECK_SAYS(results.add("none", summarise(scores(), 10, 0)), "for each of the 2 seeds");
  CHECK_SAYS(Results({}), "of no seed");
}

}  // namespace
