#pragma once
#include <string>
#include <vector>

#include "../core/config.hpp"
#include "../io/examples.hpp"

namespace anser {

/// What a model is asked: a file of examples, all of multiple choice or none.
struct Task {
  std::string name;   // the file's, without .jsonl
  std::string group;  // "held_in" or "held_out"
  std::string path;
  std::string hash;  // SHA-256 of the whole file
  bool choices = false;
  std::vector<Example> examples;  // of multiple choice: with the label
};

/// The tasks of a directory, by name: `held_in/<task>.jsonl`, which the experts were trained on, and
/// `held_out/<task>.jsonl`, which they were not; a `<task>.jsonl` beside those folders is held out. With a limit above
/// 0 that many lines of each file, evenly spread over it. Hidden files are passed over. Throws Error naming the file,
/// and where a line is at fault the line: no tasks, two of one name, another folder, an empty file, a line of the other
/// kind, or one that has nothing to compare with.
std::vector<Task> read_tasks(const std::string& directory, int limit = 0);

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "tasks-inl.hpp"
#endif
