// The miniature's data: every rule of "Read it aloud" checked on the lines themselves, by a reader of its templates
// that knows nothing of how they were drawn.
#include "../../examples/reproduce/read_aloud.hpp"

#include <anser/eval/tasks.hpp>
#include <anser/io/tokenizer.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>

#include "../io/temporary.hpp"
#include "lines.hpp"

namespace {

using namespace anser;
using namespace anser::reproduce;
using io_test::Folder;
using miniature_test::split;
using miniature_test::Words;

const Json& lists() {
  static const Json all =
      read_json(std::string(ANSER_TEST_GOLDEN_DIR) + "/../../examples/reproduce/read_it_aloud.json");
  return all;
}

constexpr ReadAloudSizes small{.train = 300, .held_in = 40, .held_out = 120, .pretraining = 4000};

const Folder& data() {
  static const Folder folder;
  static const bool written = (write_read_aloud(folder.path(), lists(), 5, small), true);
  BOOST_REQUIRE(written);
  return folder;
}

std::vector<Example> examples(const std::string& path) { return miniature_test::examples(data().path(path)); }

/// Whether words from `at` on read as the template.
bool fits(const Words& words, std::size_t at, const std::string& form) {
  const Words slots = split(form);
  if (at + slots.size() > words.size()) return false;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const std::string& word = words[at + i];
    const std::string name = slots[i].substr(1, slots[i].size() - 2);
    if (slots[i][0] != '{') {
      if (word != slots[i]) return false;
    } else if (const auto category = lists().at("categories").find(name)) {
      const auto list = category->texts();
      if (std::find(list.begin(), list.end(), word) == list.end()) return false;
    } else if (!lists().at("kinds").at(name).has(word)) {
      return false;
    }
  }
  return true;
}

/// Whether words from `at` on read as one or two phrases of the kind and one or two of none, in some order.
bool is_line(const Words& words, std::size_t at, const Words& own, const Words& generic, int of_kind, int of_none) {
  if (at == words.size()) return of_kind >= 1 && of_none >= 1;
  for (const auto& form : own)
    if (of_kind < 2 && fits(words, at, form) &&
        is_line(words, at + split(form).size(), own, generic, of_kind + 1, of_none))
      return true;
  for (const auto& form : generic)
    if (of_none < 2 && fits(words, at, form) &&
        is_line(words, at + split(form).size(), own, generic, of_kind, of_none + 1))
      return true;
  return false;
}

/// The kind of a written form; empty for plain words.
std::string kind_of(const std::string& word) {
  for (const auto& kind : lists().at("kinds").keys())
    if (lists().at("kinds").at(kind).has(word)) return kind;
  return {};
}

std::string speak(const std::string& written) {
  Words words = split(written);
  std::string said;
  for (std::size_t i = 0; i < words.size(); ++i)
    if (kind_of(words[i]) == "CUR") std::swap(words[i], words.at(i + 1)), ++i;
  for (const auto& word : words) {
    const auto kind = kind_of(word);
    said += (said.empty() ? "" : " ") + (kind.empty() ? word : lists().at("kinds").at(kind).text(word));
  }
  return said;
}

