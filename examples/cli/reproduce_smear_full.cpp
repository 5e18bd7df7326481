// anser reproduce smear --scale full: the paper's comparison on a model and tasks that a user brings.
#include <anser/eval/tasks.hpp>
#include <anser/io/examples.hpp>
#include <anser/io/hf.hpp>

#include <algorithm>
#include <filesystem>
#include <set>

#include "jsonl.hpp"
#include "reproduce_smear.hpp"
#include "text.hpp"

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

/// Why methods that go by an input's task cannot be trained and measured on these, or nothing. Throws Error where a
/// line is no example: better now than when its turn comes.
std::string fault_of_tasks(const Words& data, const std::vector<Task>& questions) {
  std::set<std::string> learned;
  std::string fault;
  for (const auto& path : data) {
    const ExampleFile file(path);
    for (std::size_t i = 0; i < file.size(); ++i) {
      const Example e = file[i];
      if (e.task.empty() && fault.empty()) fault = e.place + " has no \"task\"";
      learned.insert(e.task);
    }
  }
  for (const Task& t : questions)
    for (const Example& e : t.examples) {
      const std::string& task = e.task.empty() ? t.name : e.task;
      if (!learned.contains(task) && fault.empty())
        fault = e.place + ": no line to learn from is of the task " + quote(task);
    }
  return fault;
}

}  // namespace

void reproduce_smear_full(const ReproduceOptions& o, const SmearFullOptions& f, int experts, int bottleneck,
                          Words wanted) {
  check_given({{"--model", f.model}, {"--data", f.data}, {"--tasks", f.tasks}},
              "it learns and measures tasks of yours on a model of yours");
  check(f.batch % f.micro_batch == 0, "--micro-batch ", f.micro_batch, " does not divide --batch ", f.batch);
  JointTrainings t;
  t.model = absolute_path(f.model);
  t.data = files_to_learn_from(f.data);
  Words left_out;
  if (const std::string fault = fault_of_tasks(t.data, read_tasks(f.tasks, f.limit)); !fault.empty()) {
    for (const std::string name : {"tag", "latent-skills"}) {
      check(!contains(wanted, name), name, " goes by the task of each line, and ", fault);
      if (wanted.empty()) left_out.push_back(name + " (" + fault + ')');
    }
    if (wanted.empty())
      for (const JointMethod& m : joint_methods)
        if (m.name != std::string("tag") && m.name != std::string("latent-skills")) wanted.push_back(m.name);
  }
  check(f.tasks_to_experts.empty() || wanted.empty() || contains(wanted, "tag"),
        "--tasks-to-experts is of the method tag, which is not among those that are run");
  t.experts = experts;
  t.bottleneck =
      bottleneck ? bottleneck : std::max(1, int(ModelDirectory(f.model).config().integer("d_model", 1, 1 << 20)) / 32);
  t.train = {"--steps",       std::to_string(f.steps),
             "--batch",       std::to_string(f.batch),
             "--micro-batch", std::to_string(f.micro_batch),
             "--backend",     f.backend,
             "--dtype",       f.dtype};
  t.measure = measure_words(f);
  t.learned = together({{t.model}, t.data});
  t.asked = {t.model, absolute_path(f.tasks)};
  if (!f.tasks_to_experts.empty()) t.tasks_to_experts = absolute_path(f.tasks_to_experts);
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
      {"batch", std::to_string(f.batch)},     {"micro_batch", std::to_string(f.micro_batch)},
      {"experts", std::to_string(t.experts)}, {"bottleneck", std::to_string(t.bottleneck)}};
  if (!f.tasks_to_experts.empty()) own.emplace_back("tasks_to_experts", read_json(f.tasks_to_experts).written());
  results.note("settings", settings_text(f, own));
  results.note("left_out", json_list(left_out));
  finish(o, steps, results, tables_text(results, "SMEAR"));
}

}  // namespace anser::cli
