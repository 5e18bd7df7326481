#pragma once
/// "Eight ways with numbers", the miniature of SMEAR: a line is a word that names the task, a colon, and numerals among
/// plain words; the target has each numeral as the task wants it, and the plain words as they are. Tasks come in pairs
/// that want the same, one with many lines to learn from and one with few, and the pairs contradict each other.
#include <algorithm>
#include <anser/io/output_file.hpp>
#include <array>
#include <set>

#include "lines.hpp"

namespace anser::reproduce {

struct NumeralSizes {
  int large = 500, small = 40;  // lines of a pair's two tasks to learn from
  int test = 200;               // of each task, none of them a line to learn from
  int pretraining = 900 * 64;
  int copying = 200;  // what a base is examined with
};

class Numerals {
 public:
  using Words = std::vector<std::string>;
  static constexpr int numbers = 20;

  /// A pair's task with many lines, and then the one with few.
  static constexpr std::array<std::array<const char*, 2>, 4> pairs{
      {{"count", "read"}, {"rank", "order"}, {"next", "after"}, {"roman", "clock"}}};
  static Words tasks() {
    Words all;
    for (const auto& pair : pairs) all.insert(all.end(), pair.begin(), pair.end());
    return all;
  }
  static bool has_many(const std::string& task) {
    return std::any_of(pairs.begin(), pairs.end(), [&](const auto& pair) { return task == pair[0]; });
  }

  /// Every word, as the vocabulary numbers them.
  static Words words() {
    Words all;
    for (int n = 1; n <= numbers; ++n) all.push_back(std::to_string(n));
    for (const auto& list : {cardinals, ordinals, romans}) all.insert(all.end(), list.begin(), list.end());
    all.insert(all.end(), plain.begin(), plain.end());
    const Words names = tasks();
    all.insert(all.end(), names.begin(), names.end());
    all.push_back(":");
    return all;
  }

  /// One to three numerals and one to five plain words, shuffled, behind the task's name.
  static Line line(const std::string& task, Dice& dice) {
    std::vector<std::pair<std::string, std::string>> parts;
    for (std::size_t n = 1 + dice.below(3); n > 0; --n) {
      const int number = 1 + int(dice.below(numbers));
      parts.emplace_back(std::to_string(number), said(task, number));
    }
    for (std::size_t n = 1 + dice.below(5); n > 0; --n) {
      const std::string word = dice.among(plain);
      parts.emplace_back(word, word);
    }
    for (std::size_t i = parts.size(); i > 1; --i) std::swap(parts[i - 1], parts[dice.below(i)]);
    Words written{task, ":"}, spoken;
    for (const auto& [input, target] : parts) {
      written.push_back(input);
      spoken.push_back(target);
    }
    return {join(written), join(spoken)};
  }

  /// What the base learns: to copy words, and to leave out a task's name and its colon, whose meaning it never sees.
  static Line pretraining(Dice& dice) {
    static const Words names = tasks(), all = words();
    const std::size_t copied = all.size() - names.size() - 1;
    Words line;
    for (std::size_t n = 2 + dice.below(7); n > 0; --n) line.push_back(all[dice.below(copied)]);
    const std::string text = join(line);
    return {dice.chance(0.6) ? dice.among(names) + " : " + text : text, text};
  }

 private:
  static std::string said(const std::string& task, int number) {
    const auto pair = std::find_if(pairs.begin(), pairs.end(),
                                   [&](const auto& p) { return std::find(p.begin(), p.end(), task) != p.end(); });
    check(pair != pairs.end(), "no task is named ", task);
    const std::size_t at = std::size_t(number - 1);
    switch (pair - pairs.begin()) {
      case 0: return cardinals[at];
      case 1: return ordinals[at];
      case 2: return std::to_string(number % numbers + 1);
      default: return romans[at];
    }
  }

  using List = std::array<const char*, numbers>;
  static constexpr List cardinals{"one",     "two",     "three",     "four",     "five",     "six",      "seven",
                                  "eight",   "nine",    "ten",       "eleven",   "twelve",   "thirteen", "fourteen",
                                  "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"};
  static constexpr List ordinals{"first",     "second",      "third",      "fourth",     "fifth",
                                 "sixth",     "seventh",     "eighth",     "ninth",      "tenth",
                                 "eleventh",  "twelfth",     "thirteenth", "fourteenth", "fifteenth",
                                 "sixteenth", "seventeenth", "eighteenth", "nineteenth", "twentieth"};
  static constexpr List romans{"i",  "ii",  "iii",  "iv",  "v",  "vi",  "vii",  "viii",  "ix",  "x",
                               "xi", "xii", "xiii", "xiv", "xv", "xvi", "xvii", "xviii", "xix", "xx"};
  static constexpr std::array<const char*, 24> plain{
      "Anna", "Ben",  "Clara", "David", "Ella", "Frank", "the",  "some", "old",  "new",    "small", "quiet",
      "lamp", "door", "cups",  "map",   "boat", "keys",  "near", "with", "from", "bought", "found", "lost"};
};

/// Writes what the experiment reads, the same for the same seed: base.jsonl, train/<task>.jsonl,
/// data/held_in/<task>.jsonl, copying/copying.jsonl and tokenizer.json.
inline void write_numerals(const std::string& directory, std::uint64_t seed, const NumeralSizes& sizes = {}) {
  const Random random = Random::of(seed, Draws::made_up);
  std::uint64_t stream = 0;
  for (const auto& task : Numerals::tasks()) {
    Dice dice(random.fork(stream++));
    std::set<std::string> seen;
    std::string train, test;
    for (int i = Numerals::has_many(task) ? sizes.large : sizes.small; i > 0; --i) {
      const Line line = Numerals::line(task, dice);
      seen.insert(line.written);
      train += json_of(line, task);
    }
    for (int i = 0; i < sizes.test; ++i)
      draw_until(
          [&] {
            const Line line = Numerals::line(task, dice);
            if (!seen.insert(line.written).second) return false;
            test += json_of(line, task);
            return true;
          },
          task, ": there are hardly ", i, " lines that are not learned from, and ", sizes.test, " are asked for");
    write_file(directory + "/train/" + task + ".jsonl", train);
    write_file(directory + "/data/held_in/" + task + ".jsonl", test);
  }
  Dice dice(random.fork(stream++)), others(random.fork(stream));
  std::string base, copying;
  for (int i = 0; i < sizes.pretraining; ++i) base += json_of(Numerals::pretraining(dice), "");
  for (int i = 0; i < sizes.copying; ++i) copying += json_of(Numerals::pretraining(others), "");
  write_file(directory + "/base.jsonl", base);
  write_file(directory + "/copying/copying.jsonl", copying);
  write_file(directory + "/tokenizer.json", word_vocabulary(Numerals::words(), 0));
}

}  // namespace anser::reproduce