BOOST_AUTO_TEST_CASE(lines_of_experts_have_one_kind) {
  int of_one_card = 0, with_one = 0;
  for (const auto& kind : lists().at("kinds").keys()) {
    const auto train = examples("train/" + kind + ".jsonl"), test = examples("data/held_in/" + kind + ".jsonl");
    BOOST_TEST(train.size() == std::size_t(small.train));
    BOOST_TEST(test.size() == std::size_t(small.held_in));
    std::set<std::string> learned, asked;
    for (const auto* part : {&train, &test})
      for (const auto& e : *part) {
        const Words words = split(e.input);
        BOOST_TEST(is_line(words, 0, lists().at("held_in").texts(kind), lists().texts("generic"), 0, 0), e.input);
        BOOST_TEST(words.size() <= 12u);
        BOOST_TEST(split(e.target).size() <= 14u);
        BOOST_TEST(e.target == speak(e.input));
        BOOST_TEST(e.task == kind);
        for (const auto& word : words) BOOST_TEST((kind_of(word).empty() || kind_of(word) == kind), e.input);
        (part == &train ? learned : asked).insert(e.input);
        if (kind ==
            "CARD") {  // a phrase has one: two thirds of the lines have one phrase, and some with two are too long
          ++with_one;
          of_one_card +=
              std::count_if(words.begin(), words.end(), [](const auto& w) { return kind_of(w) == "CARD"; }) == 1;
        }
      }
    BOOST_TEST(asked.size() == test.size());
    for (const auto& line : asked) BOOST_TEST(!learned.contains(line), line);
  }
  BOOST_TEST(double(of_one_card) / with_one > 0.58);
  BOOST_TEST(double(of_one_card) / with_one < 0.8);
}

BOOST_AUTO_TEST_CASE(held_out_lines_come_from_their_templates_alone) {
  const auto tasks = read_tasks(data().path("data"));
  BOOST_TEST(tasks.size() == 21u);
  int held_out = 0;
  for (const auto& task : tasks) {
    if (task.group == "held_in") continue;
    ++held_out;
    BOOST_TEST(task.examples.size() == 120u);
    const auto forms = lists().at("held_out").texts(task.name);
    std::set<std::string> seen;
    std::map<std::string, int> used;
    for (const auto& e : task.examples) {
      const Words words = split(e.input);
      const auto form = std::find_if(forms.begin(), forms.end(), [&](const std::string& f) {
        return split(f).size() == words.size() && fits(words, 0, f);
      });
      BOOST_REQUIRE_MESSAGE(form != forms.end(), task.name << ": " << e.input);
      ++used[*form];
      BOOST_TEST(e.target == speak(e.input));
      std::set<std::string> kinds;
      for (const auto& word : words)
        if (!kind_of(word).empty()) kinds.insert(kind_of(word));
      const auto mixed = lists().texts("held_out_mixed");
      BOOST_TEST((kinds.size() > 1) == (std::find(mixed.begin(), mixed.end(), task.name) != mixed.end()), e.input);
      seen.insert(e.input);
    }
    BOOST_TEST(seen.size() == 120u);
    BOOST_TEST(used.size() == forms.size());
  }
  BOOST_TEST(held_out == 11);
}

BOOST_AUTO_TEST_CASE(the_base_never_sees_a_pair_of_written_and_spoken) {
  int copies = 0, salads = 0, masked = 0, words_of_lines = 0;
  for (const auto& e : examples("base.jsonl")) {
    const Words input = split(e.input), target = split(e.target);
    if (e.input == e.target) {
      ++copies;
      std::set<std::string> kinds;
      for (const auto& w : input)
        if (!kind_of(w).empty()) kinds.insert(kind_of(w));
      salads += kinds.size() > 1;
      BOOST_TEST(input.size() <= 14u);
      continue;
    }
    // Spans put back where their sentinels stand give the line again.
    Words whole;
    std::size_t at = 0, spans = 0;
    for (const auto& w : input) {
      if (!w.starts_with("<extra_id_")) {
        whole.push_back(w);
        continue;
      }
      BOOST_TEST(w == "<extra_id_" + std::to_string(spans++) + ">");
      BOOST_REQUIRE(at < target.size());
      BOOST_TEST(target[at++] == w);
      const std::size_t begin = at;
      while (at < target.size() && !target[at].starts_with("<extra_id_")) whole.push_back(target[at++]);
      BOOST_TEST(at - begin >= 1u);
      BOOST_TEST(at - begin <= 3u);
      masked += int(at - begin);
    }
    BOOST_TEST(at == target.size());
    BOOST_TEST(spans >= 1u);
    BOOST_TEST(spans <= 5u);
    BOOST_TEST(whole.size() <= 14u);
    words_of_lines += int(whole.size());
    // One kind, or none where the line is spoken throughout.
    std::set<std::string> kinds;
    for (const auto& w : whole)
      if (!kind_of(w).empty()) kinds.insert(kind_of(w));
    BOOST_TEST(kinds.size() <= 1u, e.input);
  }
  BOOST_TEST(std::abs(copies - 2000) < 130);  // half, within four deviations
  // Three copies in five are of random words; of those some three in five have written forms of several kinds.
  BOOST_TEST(double(salads) / copies > 0.29);
  BOOST_TEST(double(salads) / copies < 0.43);
  BOOST_TEST(double(masked) / words_of_lines > 0.2);  // spans begin with 0.2 a word, and have two words on average
  BOOST_TEST(double(masked) / words_of_lines < 0.4);
}

