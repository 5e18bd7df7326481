// The data of SMEAR's miniature: what its tasks ask for, on the lines themselves.
#include "../../examples/reproduce/numerals.hpp"

#include <anser/eval/tasks.hpp>
#include <anser/io/tokenizer.hpp>
#include <boost/test/unit_test.hpp>

#include "../io/temporary.hpp"
#include "lines.hpp"

namespace {

using namespace anser;
using namespace anser::reproduce;
using io_test::Folder;
using miniature_test::split;
using miniature_test::Words;

constexpr NumeralSizes small{.large = 200, .small = 20, .test = 50, .pretraining = 2000, .copying = 50};

const Folder& data() {
  static const Folder folder;
  static const bool written = (write_numerals(folder.path(), 5, small), true);
  BOOST_REQUIRE(written);
  return folder;
}

std::vector<Example> examples(const std::string& path) { return miniature_test::examples(data().path(path)); }

bool is_numeral(const std::string& word) { return word.find_first_not_of("0123456789") == word.npos; }

}  // namespace

BOOST_AUTO_TEST_CASE(a_pair_of_tasks_asks_for_the_same_and_contradicts_the_others) {
  std::map<std::string, std::map<std::string, std::string>> said;  // by task, a numeral's answer
  for (const auto& task : Numerals::tasks()) {
    std::set<std::string> learned;
    for (const std::string folder : {"train/", "data/held_in/"}) {
      const auto lines = examples(folder + task + ".jsonl");
      BOOST_TEST(lines.size() == std::size_t(folder != "train/"         ? small.test
                                             : Numerals::has_many(task) ? small.large
                                                                        : small.small));
      for (const Example& line : lines) {
        BOOST_TEST(line.task == task);
        if (folder == "train/")
          learned.insert(line.input);
        else
          BOOST_TEST(!learned.contains(line.input), line.input);
        const Words input = split(line.input), target = split(line.target);
        BOOST_REQUIRE(input.size() == target.size() + 2);
        BOOST_TEST(input[0] == task);
        BOOST_TEST(input[1] == ":");
        std::size_t numerals = 0;
        for (std::size_t i = 0; i < target.size(); ++i) {
          if (!is_numeral(input[i + 2])) {
            BOOST_TEST(input[i + 2] == target[i]);
            continue;
          }
          ++numerals;
          const auto known = said[task].emplace(input[i + 2], target[i]);
          BOOST_TEST(known.first->second == target[i], line.input);
        }
        BOOST_TEST((numerals >= 1 && numerals <= 3));
        BOOST_TEST((target.size() - numerals >= 1 && target.size() - numerals <= 5));
      }
    }
  }
  // Small tasks may not have shown every numeral.
  for (const auto& [large, little] : Numerals::pairs)
    for (const auto& [numeral, word] : said.at(little))
      if (said.at(large).contains(numeral)) BOOST_TEST(said.at(large).at(numeral) == word);
  const auto is = [&](const std::string& task, int number, const std::string& word) {
    const auto found = said.at(task).find(std::to_string(number));
    BOOST_TEST((found == said.at(task).end() || found->second == word), task << ' ' << number);
  };
  is("count", 12, "twelve"), is("rank", 12, "twelfth"), is("next", 20, "1"), is("next", 9, "10");
  is("roman", 14, "xiv"), is("roman", 19, "xix"), is("order", 5, "fifth"), is("read", 8, "eight");
  std::set<std::string> answers;
  for (const auto& pair : Numerals::pairs)
    for (const auto& [numeral, word] : said.at(pair[0])) answers.insert(word);
  BOOST_TEST(answers.size() == 4u * Numerals::numbers);
}

BOOST_AUTO_TEST_CASE(the_base_copies_and_leaves_out_what_names_a_task) {
  int named = 0;
  const auto lines = examples("base.jsonl");
  for (const Example& line : lines) {
    const Words input = split(line.input), target = split(line.target);
    const bool with_name = input.size() == target.size() + 2;
    named += with_name;
    const std::size_t from = with_name ? 2 : 0;
    BOOST_TEST((Words(input.begin() + std::ptrdiff_t(from), input.end()) == target), line.input);
    BOOST_TEST((target.size() >= 2 && target.size() <= 8));
    for (const auto& word : target) BOOST_TEST(word != ":");
  }
  BOOST_TEST((named > 1100 && named < 1300));
}

BOOST_AUTO_TEST_CASE(every_word_of_numbers_is_one_token) {
  const auto tokenizer = Tokenizer::load(data().path("tokenizer.json"));
  BOOST_TEST(tokenizer.size() == 116);
  const Words words = Numerals::words();
  for (std::size_t i = 0; i < words.size(); ++i)
    BOOST_TEST((tokenizer.encode(words[i]) == std::vector<std::int32_t>{std::int32_t(i) + 3, 1}), words[i]);
}

BOOST_AUTO_TEST_CASE(the_same_seed_draws_the_same_numbers) {
  const Folder again, other;
  write_numerals(again.path(), 5, small);
  write_numerals(other.path(), 6, small);
  for (const std::string file : {"base.jsonl", "train/count.jsonl", "data/held_in/clock.jsonl"}) {
    BOOST_TEST(io_test::read(again.path(file)) == io_test::read(data().path(file)), file);
    BOOST_TEST(io_test::read(other.path(file)) != io_test::read(data().path(file)), file);
  }
}
