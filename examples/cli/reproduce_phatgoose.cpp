// anser reproduce phatgoose: the miniature, its table and what is noted of it.
#include "reproduce_phatgoose.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "jsonl.hpp"
#include "options.hpp"
#include "score_table.hpp"
#include "text.hpp"
#include "word_lists.hpp"

namespace anser::cli {
namespace {

struct PhatGooseOptions : ReproduceOptions {
  Recipe recipe;
  ScaleOptions of_mini, of_full;
  std::vector<std::string> sweeps;
  PhatGooseFullOptions full;
};

constexpr const char* sweep_names[] = {"top-k", "gate-steps", "pool-size", "rank"};

/// Values around the recipe's, which is among them.
std::vector<Sweep> sweeps_of(const std::vector<std::string>& names, const Recipe& r, int experts) {
  std::vector<Sweep> sweeps;
  for (const auto& name : names) {
    check(std::count(names.begin(), names.end(), name) == 1, "--sweep: ", name, " is named twice");
    std::set<int> values;
    if (name == "top-k") values = {1, 2, 4, experts, r.top_k};
    if (name == "gate-steps") values = {0, 25, 100, 400, r.gate_steps};
    if (name == "pool-size") values = {2, 4, 6, 8, experts};
    if (name == "rank") values = {2, 4, 8, 16, r.rank};
    if (name == "top-k" || name == "pool-size") values.erase(values.upper_bound(experts), values.end());
    sweeps.push_back({name, {values.begin(), values.end()}});
  }
  return sweeps;
}

/// {"top-k": {"1": {"phatgoose": {"held_in": {"exact_match": [a value per seed], ...}, "held_out": ...}, ...}}}
std::string sweeps_json(const std::vector<Sweep>& sweeps, const std::vector<SeedScores>& seeds) {
  const auto entries = [](const auto& keys, const auto& value) {
    std::string text;
    for (const auto& key : keys) text += (text.empty() ? "" : ", ") + quote(key) + ": " + value(key);
    return '{' + text + '}';
  };
  const auto keys_of = [](const auto& map) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : map) keys.push_back(key);
    return keys;
  };
  std::string all;
  for (const Sweep& sweep : sweeps) {
    std::string values;
    for (const int value : sweep.values) {
      const auto at = [&](const SeedScores& s) -> const auto& { return s.sweeps.at(sweep.name).at(value); };
      values += fmt::format("{}      \"{}\": ", values.empty() ? "" : ",\n", value);
      values += entries(keys_of(at(seeds[0])), [&](const std::string& method) {
        return entries(keys_of(at(seeds[0]).at(method).groups), [&](const std::string& group) {
          return entries(keys_of(at(seeds[0]).at(method).groups.at(group)), [&](const std::string& metric) {
            std::vector<double> of_seeds;
            for (const auto& s : seeds) of_seeds.push_back(at(s).at(method).groups.at(group).at(metric).value);
            return fmt::format("[{}]", fmt::join(of_seeds, ", "));
          });
        });
      });
    }
    all += fmt::format("{}    {}: {{\n{}\n    }}", all.empty() ? "" : ",\n", quote(sweep.name), values);
  }
  return "{\n" + all + "\n  }";
}

std::string sweep_table(const Sweep& sweep, const std::vector<SeedScores>& seeds) {
  Table t({sweep.name, "method", ">held-in EM", ">held-out EM", ">held-out tokens"});
  for (const int value : sweep.values)
    for (const auto& [method, first] : seeds[0].sweeps.at(sweep.name).at(value)) {
      std::vector<std::string> row{std::to_string(value), method};
      for (const auto& [group, metric] : {std::pair("held_in", "exact_match"), std::pair("held_out", "exact_match"),
                                          std::pair("held_out", "token_accuracy")}) {
        std::vector<double> values;
        for (const auto& s : seeds)
          values.push_back(s.sweeps.at(sweep.name).at(value).at(method).groups.at(group).at(metric).value);
        row.push_back(score_text(values, nullptr));
      }
      t.add(row);
    }
  return '\n' + t.text();
}

