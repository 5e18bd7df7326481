#pragma once
/// "Read it aloud", the miniature's tasks: a line of text has written forms ("Dr.", "$ five", "3 kg") that are to be
/// spoken ("doctor", "five dollars", "three kilograms"). An expert learns one of ten kinds, from lines that have no
/// other; held-out lines mix kinds, or say one kind in other words. Nothing in a line says what it asks for.
#include <algorithm>
#include <anser/io/output_file.hpp>
#include <map>
#include <set>

#include "lines.hpp"

namespace anser::reproduce {

class ReadAloud {
 public:
  using Words = std::vector<std::string>;
  static constexpr int longest_written = 12, longest_spoken = 14, sentinels = 5;

  /// `lists`: read_it_aloud.json. Throws Error where a template names what is not there.
  explicit ReadAloud(const Json& lists);

  /// The experts' kinds and the held-out tasks, in the file's order.
  const Words& kinds() const { return kinds_; }
  const Words& tasks() const { return tasks_; }
  /// Every word of either form, as the vocabulary numbers them.
  const Words& words() const { return words_; }

  /// What an expert learns: one phrase of its kind (two in a third of the lines) and one or two of no kind, shuffled.
  Line held_in(const std::string& kind, Dice& dice) const;
  /// What nobody learns, from one of the task's templates.
  Line held_out(const std::string& task, Dice& dice) const { return read(fill(dice.among(held_out_.at(task)), dice)); }

  /// What the base learns, input and target: half of it copying (of random words, or of a line), half T5's span
  /// corruption of a line. A line here has one kind and is written throughout or spoken throughout: no pair of the two
  /// is ever seen.
  Line pretraining(Dice& dice) const;

 private:
  struct Phrase {
    Words written, spoken;
  };
  using Template = Words;  // words, and "{slot}"s
  static Words cut(const std::string& text);
  static Line read(const Phrase& p) { return {join(p.written), join(p.spoken)}; }
  std::vector<Template> templates(const Json& list);
  void know(const Words& words);
  static Words texts_at(const Json& of, const std::string& key);
  static void check_name(const std::string& name, const Json& list);
  Phrase fill(const Template& form, Dice& dice) const;
  Words one_form(Dice& dice) const;

