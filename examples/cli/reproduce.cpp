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

std::string score_text(const std::vector<double>& values, const Interval* over_examples) {
  const auto percent = [](double share) { return fmt::format("{:.1f}", 100 * share); };
  Interval i;
  if (int(values.size()) >= fewest_seeds) {
    i = seed_interval(values);
  } else if (values.size() > 1) {
    i = {*std::min_element(values.begin(), values.end()), *std::max_element(values.begin(), values.end())};
  } else {
    if (!over_examples) return percent(values[0]);
    i = *over_examples;
  }
  return fmt::format("{} [{}, {}]", percent(mean(values)), percent(i.low), percent(i.high));
}

std::string heading_text(const std::string& name, std::size_t seeds) {
  return fmt::format("{} in miniature, {} seed{}: means in % [{}]\n", name, seeds, seeds == 1 ? "" : "s",
                     seeds == 1                  ? "95 % interval over examples"
                     : int(seeds) < fewest_seeds ? "least and most of the seeds"
                                                 : "95 % interval over seeds");
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
  print(table + fmt::format("All values: {}/results.json; to look at: {}\n", o.output, report));
}

Option* add_number(Command& c, const char* name, int& value, const char* help, int most) {
  return c.add_option(name, value, help)
      ->check(Between(1, most))
      ->type_name("N")
      ->capture_default_str()
      ->group("Other than the recipe");
}

void add_reproduce_options(Command& c, ReproduceOptions& o, const std::vector<std::string>& scales) {
  c.add_option("--scale", o.scale,
               scales.size() > 1
                   ? "mini: all of it, in minutes on two cores; full: on a model, a pool and tasks of yours"
                   : "mini: all of it, in minutes on two cores")
      ->check(Among(scales))
      ->type_name("NAME")
      ->capture_default_str();
  c.add_option("--seeds", o.seeds, "Each draws its own tasks and trains everything anew")
      ->delimiter(',')
      ->check(Between(std::uint64_t(0), std::uint64_t(1) << 48))
      ->type_name("LIST");
  c.add_option("--output", o.output,
               "Gets results.json, report.html, and a folder for each seed with all that was made")
      ->required()
      ->check(Named{})
      ->type_name("DIR");
  c.add_option("--jobs", o.jobs,
               scales.size() > 1
                   ? "Steps that run side by side; 0: mini one per core, each on one thread; full one, on all of them"
                   : "Steps that run side by side, each on one core; 0: one per core")
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
