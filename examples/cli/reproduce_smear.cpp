// anser reproduce smear: the miniature, its table, and the command.
#include "reproduce_smear.hpp"

#include <fmt/format.h>

#include <memory>

#include "../reproduce/numerals.hpp"
#include "options.hpp"
#include "score_table.hpp"
#include "text.hpp"

namespace anser::cli {
namespace {

/// How the defaults came about: docs/reproducing.md, "What differs from the paper".
struct SmearRecipe {
  reproduce::NumeralSizes sizes;
  int base_steps = 1500, steps = 1200;
  int experts = 8, bottleneck = 4;
  double least_copying = 0.85;
};
struct SmearOptions : ReproduceOptions {
  SmearRecipe recipe;
  Words methods;  // empty: all
  ScaleOptions of_mini, of_full;
  Option *steps = nullptr, *bottleneck = nullptr;
  SmearFullOptions full;
};

void add_seed(std::vector<Step>& steps, const std::string& directory, const SmearRecipe& r, std::uint64_t seed,
              const Words& wanted) {
  SeedSteps s(steps, directory, seed);
  const auto n = [](auto number) { return std::to_string(number); };
  const Words tasks = reproduce::Numerals::tasks();
  const std::size_t data = s.add(
      "data",
      {"reproduce", "smear-data", "--seed", n(seed), "--base-lines", n(r.sizes.pretraining), "--large-lines",
       n(r.sizes.large), "--small-lines", n(r.sizes.small), "--test-lines", n(r.sizes.test), "--output", s.here()},
      {},
      together({{"base.jsonl", "config.json", "tokenizer.json", "copying/copying.jsonl"},
                with_affixes("train/", tasks, ".jsonl"),
                with_affixes("data/held_in/", tasks, ".jsonl")}),
      1);
  steps[data].folders = {s.path("train"), s.path("data"), s.path("copying")};
  const auto [base, copying] = s.train_base(data, r.base_steps, "0.003", r.least_copying);
  JointTrainings t;
  t.model = s.path("base");
  t.data = with_affixes(s.path("train/"), tasks, ".jsonl");
  t.experts = r.experts;
  t.bottleneck = r.bottleneck;
  t.train = {"--mixing-temperature",
             "1000000000",
             "--learning-rate",
             "0.003",
             "--warmup",
             "30",
             "--label-smoothing",
             "0",
             "--clip",
             "1",
             "--save-every",
             "0",
             "--steps",
             n(r.steps),
             "--batch",
             "64",
             "--micro-batch",
             "64",
             "--threads",
             "1"};
  t.measure = {"reproduce", "measure", "--model", t.model, "--tasks", s.path("data"), "--threads", "1"};
  t.seconds = 0.3 + 0.05 * r.steps;
  t.after = {data, base, copying};
  add_joint_methods(steps, s, t, wanted);
}

std::string table(const Results& results) {
  Table t({"method", ">all 8", ">4 large tasks", ">4 small tasks", ">words"});
  for (const auto& m : results.methods()) {
    std::vector<std::string> row{m.name};
    const auto part = [&](bool many) {
      std::vector<double> values;
      for (const auto& s : m.by_seed) {
        std::vector<double> tasks;
        for (const auto& [task, metrics] : s.tasks)
          if (reproduce::Numerals::has_many(task) == many) tasks.push_back(metrics.at("exact_match").value);
        values.push_back(mean(tasks));
      }
      row.push_back(score_text(values, nullptr));
    };
    const auto all = [&](const char* metric) {
      std::vector<double> values;
      for (const auto& s : m.by_seed) values.push_back(s.groups.at("held_in").at(metric).value);
      row.push_back(score_text(values, &m.by_seed[0].groups.at("held_in").at(metric).interval));
    };
    all("exact_match");
    part(true);
    part(false);
    all("token_accuracy");
    t.add(row);
  }
  return heading_text("SMEAR in miniature", results.seeds().size()) + t.text();
}

void run(SmearOptions o) {
  check_scale(o, o.of_mini, o.of_full);
  SmearRecipe& r = o.recipe;
  if (o.scale == "full") {
    if (o.steps->count() > 0) o.full.steps = r.steps;
    return reproduce_smear_full(o, o.full, r.experts, o.bottleneck->count() > 0 ? r.bottleneck : 0, o.methods);
  }
  const auto seeds = seeds_of(o);
  r.sizes.pretraining = r.base_steps * 64;
  std::vector<Step> steps;
  for (const auto seed : seeds) add_seed(steps, o.output, r, seed, o.methods);
  run_steps(o, "smear", steps, all_cores());

  std::string copying;
  for (const auto seed : seeds)
    copying += fmt::format("{}{}", copying.empty() ? "" : ", ", copying_of(o.output, "seed-" + std::to_string(seed)));
  Results results = read_joint_methods(o, o.methods);
  results.note("settings",
               fmt::format("{{\n    \"base_steps\": {},\n    \"steps\": {},\n    \"experts\": {},\n    \"bottleneck\": "
                           "{},\n    \"lines_large\": {},\n    \"lines_small\": {},\n    \"questions\": {}\n  }}",
                           r.base_steps, r.steps, r.experts, r.bottleneck, r.sizes.large, r.sizes.small, r.sizes.test));
  results.note("base_copies", '[' + copying + ']');
  finish(o, steps, results,
         table(results) +
             "Lines right word for word, and in the last column words one by one. 1x-compute is one adapter of an "
             "expert's size,\n1x-parameters one of all experts' together.\n");
}

}  // namespace

void add_reproduce_smear(Command& reproduce) {
  auto o = std::make_shared<SmearOptions>();
  Command& c = reproduce.add_subcommand(
      "smear",
      "SMEAR on a family of tasks that is made on the spot: trains a small T5, and on it for each way of routing a "
      "pool of experts together with its router, on eight tasks in pairs that want the same and that contradict each "
      "other; or, at full scale, the same on a model and tasks of yours, with the published settings. "
      "What was done is kept: the same command goes on where it was stopped.");
  add_reproduce_options(c, *o);
  add_full_scale(c, o->full);
  const auto add = [&](const char* name, auto& value, const char* help, const char* type) {
    return c.add_option(name, value, help)->type_name(type)->group("At full scale");
  };
  add("--data", o->full.data,
      "Directory of a file <task>.jsonl for each task to learn, as train takes it; tag and latent-skills need a "
      "\"task\" "
      "on every line",
      "DIR");
  add("--batch", o->full.batch, "Examples to a step of training", "N")
      ->check(Between(1, 1 << 20))
      ->capture_default_str();
  add("--micro-batch", o->full.micro_batch, "Of them computed at once: more is faster and takes more memory", "N")
      ->check(Between(1, 1 << 20))
      ->capture_default_str();
  add("--tasks-to-experts", o->full.tasks_to_experts,
      "For tag: {\"task\": \"expert-0\", ...}, as train joint takes it; where not given, tasks take the experts in "
      "turn",
      "FILE.json");
  std::vector<std::string> names;
  for (const JointMethod& m : joint_methods) names.push_back(m.name);
  c.add_option("--methods", o->methods, "These alone; where not given, all")
      ->delimiter(',')
      ->check(Among(names))
      ->type_name("NAMES");
  add_number(c, "--base-steps", o->recipe.base_steps, "Training of the base, 64 lines a step", 1 << 17);
  o->steps = add_number(c, "--steps", o->recipe.steps,
                        "Of each pool with its router; mini: 64 lines a step; full: 600000 where not given");
  add_number(c, "--experts", o->recipe.experts, "Of each pool", 4096);
  o->bottleneck = add_number(c, "--bottleneck", o->recipe.bottleneck,
                             "Of each expert; full: a 32nd of the model's width where not given", 4096);
  add_number(c, "--large-lines", o->recipe.sizes.large, "Lines to learn from, of each pair's large task");
  add_number(c, "--small-lines", o->recipe.sizes.small, "And of its small one");
  add_number(c, "--test-lines", o->recipe.sizes.test, "Questions of each task", 50000);
  add_least_copying(c, o->recipe.least_copying);
  o->of_full =
      options_named(c, together({full_scale_options, {"--data", "--batch", "--micro-batch", "--tasks-to-experts"}}));
  o->of_mini = options_named(c, {"--base-steps", "--large-lines", "--small-lines", "--test-lines", "--least-copying"});
  add_examples(c, {"anser reproduce smear --output smear", "anser reproduce smear --seeds 0,1,2,3,4 --output smear",
                   "anser reproduce smear --scale full --model t5-v1_1-base --data train --tasks glue --output out"});
  c.callback([o] { run(*o); });
}

}  // namespace anser::cli
