// anser reproduce: what the papers' experiments have in common.
#include "reproduce.hpp"

#include <fmt/format.h>
#include <anser/core/error.hpp>
#include <anser/io/json.hpp>
#include <anser/io/output_file.hpp>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <filesystem>
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

std::string group_table(const Results& results, const std::string& group) {
  const auto& groups = results.methods()[0].by_seed[0].groups;
  const auto first = groups.find(group);
  if (first == groups.end() || first->second.empty()) return {};
  std::vector<std::string> head{"method"};
  for (const auto& [metric, e] : first->second) head.push_back('>' + metric);
  Table table(head);
  for (const auto& m : results.methods()) {
    std::vector<std::string> row{m.name};
    for (const auto& [metric, e] : m.by_seed[0].groups.at(group)) {
      std::vector<double> values;
      for (const auto& s : m.by_seed) values.push_back(s.groups.at(group).at(metric).value);
      row.push_back(score_text(values, &e.interval));
    }
    table.add(row);
  }
  return table.text();
}

std::string heading_text(const std::string& name, std::size_t seeds) {
  return fmt::format("{}, {} seed{}: means in % [{}]\n", name, seeds, seeds == 1 ? "" : "s",
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

void check_scale(const ReproduceOptions& o, const ScaleOptions& of_mini, const ScaleOptions& of_full) {
  const bool full = o.scale == "full";
  for (const auto& [name, option] : full ? of_mini : of_full)
    check(option->count() == 0, name, " is of --scale ", full ? "mini" : "full");
}

void add_full_scale(Command& c, FullScale& full, ScaleOptions& list) {
  const auto add = [&](const char* name, auto& value, const char* help, const char* type) {
    Option* option = c.add_option(name, value, help)->type_name(type)->group("At full scale");
    list.emplace_back(name, option);
    return option;
  };
  add("--model", full.model, "Model directory, as generate takes it", "DIR");
  add("--tasks", full.tasks,
      "Directory of tasks, as eval reads it: held_in of what experts are trained on, held_out of others", "DIR");
  add("--backend", full.backend, "cpu, or cuda where an NVIDIA GPU is; then --jobs 1 is best", "NAME")
      ->check(Among({"cpu", "cuda"}))
      ->capture_default_str();
  add("--dtype", full.dtype, "Storage of weights: f32, or bf16", "NAME")
      ->check(Among({"f32", "bf16"}))
      ->capture_default_str();
  add("--limit", full.limit, "Questions of each task at most, evenly spread over its file; 0: all", "N")
      ->check(Between(0, 1 << 30))
      ->capture_default_str();
  add("--batch-size", full.batch_size, "Questions at once", "N")->check(Between(1, 1 << 16))->capture_default_str();
}

std::string absolute_path(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

std::vector<std::string> measure_words(const FullScale& f, const std::vector<std::string>& metrics) {
  return {"reproduce",
          "measure",
          "--model",
          absolute_path(f.model),
          "--tasks",
          absolute_path(f.tasks),
          "--generate",
          "--metric",
          fmt::format("{}", fmt::join(metrics, ",")),
          "--limit",
          std::to_string(f.limit),
          "--batch-size",
          std::to_string(f.batch_size),
          "--backend",
          f.backend,
          "--dtype",
          f.dtype};
}

Option* add_number(Command& c, const char* name, int& value, const char* help, int most) {
  return c.add_option(name, value, help)
      ->check(Between(1, most))
      ->type_name("N")
      ->capture_default_str()
      ->group("Other than the recipe");
}

void add_reproduce_options(Command& c, ReproduceOptions& o) {
  c.add_option("--scale", o.scale, "mini: all of it, in minutes on two cores; full: on a model and tasks of yours")
      ->check(Among({"mini", "full"}))
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
