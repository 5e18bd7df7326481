// anser reproduce: the papers' experiments, from nothing to results.json.
#include <fmt/format.h>
#include <anser/io/output_file.hpp>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <thread>

#include "options.hpp"
#include "reproduce.hpp"
#include "text.hpp"
#include "word_lists.hpp"

namespace anser::cli {
namespace {

struct Options {
  Recipe recipe;
  std::string scale = "mini", output;
  std::vector<std::string> seeds{"0"};
  int jobs = 0;
};

std::string list(const std::vector<std::string>& texts) {
  std::string out;
  for (const auto& t : texts) out += (out.empty() ? "" : ", ") + quote(t);
  return '[' + out + ']';
}

/// What the experiment depends on, and what was chosen in it.
void note(Results& results, const Recipe& r, const std::vector<SeedScores>& seeds,
          const std::vector<std::string>& mixed) {
  results.note("version", quote(ANSER_VERSION));
  results.note("experiment", quote("phatgoose"));
  results.note("scale", quote("mini"));
  results.note(
      "settings",
      fmt::format("{{\n    \"base_steps\": {},\n    \"expert_steps\": {},\n    \"gate_steps\": {},\n    "
                  "\"multitask_steps\": {},\n    \"rank\": {},\n    \"top_k\": {},\n    \"lines_of_base\": {},\n    "
                  "\"lines_of_expert\": {},\n    \"questions_held_in\": {},\n    \"questions_held_out\": {}\n  }}",
                  r.base_steps, r.expert_steps, r.gate_steps, r.multitask_steps, r.rank, r.top_k, r.sizes.pretraining,
                  r.sizes.train, r.sizes.held_in, r.sizes.held_out));
  results.note("mixed_tasks", list(mixed));
  std::vector<std::string> best;
  std::string copying, oracle;
  for (const auto& s : seeds) {
    best.push_back(s.best);
    copying += fmt::format("{}{}", copying.empty() ? "" : ", ", s.copying);
  }
  for (const auto& [task, first] : seeds[0].oracle) {
    std::vector<std::string> experts;
    for (const auto& s : seeds) experts.push_back(s.oracle.at(task));
    oracle += fmt::format("{}    {}: {}", oracle.empty() ? "" : ",\n", quote(task), list(experts));
  }
  results.note("base_copies", '[' + copying + ']');
  results.note("best_individual", list(best));
  results.note("oracle", "{\n" + oracle + "\n  }");
}

std::string percent(double share) { return fmt::format("{:.1f}", 100 * share); }

/// A mean over seeds with how far to trust it: Student's interval, of few seeds the least and the most, of one seed the
/// interval over examples where there is one.
std::string cell(const std::vector<double>& values, const Interval* over_examples) {
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

/// `held_out`: the tasks, of which some are `mixed`.
std::string table(const Results& results, const std::vector<std::string>& held_out,
                  const std::vector<std::string>& mixed) {
  Table t({"method", ">held-in EM", ">held-out EM", ">held-out tokens", ">mixed EM", ">single-skill EM"});
  const auto is_mixed = [&](const std::string& task) {
    return std::find(mixed.begin(), mixed.end(), task) != mixed.end();
  };
  for (const auto& m : results.methods()) {
    std::vector<std::string> row{m.name};
    const auto group = [&](const char* name, const char* metric) {
      std::vector<double> values;
      for (const auto& s : m.by_seed) values.push_back(s.groups.at(name).at(metric).value);
      row.push_back(cell(values, &m.by_seed[0].groups.at(name).at(metric).interval));
    };
    const auto part = [&](bool of_mixed) {
      std::vector<double> values;
      for (const auto& s : m.by_seed) {
        std::vector<double> tasks;
        for (const auto& task : held_out)
          if (is_mixed(task) == of_mixed) tasks.push_back(s.tasks.at(task).at("exact_match").value);
        values.push_back(mean(tasks));
      }
      row.push_back(cell(values, nullptr));
    };
    group("held_in", "exact_match");
    group("held_out", "exact_match");
    group("held_out", "token_accuracy");
    part(true);
    part(false);
    t.add(row);
  }
  const auto n = results.seeds().size();
  return fmt::format("PHATGOOSE in miniature, {} seed{}: means in % [{}]\n{}", n, n == 1 ? "" : "s",
                     n == 1                  ? "95 % interval over examples"
                     : int(n) < fewest_seeds ? "least and most of the seeds"
                                             : "95 % interval over seeds",
                     t.text());
}

void run(Options o) {
  std::vector<std::uint64_t> seeds;
  for (const auto& word : o.seeds) {
    seeds.push_back(std::stoull(word));
    check(std::count(seeds.begin(), seeds.end(), seeds.back()) == 1, "--seeds: ", word, " is named twice");
  }
  o.recipe.sizes.pretraining = o.recipe.base_steps * 64;
  if (o.jobs == 0) o.jobs = std::max(1, int(std::thread::hardware_concurrency()));
  const Json lists = parse_json(read_it_aloud, "read_it_aloud.json");
  const reproduce::ReadAloud family(lists);
  std::vector<Step> steps;
  for (const auto seed : seeds) add_seed(steps, o.output, o.recipe, seed, family);
  run_steps(o.output, steps, o.jobs);

  Results results(seeds);
  std::vector<SeedScores> scores;
  for (const auto seed : seeds) {
    scores.push_back(read_seed(o.output, seed, family.kinds()));
    for (auto& [method, of_method] : scores.back().methods) results.add(method, of_method);
  }
  const auto mixed = lists.texts("held_out_mixed");
  note(results, o.recipe, scores, mixed);
  write_file(o.output + "/results.json", results.json());
  print(table(results, family.tasks(), mixed));
  std::string best;
  for (const auto& s : scores) best += (best.empty() ? "" : ", ") + s.best;
  print(
      fmt::format("EM: lines right word for word; tokens: words right one by one. single is the expert that is best on "
                  "held-out tasks ({}),\noracle the best of each held-out task and on held-in lines their own.\n"
                  "{}/results.json has all values\n",
                  best, o.output));
}

void add_phatgoose(Command& reproduce) {
  auto o = std::make_shared<Options>();
  Command& c = reproduce.add_subcommand(
      "phatgoose",
      "PHATGOOSE on a family of tasks that is made on the spot: trains a small T5, ten experts that each learn one "
      "kind "
      "of written form, their gates and the baselines, and measures all of them on the experts' tasks and on lines "
      "that "
      "mix kinds, which nobody was trained on. What was done is kept: the same command goes on where it was stopped.");
  c.add_option("--scale", o->scale, "mini: all of it, in minutes on two cores")
      ->check(Among({"mini"}))
      ->type_name("NAME")
      ->capture_default_str();
  c.add_option("--seeds", o->seeds, "Each draws its own tasks and trains everything anew")
      ->delimiter(',')
      ->check(Between(std::uint64_t(0), std::uint64_t(1) << 48))
      ->type_name("LIST");
  c.add_option("--output", o->output, "Gets results.json, and a folder for each seed with all that was made")
      ->required()
      ->check(Named{})
      ->type_name("DIR");
  c.add_option("--jobs", o->jobs, "Steps that run side by side, each on one core; 0: one per core")
      ->check(Between(0, 1024))
      ->type_name("N")
      ->capture_default_str();
  const auto number = [&](const char* name, int& value, int least, const char* help) {
    c.add_option(name, value, help)
        ->check(Between(least, 1 << 24))
        ->type_name("N")
        ->capture_default_str()
        ->group("Other than the recipe");
  };
  number("--base-steps", o->recipe.base_steps, 1, "Training of the base, 64 lines a step");
  number("--expert-steps", o->recipe.expert_steps, 1, "Of each expert, 16 lines a step");
  number("--gate-steps", o->recipe.gate_steps, 1, "Of each gate, 16 lines a step");
  number("--multitask-steps", o->recipe.multitask_steps, 1, "Of one expert on everything, 60 lines a step");
  number("--rank", o->recipe.rank, 1, "Of the experts");
  number("--top-k", o->recipe.top_k, 1, "Experts that routers keep per token and site");
  number("--train-lines", o->recipe.sizes.train, 1, "Lines of each expert");
  number("--held-in-lines", o->recipe.sizes.held_in, 1, "Questions of each expert's kind");
  number("--held-out-lines", o->recipe.sizes.held_out, 1, "Questions of each held-out task");
  c.add_option("--least-copying", o->recipe.least_copying,
               "Share of fresh lines that a base must copy word for word before anything is trained on it")
      ->check(Between(0.0, 1.0))
      ->type_name("X")
      ->capture_default_str()
      ->group("Other than the recipe");
  add_examples(c, {"anser reproduce phatgoose --output phatgoose",
                   "anser reproduce phatgoose --scale mini --seeds 0,1,2 --jobs 8 --output phatgoose"});
  c.callback([o] { run(*o); });
}

}  // namespace

void add_reproduce(Command& program) {
  Command& reproduce = program.add_subcommand(
      "reproduce", "The papers' experiments, small enough for one's own machine: everything is trained on the spot.");
  reproduce.require_subcommand();
  add_phatgoose(reproduce);
  add_reproduce_data(reproduce);
  add_reproduce_measure(reproduce);
}

}  // namespace anser::cli
