// anser reproduce smear --scale full: the paper's comparison on a model and tasks that a user brings.
#include <anser/eval/tasks.hpp>
#include <anser/io/examples.hpp>
#include <anser/io/hf.hpp>

#include <algorithm>
#include <filesystem>
#include <set>

#include "experts.hpp"
#include "jsonl.hpp"
#include "reproduce_smear.hpp"
#include "text.hpp"
#include "trainer.hpp"

namespace anser::cli {
namespace {
namespace fs = std::filesystem;

/// The files *.jsonl of a directory, in the order of their names.
Words files_to_learn_from(const std::string& directory) {
  std::error_code problem;
  Words files;
  for (fs::directory_iterator at(directory, problem), end; !problem && at != end; at.increment(problem))
    if (at->path().extension() == ".jsonl" && at->path().filename().string()[0] != '.' && !at->is_directory())
      files.push_back(absolute_path(at->path().string()));
  check(!problem, directory, ": ", problem.message(),
        "; --data names a directory with a file <task>.jsonl for each task");
  check(!files.empty(), directory, " holds no .jsonl; a file <task>.jsonl of each task to learn is needed there");
  std::sort(files.begin(), files.end());
  return files;
}

/// The tasks of lines to learn from, "" where one has none. Throws Error where a line is no example: better now than
/// when its turn comes.
std::set<std::string> tasks_of(const Words& data) {
  std::set<std::string> tasks;
  for (const auto& path : data) {
    const ExampleFile file(path);
    for (std::size_t i = 0; i < file.size(); ++i) tasks.insert(file[i].task);
  }
  return tasks;
}

/// Why methods that go by an input's task cannot be trained and measured on these, or nothing.
std::string fault_of(const std::set<std::string>& learned, const std::vector<Task>& questions) {
  if (learned.contains("")) return "a line to learn from has no \"task\"";
  for (const Task& t : questions)
    for (const Example& e : t.examples) {
      const std::string& task = e.task.empty() ? t.name : e.task;
      if (!learned.contains(task)) return concat(e.place, ": no line to learn from is of the task ", quote(task));
    }
  return {};
}

}  // namespace

void reproduce_smear_full(const ReproduceOptions& o, const SmearFullOptions& f, int experts, int bottleneck,
                          Words wanted) {
  check_given({{"--model", f.model}, {"--data", f.data}, {"--tasks", f.tasks}},
              "it learns and measures tasks of yours on a model of yours");
  const int micro_batch = std::min(f.micro_batch, f.batch);
  check(f.batch % micro_batch == 0, "--micro-batch ", f.micro_batch, " does not divide --batch ", f.batch);
  check_apart(o.output, {f.model, f.data, f.tasks});
  JointTrainings t;
  t.model = absolute_path(f.model);
  t.data = files_to_learn_from(f.data);
  Words left_out;
  const auto tasks = tasks_of(t.data);
  if (const std::string fault = fault_of(tasks, read_tasks(f.tasks, f.limit)); !fault.empty()) {
    const bool all = wanted.empty();
    for (const JointMethod& m : joint_methods) {
      const bool by_task = names_tasks(m.router);
      check(!by_task || !contains(wanted, m.name), m.name, " goes by the task of each line, and ", fault);
      if (all && by_task) left_out.push_back(concat(m.name, " (", fault, ')'));
      if (all && !by_task) wanted.push_back(m.name);
    }
  }
  if (!f.tasks_to_experts.empty()) {
    check(wanted.empty() || contains(wanted, "tag"), "--tasks-to-experts is of the method tag, which is not run");
    Words names;
    for (int e = 0; e < experts; ++e) names.push_back(name_of_expert(e, experts));
    assign_experts(f.tasks_to_experts, {tasks.begin(), tasks.end()}, names);  // better now than when tag's turn comes
    t.tasks_to_experts = absolute_path(f.tasks_to_experts);
  }
  t.experts = experts;
  t.bottleneck =
      bottleneck ? bottleneck : std::max(1, int(ModelDirectory(f.model).config().integer("d_model", 1, 1 << 20)) / 32);
  t.train = {"--steps",       std::to_string(f.steps),
             "--batch",       std::to_string(f.batch),
             "--micro-batch", std::to_string(micro_batch),
             "--backend",     f.backend,
             "--dtype",       f.dtype};
  t.measure = measure_words(f);
  t.learned = together({{t.model}, t.data});
  t.asked = {t.model, absolute_path(f.tasks)};
  check(!(wanted.empty() || contains(wanted, "1x-parameters")) ||
            t.experts * std::int64_t(t.bottleneck) <= most_bottleneck,
        "1x-parameters is --experts times --bottleneck wide, ", t.experts * std::int64_t(t.bottleneck), ", and ",
        most_bottleneck, " is the most; name the other --methods");
  t.seconds = 1.0 * f.steps;
  for (const auto& text : left_out) tell("left out: " + text);
  std::vector<Step> steps;
  for (const auto seed : seeds_of(o)) {
    SeedSteps s(steps, o.output, seed);
    add_joint_methods(steps, s, t, wanted);
  }
  run_steps(o, "smear at full scale", steps, 1);

  Results results = read_joint_methods(o, wanted);
  std::vector<std::pair<std::string, std::string>> own{
      {"data", hashes_text(t.data)},          {"steps", std::to_string(f.steps)},
      {"batch", std::to_string(f.batch)},     {"micro_batch", std::to_string(micro_batch)},
      {"experts", std::to_string(t.experts)}, {"bottleneck", std::to_string(t.bottleneck)}};
  if (!f.tasks_to_experts.empty()) own.emplace_back("tasks_to_experts", read_json(f.tasks_to_experts).written());
  results.note("settings", settings_text(f, own));
  results.note("left_out", json_list(left_out));
  finish(o, steps, results, tables_text(results, "SMEAR"));
}

}  // namespace anser::cli
