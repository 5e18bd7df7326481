// anser reproduce: what the papers' experiments have in common.
#include "reproduce.hpp"

#include <fmt/format.h>
#include <anser/core/error.hpp>
#include <anser/io/json.hpp>
#include <anser/io/output_file.hpp>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <thread>

#include "options.hpp"
#include "reproduce_report.hpp"
#include "text.hpp"

namespace anser::cli {

std::vector<std::uint64_t> seeds_of(const ReproduceOptions& o) {
  std::vector<std::uint64_t> seeds;
  for (const auto& word : o.seeds) {
    seeds.push_back(std::stoull(word));
    check(std::count(seeds.begin(), seeds.end(), seeds.back()) == 1, "--seeds: ", word, " is named twice");
  }
  return seeds;
}

void run_steps(const ReproduceOptions& o, const std::string& experiment, const std::vector<Step>& steps, int jobs) {
  run_steps(o.output, experiment, steps, o.jobs ? o.jobs : jobs);
}
int all_cores() { return std::max(1, int(std::thread::hardware_concurrency())); }

namespace {

/// A word as a shell reads it.
std::string shell_word(const std::string& word) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || std::strchr("_./,=:+-", c) != nullptr;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + '\'';
}

}  // namespace

std::string tasks_text(const std::vector<TaskScores>& tasks) {
  std::string text;
  for (const TaskScores& t : tasks)
    text += concat(text.empty() ? "" : ",\n", "    ", quote(t.task), ": {\"group\": ", quote(t.group),
                   ", \"examples\": ", t.values.begin()->second.size(), '}');
  return "{\n" + text + "\n  }";
}

Results begin_results(const std::vector<std::uint64_t>& seeds, const std::string& experiment, const std::string& tasks,
                      const std::string& scale) {
  Results results(seeds);
  results.note("version", quote(ANSER_VERSION));
  results.note("experiment", quote(experiment));
  results.note("scale", quote(scale));
  results.note("tasks", tasks);
  return results;
}

void finish(const ReproduceOptions& o, const std::vector<Step>& steps, const Results& results,
            const std::string& table) {
  write_file(o.output + "/results.json", results.json());
  std::string commands;
  for (const Step& step : steps) {
    commands += "anser";
    for (const auto& word : step.words) commands += ' ' + shell_word(word);
    commands += '\n';
  }
  write_file(o.output + "/commands.txt", commands);
  const std::string report = write_report(o.output);
  print(table + fmt::format("All values: {}/results.json; to look at: {}\n", visible(o.output), visible(report)));
}

ScaleOptions options_named(Command& c, const std::vector<std::string>& names) {
  ScaleOptions options;
  for (const auto& name : names) options.emplace_back(name, c.find_option(name));
  return options;
}

void check_scale(const ReproduceOptions& o, const ScaleOptions& of_mini, const ScaleOptions& of_full) {
  const bool full = o.scale == "full";
  for (const auto& [name, option] : full ? of_mini : of_full)
    check(option->count() == 0, name, " is of --scale ", full ? "mini" : "full");
}

void add_least_copying(Command& c, double& share) {
  c.add_option("--least-copying", share,
               "Share of fresh lines that a base must copy word for word before anything is trained on it")
      ->check(Between(0.0, 1.0))
      ->type_name("X")
      ->capture_default_str()
      ->group("Other than the recipe");
}

Option* add_number(Command& c, const char* name, int& value, const char* help, int most) {
  return c.add_option(name, value, help)
      ->check(Between(1, most))
      ->type_name("N")
      ->capture_default_str()
      ->group("Other than the recipe");
}

void add_reproduce_options(Command& c, ReproduceOptions& o) {
  c.add_option("--scale", o.scale,
               "mini: all of it, in minutes on two cores; full: on a model, tasks and experts or data of yours")
      ->check(Among({"mini", "full"}))
      ->type_name("NAME")
      ->capture_default_str();
  c.add_option("--seeds", o.seeds, "Each trains everything anew, at scale mini on tasks that it draws")
      ->delimiter(',')
      ->check(Between(std::uint64_t(0), std::uint64_t(1) << 48))
      ->type_name("LIST");
  c.add_option("--output", o.output,
               "Gets results.json, report.html, and a folder for each seed with all that was made")
      ->required()
      ->type_name("DIR");
  c.add_option("--jobs", o.jobs,
               "Steps that run side by side; 0: mini one per core, each on one thread; full one, on all of them")
      ->check(Between(0, 1024))
      ->type_name("N")
      ->capture_default_str();
}

void add_reproduce(Command& program) {
  Command& reproduce = program.add_subcommand("reproduce",
                                              "The papers' experiments: small enough for one's own machine, with "
                                              "everything trained on the spot, or on models and "
                                              "experts of one's own.");
  reproduce.require_subcommand();
  add_reproduce_phatgoose(reproduce);
  add_reproduce_smear(reproduce);
  add_reproduce_data(reproduce);
  add_reproduce_gates(reproduce);
  add_reproduce_measure(reproduce);
}

}  // namespace anser::cli