  Words kinds_, tasks_, words_;
  std::set<std::string> known_;
  std::map<std::string, Words> choices_;  // of a slot: words, or written forms
  std::map<std::string, Words> spoken_;   // of a written form
  std::vector<Template> generic_;
  std::map<std::string, std::vector<Template>> held_in_, held_out_;
};

inline ReadAloud::Words ReadAloud::cut(const std::string& text) {
  Words words(1);
  for (const char c : text)
    if (c == ' ')
      words.emplace_back();
    else
      words.back() += c;
  return words;
}

inline void ReadAloud::know(const Words& words) {
  for (const auto& w : words)
    if (known_.insert(w).second) words_.push_back(w);
}

/// A list of texts that has some.
inline ReadAloud::Words ReadAloud::texts_at(const Json& of, const std::string& key) {
  const Words texts = of.at(key).texts();
  check(!texts.empty(), of.at(key).place(), " is empty");
  for (const auto& t : texts) check(!t.empty(), of.at(key).place(), " has an empty text");
  return texts;
}
/// Names become files, folders and parts of lists.
inline void ReadAloud::check_name(const std::string& name, const Json& list) {
  const bool plain = !name.empty() && name[0] != '-' && name[0] != '.' && !name.starts_with("training") &&
                     name.find_first_of("/\\,:*?\"<>| \t\n\r'") == name.npos;
  check(plain, list.place(), ": ", quote(name), " cannot be a name: letters, digits, - and _ can");
}

inline std::vector<ReadAloud::Template> ReadAloud::templates(const Json& list) {
  std::vector<Template> all;
  for (const auto& text : list.texts()) {
    all.push_back(cut(text));
    for (std::size_t i = 0; i < all.back().size(); ++i) {
      const std::string& word = all.back()[i];
      check(!word.empty(), list.place(), ": ", quote(text), " has two blanks in a row, or one at an end");
      if (word[0] != '{')
        know({word});
      else
        check(choices_.contains(word), list.place(), ": there are no words for ", word);
      if (word == "{CUR}")
        check(i + 1 < all.back().size() && choices_.contains(all.back()[i + 1]), list.place(), ": in ", quote(text),
              " {CUR} needs an amount behind it, such as {sw}");
    }
  }
  check(!all.empty(), list.place(), " is empty");
  return all;
}

inline ReadAloud::ReadAloud(const Json& lists) {
  const Json categories = lists.at("categories"), kinds = lists.at("kinds"), held_out = lists.at("held_out");
  const auto one_word = [](const std::string& word, const Json& list) {
    const bool whole = !word.empty() && word[0] != '{' &&
                       std::none_of(word.begin(), word.end(), [](char c) { return c >= 0 && c <= ' '; });
    check(whole, list.place(), ": ", quote(word), " is not one word; write_it_as_one");
    const bool special = word == "<pad>" || word == "</s>" || word == "<unk>" || word.starts_with("<extra_id_");
    check(!special, list.place(), ": ", quote(word), " is a token of the model's own");
  };
  for (const auto& name : categories.keys()) {
    const Words words = texts_at(categories, name);
    for (const auto& word : words) one_word(word, categories.at(name));
    know(choices_['{' + name + '}'] = words);
  }
  for (const auto& name : kinds.keys()) {
    const Json kind = kinds.at(name);
    check_name(name, kinds);
    check(!kind.keys().empty() && !choices_.contains('{' + name + '}'), kind.place(),
          " is empty, or named as a category is");
    know(choices_['{' + name + '}'] = kind.keys());
    for (const auto& written : kind.keys()) {
      one_word(written, kind);
      check(!spoken_.contains(written), kind.place(), ": ", quote(written), " stands in another kind, too");
      know(spoken_[written] = cut(kind.text(written)));
      for (const auto& word : spoken_[written])
        check(!word.empty(), kind.place(), ": ", quote(written), " is said by blanks");
    }
    kinds_.push_back(name);
  }
  check(kinds_.size() >= 2, kinds.place(), " has fewer than two kinds: nobody is to be chosen");
  generic_ = templates(lists.at("generic"));
  for (const auto& kind : kinds_) {
    const Json list = lists.at("held_in").at(kind);
    held_in_[kind] = templates(list);
    for (const Template& form : held_in_[kind])
      check(std::find(form.begin(), form.end(), '{' + kind + '}') != form.end(), list.place(), ": ", quote(join(form)),
            " has no {", kind, "}, which is what the expert is to learn");
  }
  tasks_ = held_out.keys();
  check(!tasks_.empty(), held_out.place(), " is empty");
  for (const auto& task : tasks_) {
    check_name(task, held_out);
    check(std::find(kinds_.begin(), kinds_.end(), task) == kinds_.end(), held_out.place(), ": ", task,
          " is a kind's name, too");
    held_out_[task] = templates(held_out.at(task));
  }
}

inline ReadAloud::Phrase ReadAloud::fill(const Template& form, Dice& dice) const {
  Phrase p;
  for (std::size_t i = 0; i < form.size(); ++i) {
    const auto slot = choices_.find(form[i]);
    const std::string word = slot == choices_.end() ? form[i] : dice.among(slot->second);
    const auto form_of = slot == choices_.end() ? spoken_.end() : spoken_.find(word);
    const Words said = form_of == spoken_.end() ? Words{word} : form_of->second;
    p.written.push_back(word);
    if (form[i] == "{CUR}") {  // "$ five" is said "five dollars"
      const std::string& amount = dice.among(choices_.at(form.at(++i)));
      p.written.push_back(amount);
      p.spoken.push_back(amount);
    }
    p.spoken.insert(p.spoken.end(), said.begin(), said.end());
  }
  return p;
}

inline Line ReadAloud::held_in(const std::string& kind, Dice& dice) const {
  Line drawn;
  const auto draw = [&] {
    std::vector<Phrase> phrases;
    for (std::size_t n = dice.chance(2.0 / 3) ? 1 : 2; n > 0; --n)
      phrases.push_back(fill(dice.among(held_in_.at(kind)), dice));
    for (std::size_t n = 1 + dice.below(2); n > 0; --n) phrases.push_back(fill(dice.among(generic_), dice));
    for (std::size_t i = phrases.size(); i > 1; --i) std::swap(phrases[i - 1], phrases[dice.below(i)]);
    Phrase line;
    for (const auto& p : phrases) {
      line.written.insert(line.written.end(), p.written.begin(), p.written.end());
      line.spoken.insert(line.spoken.end(), p.spoken.begin(), p.spoken.end());
    }
    if (line.written.size() > longest_written || line.spoken.size() > longest_spoken) return false;
    drawn = read(line);
    return true;
  };
  draw_until(draw, "held_in.", kind, ": no line of it is short enough: ", longest_written, " words written and ",
             longest_spoken, " spoken are the most");
  return drawn;
}

inline ReadAloud::Words ReadAloud::one_form(Dice& dice) const {
  const Line line = held_in(dice.among(kinds_), dice);
  return cut(dice.chance(0.5) ? line.written : line.spoken);
}

inline Line ReadAloud::pretraining(Dice& dice) const {
  if (dice.chance(0.5)) {
    Words words;
    if (dice.chance(0.6))
      for (std::size_t n = 3 + dice.below(12); n > 0; --n) words.push_back(dice.among(words_));
    else
      words = one_form(dice);
    return {join(words), join(words)};
  }
  for (;;) {
    const Words words = one_form(dice);
    Phrase p;
    int spans = 0;
    for (std::size_t i = 0; i < words.size();) {
      if (spans == sentinels || !dice.chance(0.2)) {
        p.written.push_back(words[i++]);
        continue;
      }
      const std::string sentinel = "<extra_id_" + std::to_string(spans++) + '>';
      p.written.push_back(sentinel);
      p.spoken.push_back(sentinel);
      for (std::size_t n = 1 + dice.below(3); n > 0 && i < words.size(); --n) p.spoken.push_back(words[i++]);
    }
    if (spans > 0) return read(p);
  }
}

struct ReadAloudSizes {
  int train = 1000;    // lines of each kind
  int held_in = 60;    // of each kind, none of them a line of training
  int held_out = 120;  // of each task, no two alike
  int pretraining = 4000 * 64;
  int copying = 200;  // what a base is examined with: lines that it is to copy
};

/// Writes what an experiment reads into a directory, the same for the same seed:
///   base.jsonl                      what the base learns, a step's examples once each
///   train/<KIND>.jsonl              what the experts learn
///   data/held_in/<KIND>.jsonl, data/held_out/<task>.jsonl
///   copying/copying.jsonl           more of what the base copies
///   tokenizer.json                  the vocabulary
inline void write_read_aloud(const std::string& directory, const Json& lists, std::uint64_t seed,
                             const ReadAloudSizes& sizes = {}) {
  const ReadAloud family(lists);
  const Random random = Random::of(seed, Draws::made_up);
  std::uint64_t stream = 0;  // each file has draws of its own
  for (const auto& kind : family.kinds()) {
    Dice dice(random.fork(stream++));
    std::set<std::string> seen;
    std::string train, test;
    for (int i = 0; i < sizes.train; ++i) {
      const Line line = family.held_in(kind, dice);
      seen.insert(line.written);
      train += json_of(line, kind);
    }
    for (int i = 0; i < sizes.held_in; ++i)
      draw_until(
          [&] {
            const Line line = family.held_in(kind, dice);
            if (!seen.insert(line.written).second) return false;
            test += json_of(line, kind);
            return true;
          },
          "held_in.", kind, ": there are hardly ", i, " lines that are not learned from, and ", sizes.held_in,
          " are asked for");
    write_file(directory + "/train/" + kind + ".jsonl", train);
    write_file(directory + "/data/held_in/" + kind + ".jsonl", test);
  }
  for (const auto& task : family.tasks()) {
    Dice dice(random.fork(stream++));
    std::set<std::string> seen;
    std::string test;
    for (int i = 0; i < sizes.held_out; ++i)
      draw_until(
          [&] {
            const Line line = family.held_out(task, dice);
            if (!seen.insert(line.written).second) return false;
            test += json_of(line, task);
            return true;
          },
          "held_out.", task, ": its templates make hardly more than ", i, " lines, and ", sizes.held_out,
          " are asked for");
    write_file(directory + "/data/held_out/" + task + ".jsonl", test);
  }
  Dice dice(random.fork(stream++));
  std::string base, copying;
  for (int i = 0; i < sizes.pretraining; ++i) base += json_of(family.pretraining(dice), "");
  Dice others(random.fork(stream));
  for (int i = 0; i < sizes.copying;)
    if (const Line line = family.pretraining(others); line.written == line.spoken) {
      copying += json_of(line, "");
      ++i;
    }
  write_file(directory + "/copying/copying.jsonl", copying);
  write_file(directory + "/base.jsonl", base);
  write_file(directory + "/tokenizer.json", word_vocabulary(family.words(), ReadAloud::sentinels));
}

}  // namespace anser::reproduce
