#pragma once
#include <anser/eval/results.hpp>
#include <anser/io/json.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "command.hpp"
#include "reproduce_steps.hpp"

namespace anser::cli {

/// What every experiment is asked.
struct ReproduceOptions {
  std::string scale = "mini", output;
  std::vector<std::string> seeds{"0"};
  int jobs = 0;  // 0: one per core
};
void add_reproduce_options(Command& c, ReproduceOptions& o);
/// Options that only one of the scales has a use for.
using ScaleOptions = std::vector<std::pair<std::string, Option*>>;
/// Throws Error where one of the other scale's was given.
void check_scale(const ReproduceOptions& o, const ScaleOptions& of_mini, const ScaleOptions& of_full);

/// What --scale full measures, and how.
struct FullScale {
  std::string model, tasks, backend = "cpu", dtype = "f32";
  int limit = 0, batch_size = 16;
};
/// Adds them to --help and to `list`.
void add_full_scale(Command& c, FullScale& full, ScaleOptions& list);
/// The words for reproduce measure; paths are made absolute, since steps run in the experiment's folder.
std::vector<std::string> measure_words(const FullScale& full, const std::vector<std::string>& metrics);
std::string absolute_path(const std::string& path);

/// Adds to --help what changes a recipe.
Option* add_number(Command& c, const char* name, int& value, const char* help, int most = 1 << 20);

/// Throws Error where a seed is named twice.
std::vector<std::uint64_t> seeds_of(const ReproduceOptions& o);
/// `jobs`: as many where --jobs is 0.
void run_steps(const ReproduceOptions& o, const std::string& experiment, const std::vector<Step>& steps, int jobs);
/// One per core.
int all_cores();

/// Results with what every experiment notes; `tasks` as tasks_text makes it.
Results begin_results(const std::vector<std::uint64_t>& seeds, const std::string& experiment, const std::string& tasks,
                      const std::string& scale = "mini");
/// {task: {"group", "examples"}}
std::string tasks_text(const std::vector<TaskScores>& tasks);

/// What reproduce measure wrote: by method, of each task the metrics of every question.
std::map<std::string, std::vector<TaskScores>> measured_scores(const Json& file);

/// A mean over seeds in %, with how far to trust it: Student's interval, of few seeds the least and the most, of one
/// seed the interval over examples where there is one.
std::string score_text(const std::vector<double>& values, const Interval* over_examples);
/// Methods down, a group's metrics across, means in %; nothing where no task is in the group.
std::string group_table(const Results& results, const std::string& group);
/// "NAME, 5 seeds: means in % [...]", above a table of these.
std::string heading_text(const std::string& name, std::size_t seeds);

/// Writes results.json, commands.txt and report.html, and prints the table and their paths.
void finish(const ReproduceOptions& o, const std::vector<Step>& steps, const Results& results,
            const std::string& table);

// Those of reproduce.
void add_reproduce_phatgoose(Command& reproduce);
void add_reproduce_smear(Command& reproduce);
void add_reproduce_data(Command& reproduce);
void add_reproduce_gates(Command& reproduce);
void add_reproduce_measure(Command& reproduce);

}  // namespace anser::cli