BOOST_AUTO_TEST_CASE(a_base_is_examined_with_copying) {
  const auto lines = examples("copying/copying.jsonl");
  BOOST_TEST(lines.size() == 200u);
  std::set<std::string> seen;
  for (const auto& e : examples("base.jsonl")) seen.insert(e.input);
  std::size_t fresh = 0;
  for (const auto& e : lines) {
    BOOST_TEST(e.input == e.target);
    fresh += !seen.contains(e.input);
  }
  BOOST_TEST(fresh > 190u);
}

BOOST_AUTO_TEST_CASE(every_word_has_an_id) {
  const ReadAloud family(lists());
  BOOST_TEST(family.words().size() == 279u);
  const auto tokenizer = Tokenizer::load(data().path("tokenizer.json"));
  BOOST_TEST(tokenizer.size() == 287);
  BOOST_TEST(tokenizer.pad_id() == 0);
  BOOST_TEST(tokenizer.eos_id() == 1);
  for (std::size_t i = 0; i < family.words().size(); ++i)
    BOOST_TEST((tokenizer.encode(family.words()[i]) == std::vector<std::int32_t>{std::int32_t(i) + 3, 1}),
               family.words()[i]);
  for (const std::string part : {"train/STATE.jsonl", "data/held_out/review.jsonl", "base.jsonl"})
    for (const auto& e : examples(part))
      for (const auto& text : {e.input, e.target}) {
        const auto ids = tokenizer.encode(text);
        BOOST_TEST(ids.size() == split(text).size() + 1, text);
        BOOST_TEST(std::count(ids.begin(), ids.end(), tokenizer.unk_id()) == 0, text);
        if (part != "base.jsonl") BOOST_TEST(tokenizer.decode(ids) == text);
      }
  BOOST_TEST((tokenizer.encode("and <extra_id_0> Ben <extra_id_4>", false) ==
              std::vector<std::int32_t>{*tokenizer.id("\u2581and"), 286, *tokenizer.id("\u2581Ben"), 282}));
}

BOOST_AUTO_TEST_CASE(a_seed_gives_the_same_files) {
  const Folder again, other;
  write_read_aloud(again.path(), lists(), 5, small);
  write_read_aloud(other.path(), lists(), 6, small);
  for (const std::string file :
       {"train/FR.jsonl", "data/held_in/DAY.jsonl", "data/held_out/race.jsonl", "base.jsonl"}) {
    BOOST_TEST((io_test::read(again.path(file)) == io_test::read(data().path(file))), file);
    BOOST_TEST((io_test::read(other.path(file)) != io_test::read(data().path(file))), file);
  }
}

BOOST_AUTO_TEST_CASE(a_template_without_words_is_named) {
  std::string text = lists().written();
  const auto at = text.find("{TITLE} {name} paid");
  text.replace(at, 7, "{TITEL}");
  CHECK_SAYS(ReadAloud(parse_json(text, "lists.json")), "lists.json: held_out.invoice", "no words for {TITEL}");
}

}  // namespace
