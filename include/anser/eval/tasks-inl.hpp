#pragma once
#include <algorithm>
#include <filesystem>
#include <map>

#include "../core/sha256.hpp"
#include "tasks.hpp"

namespace anser {

namespace detail {

inline Task read_task(const std::string& path, const std::string& name, const std::string& group, int limit) {
  Task t{name, group, path, {}, false, {}};
  const ExampleFile file(path);
  const auto bytes = MappedFile::open(path);
  t.hash = sha256({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  const std::size_t most = limit > 0 ? std::size_t(limit) : file.size(), n = std::min(file.size(), most);
  for (std::size_t i = 0; i < n; ++i) {
    Example e = file[i * file.size() / n];
    const bool choices = !e.choices.empty();
    if (i == 0) t.choices = choices;
    check(choices == t.choices, e.place, choices ? ": this line has \"choices\"" : ": this line has no \"choices\"",
          ", unlike those before it; put the two kinds into files of their own");
    if (choices && e.label < 0) {
      const auto right = std::find(e.choices.begin(), e.choices.end(), e.target);
      check(right != e.choices.end(), e.place, ": the target ", quote(e.target),
            " is none of the choices; give a \"label\", the place of the right one");
      e.label = int(right - e.choices.begin());
    }
    t.examples.push_back(std::move(e));
  }
  return t;
}

}  // namespace detail

ANSER_INLINE std::vector<Task> read_tasks(const std::string& directory, int limit) {
  namespace fs = std::filesystem;
  check_directory(directory, "a set of tasks");
  std::map<std::string, std::pair<std::string, std::string>> files;  // name: path, group
  const auto add = [&](const fs::path& path, const std::string& group) {
    const std::string name = path.stem().string();
    if (path.extension() != ".jsonl" || name.starts_with('.')) return;
    const auto [at, first] = files.try_emplace(name, path.string(), group);
    check(first, path.string(), ": there is another task of this name, ", at->second.first, "; rename one");
  };
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_directory()) {
      add(entry.path(), "held_out");
    } else if (!name.starts_with('.')) {
      check(name == "held_in" || name == "held_out", entry.path().string(),
            ": tasks lie in the directory itself, in held_in or in held_out, and in no other folder");
      for (const auto& file : fs::directory_iterator(entry.path())) add(file.path(), name);
    }
  }
  check(!files.empty(), directory, " holds no tasks; each is a file <task>.jsonl of lines such as ",
        "{\"input\": \"...\", \"target\": \"...\"}");
  std::vector<Task> tasks;
  for (const auto& [name, file] : files) tasks.push_back(detail::read_task(file.first, name, file.second, limit));
  return tasks;
}

}  // namespace anser
