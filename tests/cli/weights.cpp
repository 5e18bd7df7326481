// pool weights: a mix of experts that a search found on a few examples.
#include "program.hpp"

using namespace program;

namespace {

constexpr const char* few =
    "{\"input\": \"the red fish\", \"target\": \"cold water\"}\n"
    "{\"input\": \"seven and two\", \"target\": \"nine\"}\n"
    "{\"input\": \"a dog ran\", \"choices\": [\"blue\", \"fast\"], \"label\": 1}\n";

std::string search(const std::string& options) {
  write(scratch() / "few.jsonl", few);
  return run_well("pool weights " + (demo() / "pool").string() + ' ' + demo_model() + "--data few.jsonl " + options);
}

/// The mean loss of the three examples, as `score` tells it.
double loss(const std::string& options) {
  write(scratch() / "few-choices.jsonl",
        "{\"input\": \"the red fish\", \"choices\": [\"cold water\"]}\n"
        "{\"input\": \"seven and two\", \"choices\": [\"nine\"]}\n"
        "{\"input\": \"a dog ran\", \"choices\": [\"fast\"]}\n");
  double sum = 0;
  for (const auto& line : lines(run_well("score " + demo_pool() + options + " --input few-choices.jsonl")))
    sum -= line.at("scores").items()[0].real() / 3;
  return sum;
}

/// The number behind a word of what was printed.
double told(const std::string& text, const std::string& word) {
  const auto at = text.find(word);
  BOOST_REQUIRE_MESSAGE(at != std::string::npos, "'" << word << "' is not in: " << text);
  return std::stod(text.substr(at + word.size()));
}

}  // namespace

BOOST_AUTO_TEST_CASE(weights_that_were_searched_for_lower_the_loss) {
  const auto said = search("--output few.json --seed 3 --steps 60 --l1 0");
  const auto file = anser::parse_json(read(scratch() / "few.json"), "few.json");
  BOOST_TEST(file.keys().size() == 8u);
  double largest = 0;
  for (const auto& name : file.keys()) largest = std::max(largest, std::abs(file.real(name)));
  BOOST_TEST((largest > 0.01 && largest <= 1.5));
  const double alone = loss("--router none"), with = loss("--router weights --weights few.json");
  BOOST_CHECK_SMALL(loss("--router lorahub --weights few.json") - with, 1e-6);
  BOOST_TEST(with < alone - 0.05, with << " against " << alone);
  BOOST_CHECK_SMALL(told(said, "loss ") - with, 1e-3);
  BOOST_CHECK_SMALL(told(said, "these weights, ") - alone, 1e-3);
}

BOOST_AUTO_TEST_CASE(a_seed_finds_the_same_weights) {
  search("--output one.json --seed 7 --steps 12 --threads 1");
  search("--output two.json --seed 7 --steps 12 --threads 1");
  search("--output other.json --seed 8 --steps 12 --threads 1");
  BOOST_TEST(read(scratch() / "one.json") == read(scratch() / "two.json"));
  BOOST_TEST(read(scratch() / "one.json") != read(scratch() / "other.json"));
}

BOOST_AUTO_TEST_CASE(large_weights_cost) {
  // At such a price none is worth it: the search stays where it began, with nobody heard.
  const auto said = search("--output none.json --l1 1000 --steps 8");
  BOOST_TEST(said.find("0 of 8 trials succeeded") != std::string::npos, said);
  const auto file = anser::parse_json(read(scratch() / "none.json"), "none.json");
  for (const auto& name : file.keys()) BOOST_TEST(file.real(name) == 0);
  BOOST_CHECK_SMALL(loss("--router weights --weights none.json") - loss("--router none"), 1e-6);
  search("--output narrow.json --bound 0.01 --l1 0 --steps 8");
  for (const auto& json = anser::parse_json(read(scratch() / "narrow.json"), "narrow.json");
       const auto& name : json.keys())
    BOOST_TEST(std::abs(json.real(name)) <= 0.01);
}

BOOST_AUTO_TEST_CASE(what_a_search_cannot_use_is_refused) {
  write(scratch() / "few.jsonl", few);
  write(scratch() / "untold.jsonl", "{\"input\": \"the red fish\"}\n");
  const auto pool = "pool weights " + (demo() / "pool").string() + ' ' + demo_model();
  run_badly(pool + "--data untold.jsonl --output w.json", 1, "untold.jsonl:1: neither \"target\"");
  run_badly(pool + "--data absent.jsonl --output w.json", 1, "absent.jsonl");
  run_badly(pool + "--data few.jsonl --output w.json --steps 0", 2, "0 is not a whole number from 1");
  run_badly(pool + "--data few.jsonl --output w.json --allow nobody", 1, "there is no expert \"nobody\"; there are ");
  run_badly(pool + "--data few.jsonl", 2, "--output");
  BOOST_TEST(!fs::exists(scratch() / "w.json"));
}
