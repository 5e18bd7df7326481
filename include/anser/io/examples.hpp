#pragma once
#include <string>
#include <vector>

#include "json.hpp"
#include "plain_text.hpp"

namespace anser {

/// One line of a data file.
struct Example {
  std::string input, target;         // without a target: the choice that the label names
  std::vector<std::string> choices;  // of multiple choice, or none
  int label = -1;                    // the right one of them, or -1
  std::string task;                  // or empty
  std::string place;                 // "file:line", for messages
};

/// A JSONL file of examples: {"input": ..., "target": ...}, or with "choices" and "label", optionally "task". Lines are
/// found once and read when they are asked for, so that files may be larger than memory. Blank lines are passed over.
class ExampleFile {
 public:
  /// Throws Error where the file cannot be read or holds no line.
  explicit ExampleFile(const std::string& path)
      : lines_(path, "no examples; each line is a JSON object such as {\"input\": \"...\", \"target\": \"...\"}") {}

  std::size_t size() const { return lines_.size(); }
  const std::string& path() const { return lines_.path(); }

  /// Throws Error naming file and line where a line is no such object, has nothing to learn, or names two targets.
  Example operator[](std::size_t i) const {
    const Json json = parse_json(lines_.line(i), lines_.place(i));
    check(json.kind() == Json::Kind::object, json.place(), ": each line must be a JSON object, not ", json.written(40));
    Example e{json.text("input"), json.text("target", ""), json.texts("choices"), -1, json.text("task", ""),
              json.place()};
    if (json.has("label")) {
      check(!e.choices.empty(), e.place, ": a label without choices; add \"choices\": [...]");
      e.label = int(json.integer("label", 0, std::int64_t(e.choices.size()) - 1));
    }
    if (!json.has("target")) {
      check(e.label >= 0, e.place,
            ": neither \"target\" nor \"choices\" with a \"label\"; nothing can be learned of it");
      e.target = e.choices[std::size_t(e.label)];
    }
    if (e.label >= 0 && e.target != e.choices[std::size_t(e.label)])
      fail(e.place, ": the target is ", quote(e.target), " and the choice that the label names ",
           quote(e.choices[std::size_t(e.label)]), "; leave one of them out");
    return e;
  }

 private:
  PlainText lines_;
};

}  // namespace anser
