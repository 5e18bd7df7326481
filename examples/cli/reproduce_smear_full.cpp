// anser reproduce smear --scale full: the paper's comparison on a model and tasks that a user brings.
#include <fmt/format.h>
#include <anser/io/hf.hpp>

#include <algorithm>
#include <filesystem>

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
    if (at->path().extension() == ".jsonl") files.push_back(absolute_path(at->path().string()));
  check(!problem, directory, ": ", problem.message());
  check(!files.empty(), directory, " holds no .jsonl; a file <task>.jsonl of each task to learn is needed there");
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

void reproduce_smear_full(const ReproduceOptions& o, const SmearFullOptions& f, int experts, int bottleneck,
                          const Words& wanted) {
  for (const auto& [name, value] :
       {std::pair("--model", f.model), std::pair("--data", f.data), std::pair("--tasks", f.tasks)})
    check(!value.empty(), "--scale full needs ", name,
          " DIR: it learns and measures tasks of yours on a model of yours");
  JointTrainings t;
  t.model = absolute_path(f.model);
  t.data = files_to_learn_from(f.data);
  t.experts = experts;
  t.bottleneck =
      bottleneck ? bottleneck : std::max(1, int(ModelDirectory(f.model).config().integer("d_model", 1, 1 << 20)) / 32);
  t.train = {"--steps", std::to_string(f.steps), "--batch", std::to_string(f.batch), "--backend", f.backend, "--dtype",
             f.dtype};
  t.measure = measure_words(f, {"accuracy", "exact_match"});
  t.reads = together({{t.model, absolute_path(f.tasks)}, t.data});
  if (!f.tasks_to_experts.empty()) {
    t.tasks_to_experts = absolute_path(f.tasks_to_experts);
    t.reads.push_back(t.tasks_to_experts);
  }
  t.seconds = 1.0 * f.steps;
  std::vector<Step> steps;
  for (const auto seed : seeds_of(o)) {
    SeedSteps s(steps, o.output, seed);
    add_joint_methods(steps, s, t, wanted);
  }
  run_steps(o, "smear at full scale", steps, 1);

  Words names;
  for (const auto& file : t.data) names.push_back(fs::path(file).stem().string());
  Results results = read_joint_methods(o, wanted);
  results.note("settings",
               fmt::format("{{\n    \"model\": {},\n    \"data\": {},\n    \"steps\": {},\n    \"batch\": {},\n    "
                           "\"experts\": {},\n    \"bottleneck\": {},\n    \"limit\": {},\n    \"dtype\": {}\n  }}",
                           quote(last_folder(f.model)), json_list(names), f.steps, f.batch, t.experts, t.bottleneck,
                           f.limit, quote(f.dtype)));
  std::string text;
  for (const std::string group : {"held_in", "held_out"})
    if (const std::string table = group_table(results, group); !table.empty())
      text += heading_text(group == "held_in" ? "SMEAR, held in" : "SMEAR, held out", results.seeds().size()) + table +
              '\n';
  finish(o, steps, results, text);
}

}  // namespace anser::cli
