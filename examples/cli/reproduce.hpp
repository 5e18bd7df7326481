#pragma once
#include <anser/eval/results.hpp>
#include <anser/io/json.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
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
ScaleOptions options_named(Command& c, const std::vector<std::string>& names);
/// Throws Error where one of the other scale's was given.
void check_scale(const ReproduceOptions& o, const ScaleOptions& of_mini, const ScaleOptions& of_full);

/// Adds to --help what changes a recipe.
Option* add_number(Command& c, const char* name, int& value, const char* help, int most = 1 << 20);
/// And the examination that its base must pass.
void add_least_copying(Command& c, double& share);

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
