#pragma once
#include <string>
#include <utility>
#include <vector>

#include "reproduce.hpp"
#include "seed_steps.hpp"

namespace anser::cli {

/// What every experiment measures at --scale full, and how: models, pools and tasks of a user's own.
struct FullScale {
  std::string model, tasks, backend = "cpu", dtype = "f32";
  int limit = 0, batch_size = 16;
  std::vector<std::string> metrics;
};
/// Adds them to --help.
void add_full_scale(Command& c, FullScale& full);
inline const Words full_scale_options{"--model", "--tasks", "--backend", "--dtype", "--limit", "--batch-size"};

/// Throws Error where one of these options, named with their values, is missing; `why` ends the sentence.
void check_given(const std::vector<std::pair<std::string, std::string>>& options, const char* why);

/// Throws Error where the output would lie in a folder that is read: what is written would count as a change of it.
void check_apart(const std::string& output, const Words& folders);

/// Steps run in the experiment's folder.
std::string absolute_path(const std::string& path);
/// The words for reproduce measure.
Words measure_words(const FullScale& full);

/// "settings" of results.json: the model, what it is asked (SHA-256 of each task's file) and how, and `own` settings,
/// whose values are JSON.
std::string settings_text(const FullScale& full, const std::vector<std::pair<std::string, std::string>>& own);
/// {file's name without its ending: SHA-256 of its contents}
std::string hashes_text(const Words& files);

/// The tables of both groups, each with a heading that begins with `name`.
std::string tables_text(const Results& results, const std::string& name);

}  // namespace anser::cli