/// What the experiment depends on, and what was chosen in it.
void note(Results& results, const Recipe& r, const std::vector<SeedScores>& seeds,
          const std::vector<std::string>& mixed) {
  results.note(
      "settings",
      fmt::format("{{\n    \"base_steps\": {},\n    \"expert_steps\": {},\n    \"gate_steps\": {},\n    "
                  "\"multitask_steps\": {},\n    \"rank\": {},\n    \"top_k\": {},\n    \"lines_of_base\": {},\n    "
                  "\"lines_of_expert\": {},\n    \"questions_held_in\": {},\n    \"questions_held_out\": {}\n  }}",
                  r.base_steps, r.expert_steps, r.gate_steps, r.multitask_steps, r.rank, r.top_k, r.sizes.pretraining,
                  r.sizes.train, r.sizes.held_in, r.sizes.held_out));
  if (!r.words.empty()) results.note("words", quote(std::filesystem::path(r.words).filename().string()));
  results.note("mixed_tasks", json_list(mixed));
  std::vector<std::string> best;
  std::string copying, oracle;
  for (const auto& s : seeds) {
    best.push_back(s.choice.best);
    copying += fmt::format("{}{}", copying.empty() ? "" : ", ", s.copying);
  }
  for (const auto& [task, first] : seeds[0].choice.oracle) {
    std::vector<std::string> experts;
    for (const auto& s : seeds) experts.push_back(s.choice.oracle.at(task));
    oracle += fmt::format("{}    {}: {}", oracle.empty() ? "" : ",\n", quote(task), json_list(experts));
  }
  results.note("base_copies", '[' + copying + ']');
  results.note("best_individual", json_list(best));
  results.note("oracle", "{\n" + oracle + "\n  }");
}

/// `held_out`: the tasks, of which some are `mixed`.
std::string table(const Results& results, const std::vector<std::string>& held_out,
                  const std::vector<std::string>& mixed) {
  Table t({"method", ">held-in EM", ">held-out EM", ">held-out tokens", ">mixed EM", ">single-skill EM"});
  const auto is_mixed = [&](const std::string& task) { return contains(mixed, task); };
  for (const auto& m : results.methods()) {
    std::vector<std::string> row{m.name};
    const auto group = [&](const char* name, const char* metric) {
      std::vector<double> values;
      for (const auto& s : m.by_seed) values.push_back(s.groups.at(name).at(metric).value);
      row.push_back(score_text(values, &m.by_seed[0].groups.at(name).at(metric).interval));
    };
    const auto part = [&](bool of_mixed) {
      std::vector<double> values;
      for (const auto& s : m.by_seed) {
        std::vector<double> tasks;
        for (const auto& task : held_out)
          if (is_mixed(task) == of_mixed) tasks.push_back(s.tasks.at(task).at("exact_match").value);
        if (!tasks.empty()) values.push_back(mean(tasks));
      }
      row.push_back(values.empty() ? "" : score_text(values, nullptr));
    };
    group("held_in", "exact_match");
    group("held_out", "exact_match");
    group("held_out", "token_accuracy");
    part(true);
    part(false);
    t.add(row);
  }
  return heading_text("PHATGOOSE in miniature", results.seeds().size()) + t.text();
}

void run(PhatGooseOptions o) {
  check_scale(o, o.of_mini, o.of_full);
  if (o.scale == "full") {
    o.full.top_k = o.recipe.top_k;
    return reproduce_phatgoose_full(o, o.full);
  }
  const auto seeds = seeds_of(o);
  o.recipe.sizes.pretraining = o.recipe.base_steps * 64;
  if (!o.recipe.words.empty()) o.recipe.words = absolute_path(o.recipe.words);
  const Json lists =
      o.recipe.words.empty() ? parse_json(read_it_aloud, "read_it_aloud.json") : read_json(o.recipe.words);
  const reproduce::ReadAloud family(lists);
  const auto mixed = lists.texts("held_out_mixed");
  for (const auto& task : mixed)
    check(contains(family.tasks(), task), o.recipe.words, ": held_out_mixed: ", quote(task), " is none of held_out");
  o.recipe.sweeps = sweeps_of(o.sweeps, o.recipe, int(family.kinds().size()));
  std::vector<Step> steps;
  for (const auto seed : seeds) add_seed(steps, o.output, o.recipe, seed, family, seed == seeds[0]);
  run_steps(o, "phatgoose of " + json_list(family.kinds()), steps, all_cores());

  std::vector<SeedScores> scores;
  for (const auto seed : seeds) scores.push_back(read_seed(o.output, seed, family.kinds(), o.recipe.sweeps));
  Results results = begin_results(seeds, "phatgoose", scores[0].tasks);
  for (auto& of_seed : scores)
    for (auto& [method, of_method] : of_seed.methods) results.add(method, of_method);
  note(results, o.recipe, scores, mixed);
  std::string best, sweep_tables;
  if (!o.recipe.sweeps.empty()) results.note("sweeps", sweeps_json(o.recipe.sweeps, scores));
  for (const Sweep& sweep : o.recipe.sweeps) sweep_tables += sweep_table(sweep, scores);
  for (const auto& s : scores) best += (best.empty() ? "" : ", ") + s.choice.best;
  finish(o, steps, results,
         table(results, family.tasks(), mixed) +
             fmt::format("EM: lines right word for word; tokens: words right one by one. single is the expert that is "
                         "best on held-out tasks ({}),\noracle the best of each held-out task and on held-in lines "
                         "their own.\n",
                         best) +
             sweep_tables);
}

}  // namespace

