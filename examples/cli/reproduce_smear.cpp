// anser reproduce smear: the miniature, its steps and its table.
#include <fmt/format.h>
#include <anser/io/json.hpp>

#include <algorithm>

#include "../reproduce/numerals.hpp"
#include "options.hpp"
#include "reproduce.hpp"
#include "seed_steps.hpp"
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
  std::vector<std::string> methods;  // empty: all
};

/// How the experts are used, and how many of which width they are.
struct Method {
  const char *name, *router;
  bool one = false, wide = false;
};
constexpr Method all_methods[] = {{"none", "none"},
                                  {"1x-compute", "uniform", true},
                                  {"hash", "hash"},
                                  {"tag", "tag"},
                                  {"top1", "top1"},
                                  {"st-gumbel", "st-gumbel"},
                                  {"reinforce", "reinforce"},
                                  {"dselect-k", "dselect-k"},
                                  {"latent-skills", "latent-skills"},
                                  {"adamix", "adamix"},
                                  {"ensemble", "ensemble"},
                                  {"1x-parameters", "uniform", true, true},
                                  {"smear", "smear"}};

bool is_among(const std::vector<std::string>& wanted, const Method& m) {
  return wanted.empty() || contains(wanted, m.name);
}

void add_seed(std::vector<Step>& steps, const std::string& directory, const SmearRecipe& r, std::uint64_t seed,
              const std::vector<std::string>& wanted) {
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
  const std::string model = s.path("base");
  const Words lines = with_affixes(s.path("train/"), tasks, ".jsonl");
  int draws = 0;
  for (const Method& m : all_methods) {
    ++draws;
    if (!is_among(wanted, m)) continue;
    Words pool;
    std::vector<std::size_t> after{data, base};
    if (m.router != std::string("none")) {
      const std::string own = std::string("pools/") + m.name;
      const int experts = m.one ? 1 : r.experts, width = m.wide ? r.experts * r.bottleneck : r.bottleneck;
      Words writes;
      for (int e = 0; e < experts; ++e)
        for (const char* file : {"/adapter_config.json", "/adapter_model.safetensors", "/expert.json"})
          writes.push_back(own + "/expert-" + n(e) + file);
      writes.insert(writes.end(), {own + "/router.json", own + "/router.safetensors", own + "/training"});
      pool = {"--pool", s.path(own)};
      const std::size_t trained = s.train(own,
                                          together({{"joint",
                                                     "--model",
                                                     model,
                                                     "--router",
                                                     m.router,
                                                     "--module",
                                                     "adapter",
                                                     "--experts",
                                                     n(experts),
                                                     "--bottleneck",
                                                     n(width),

                                                     "--learn-along",
                                                     ".*layer_norm.*",
                                                     "--mixing-temperature",
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
                                                     "--output",
                                                     s.path(own),
                                                     "--data"},
                                                    lines}),
                                          {data, base, copying}, writes, r.steps, 64, draws, 0.05);
      steps[trained].folders = {s.path(own)};
      after.push_back(trained);
    }
    s.add(std::string("scores/") + m.name,
          together({{"reproduce", "measure", "--model", model, "--tasks", s.path("data"), "--routers", m.router,
                     "--threads", "1", "--output", s.path(std::string("scores/") + m.name + ".json")},
                    pool}),
          std::move(after), {std::string("scores/") + m.name + ".json"}, 1);
  }
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
  return heading_text("SMEAR", results.seeds().size()) + t.text();
}

void run(SmearOptions o) {
  const auto seeds = seeds_of(o);
  SmearRecipe& r = o.recipe;
  r.sizes.pretraining = r.base_steps * 64;
  std::vector<Step> steps;
  for (const auto seed : seeds) add_seed(steps, o.output, r, seed, o.methods);
  run_steps(o, "smear", steps, all_cores());

  std::string tasks, copying;
  std::vector<std::pair<std::string, MethodScores>> scores;
  for (const auto seed : seeds) {
    const std::string here = o.output + "/seed-" + std::to_string(seed);
    for (const Method& m : all_methods) {
      if (!is_among(o.methods, m)) continue;
      const auto of_method = measured_scores(read_json(here + "/scores/" + m.name + ".json")).at(m.router);
      if (tasks.empty()) tasks = tasks_text(of_method);
      scores.emplace_back(m.name, summarise(of_method, 2000, seed));
    }
    copying += fmt::format("{}{}", copying.empty() ? "" : ", ", copying_of(o.output, "seed-" + std::to_string(seed)));
  }
  Results results = begin_results(seeds, "smear", tasks);
  for (auto& [method, of_method] : scores) results.add(method, std::move(of_method));
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
      "pool "
      "of experts together with its router, on eight tasks in pairs that want the same and that contradict each other. "
      "What was done is kept: the same command goes on where it was stopped.");
  add_reproduce_options(c, *o, {"mini"});
  std::vector<std::string> names;
  for (const Method& m : all_methods) names.push_back(m.name);
  c.add_option("--methods", o->methods, "These alone; where not given, all")
      ->delimiter(',')
      ->check(Among(names))
      ->type_name("NAMES");
  add_number(c, "--base-steps", o->recipe.base_steps, "Training of the base, 64 lines a step", 1 << 17);
  add_number(c, "--steps", o->recipe.steps, "Of each pool with its router, 64 lines a step");
  add_number(c, "--experts", o->recipe.experts, "Of each pool", 4096);
  add_number(c, "--bottleneck", o->recipe.bottleneck, "Of each expert", 4096);
  add_number(c, "--large-lines", o->recipe.sizes.large, "Lines to learn from, of each pair's large task");
  add_number(c, "--small-lines", o->recipe.sizes.small, "And of its small one");
  add_number(c, "--test-lines", o->recipe.sizes.test, "Questions of each task", 50000);
  c.add_option("--least-copying", o->recipe.least_copying,
               "Share of fresh lines that a base must copy word for word before anything is trained on it")
      ->check(Between(0.0, 1.0))
      ->type_name("X")
      ->capture_default_str()
      ->group("Other than the recipe");
  add_examples(c, {"anser reproduce smear --output smear", "anser reproduce smear --seeds 0,1,2,3,4 --output smear"});
  c.callback([o] { run(*o); });
}

}  // namespace anser::cli