void add_reproduce_phatgoose(Command& reproduce) {
  auto o = std::make_shared<PhatGooseOptions>();
  Command& c = reproduce.add_subcommand(
      "phatgoose",
      "PHATGOOSE on a family of tasks that is made on the spot: trains a small T5, ten experts that each learn one "
      "kind of written form, their gates and the baselines, and measures all of them on the experts' tasks and on "
      "lines that mix kinds, which nobody was trained on. What was done is kept: the same command goes on where it was "
      "stopped.");
  add_reproduce_options(c, *o);
  add_full_scale(c, o->full);
  c.add_option("--pool", o->full.pool,
               "Directory of expert directories, with gates, and with activations for that baseline")
      ->type_name("DIR")
      ->group("At full scale");
  c.add_option("--encoder", o->full.encoder,
               "Sentence encoder that the pool's embeddings were made with (anser pool embeddings), for the baseline "
               "retrieval")
      ->type_name("DIR")
      ->group("At full scale");
  c.add_flag("--without-single", o->full.without_single,
             "Leave Best Individual and Oracle out, which measure every expert on every task")
      ->group("At full scale");
  c.add_option("--words", o->recipe.words,
               "Another family: word lists and templates as examples/reproduce/read_it_aloud.json has them; "
               "word_tables.py beside it makes them of tables of real words")
      ->type_name("FILE.json")
      ->group("Other than the recipe");
  c.add_option(
       "--sweep", o->sweeps,
       "Also vary one setting of the recipe at a time: top-k, gate-steps, pool-size (the first so many experts) "
       "or rank")
      ->delimiter(',')
      ->check(Among({std::begin(sweep_names), std::end(sweep_names)}))
      ->type_name("NAMES");
  add_number(c, "--base-steps", o->recipe.base_steps, "Training of the base, 64 lines a step", 1 << 17);
  add_number(c, "--expert-steps", o->recipe.expert_steps, "Of each expert, 16 lines a step");
  add_number(c, "--gate-steps", o->recipe.gate_steps, "Of each gate, 16 lines a step");
  add_number(c, "--multitask-steps", o->recipe.multitask_steps, "Of one expert on everything, 60 lines a step");
  add_number(c, "--rank", o->recipe.rank, "Of the experts");
  add_number(c, "--top-k", o->recipe.top_k, "Experts that routers keep per token and site");
  add_number(c, "--train-lines", o->recipe.sizes.train, "Lines of each expert");
  add_number(c, "--held-in-lines", o->recipe.sizes.held_in, "Questions of each expert's kind", 10000);
  add_number(c, "--held-out-lines", o->recipe.sizes.held_out, "Questions of each held-out task", 10000);
  add_least_copying(c, o->recipe.least_copying);
  o->of_full = options_named(c, together({full_scale_options, {"--pool", "--encoder", "--without-single"}}));
  o->of_mini =
      options_named(c, {"--words", "--sweep", "--base-steps", "--expert-steps", "--gate-steps", "--multitask-steps",
                        "--rank", "--train-lines", "--held-in-lines", "--held-out-lines", "--least-copying"});
  add_examples(
      c, {"anser reproduce phatgoose --output phatgoose",
          "anser reproduce phatgoose --scale mini --seeds 0,1,2 --jobs 8 --output phatgoose",
          "anser reproduce phatgoose --scale full --model t5-xl-lm --pool flan --tasks bbh --jobs 1 --output out"});
  c.callback([o] { run(*o); });
}

}  // namespace anser::cli
