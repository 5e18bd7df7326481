// The steps of one seed of the miniature, and what they measured.
#include <fmt/format.h>
#include <anser/io/json.hpp>

#include <algorithm>

#include "options.hpp"
#include "reproduce_phatgoose.hpp"
#include "seed_steps.hpp"

namespace anser::cli {
namespace {

std::string score_name(const Sweep& sweep, int value) { return concat("sweep-", sweep.name, '-', value); }

constexpr const char* measured[] = {"singles-1", "singles-2", "merged", "spectral", "phatgoose", "multitask"};

}  // namespace

void add_seed(std::vector<Step>& steps, const std::string& directory, const Recipe& r, std::uint64_t seed,
              const reproduce::ReadAloud& family, bool with_routing) {
  const Words& kinds = family.kinds();
  check(kinds.size() <= 14, "a family of ", kinds.size(), " kinds: the draws of a seed are for 14 at most");
  SeedSteps s(steps, directory, seed);
  const auto n = [](auto number) { return std::to_string(number); };
  Words files{"base.jsonl", "config.json", "tokenizer.json", "copying/copying.jsonl"};
  for (const char* part : {"train/", "data/held_in/"}) files = together({files, with_affixes(part, kinds, ".jsonl")});
  const Words lists = r.words.empty() ? Words{} : Words{"--words", r.words};
  const std::size_t data =
      s.add("data",
            together({{"reproduce", "data", "--seed", n(seed), "--base-lines", n(r.sizes.pretraining), "--train-lines",
                       n(r.sizes.train), "--held-in-lines", n(r.sizes.held_in), "--held-out-lines", n(r.sizes.held_out),
                       "--output", s.here()},
                      lists}),
            {}, together({files, with_affixes("data/held_out/", family.tasks(), ".jsonl")}), 3);
  if (!r.words.empty()) steps[data].reads = {r.words};
  steps[data].folders = {s.path("train"), s.path("data"), s.path("copying")};
  const auto [base, copying] = s.train_base(data, r.base_steps, "0.004", r.least_copying);
  const std::string model = s.path("base");

  // A pool of experts and their gates, "experts" being the recipe's.
  struct Trained {
    std::vector<std::size_t> experts, gates;
  };
  const Words expert_files{"adapter_config.json", "adapter_model.safetensors", "expert.json", "training"};
  const auto small = [&](int rank) {
    return together({{"--learning-rate", "0.01", "--warmup", "20", "--clip", "0", "--save-every", "0", "--rank",
                      n(rank), "--alpha", "1"},
                     cosine_to_a_twentieth});
  };
  const auto lines_of = [&](std::size_t k) { return s.path("train/" + kinds[k] + ".jsonl"); };
  const auto train_gate = [&](const std::string& pool, std::size_t k, std::size_t expert, int gate_steps,
                              const std::string& elsewhere) {
    const std::string own = pool + '/' + kinds[k], place = elsewhere.empty() ? own : elsewhere + '/' + kinds[k];
    Words words{"gate",  "--model",  model, "--expert", s.path(own), "--data",       lines_of(k), "--learning-rate",
                "0.005", "--warmup", "0",   "--clip",   "0",         "--save-every", "0"};
    if (!elsewhere.empty()) words = together({words, {"--output", s.path(place)}});
    return s.train((elsewhere.empty() ? pool + "-gates" : elsewhere) + '/' + kinds[k], words, {data, base, expert},
                   {place + "/gate.safetensors", place + "/training-gate"}, gate_steps, 16, 1 + int(k), 0.02);
  };
  const auto train_pool = [&](const std::string& pool, int rank) {
    Trained t;
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      const std::string own = pool + '/' + kinds[k];
      t.experts.push_back(s.train(
          own, together({{"expert", "--model", model, "--data", lines_of(k), "--output", s.path(own)}, small(rank)}),
          {data, base, copying}, with_affixes(own + '/', expert_files, ""), r.expert_steps, 16, 1 + int(k), 0.02));
      t.gates.push_back(train_gate(pool, k, t.experts.back(), r.gate_steps, ""));
    }
    return t;
  };
  const auto with = [&](std::initializer_list<std::vector<std::size_t>> parts) {
    std::vector<std::size_t> all{data, base};
    for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
  };
  const Trained t = train_pool("experts", r.rank);
  const auto pool = with({t.experts}), gated = with({t.experts, t.gates});
  auto activated = gated;
  activated.push_back(s.add("activations",
                            {"pool", "activations", s.path("experts"), "--model", model, "--threads", "1"}, gated,
                            with_affixes("experts/", kinds, "/activations.safetensors"), 5));

  Words all_lines{"--data"};
  for (const auto& kind : kinds) all_lines.push_back(s.path("train/" + kind + ".jsonl"));
  const std::size_t multitask =
      s.train("multitask",
              together({{"expert", "--model", model, "--output", s.path("multitask/all")}, all_lines, small(r.rank)}),
              {data, base, copying}, with_affixes("multitask/all/", expert_files, ""), r.multitask_steps, 60,
              int(kinds.size()) + 1, 0.05);

  const auto measure = [&](const std::string& name, const std::string& experts, const Words& what,
                           std::vector<std::size_t> after, double seconds, int top_k) {
    s.add("scores/" + name,
          together({{"reproduce", "measure", "--model", model, "--pool", s.path(experts), "--tasks", s.path("data")},
                    what,
                    {"--top-k", n(top_k), "--threads", "1", "--output", s.path("scores/" + name + ".json")}}),
          std::move(after), {"scores/" + name + ".json"}, seconds);
  };
  const auto list = [&](std::size_t from, std::size_t to) {
    return fmt::format("{}", fmt::join(kinds.begin() + std::ptrdiff_t(from), kinds.begin() + std::ptrdiff_t(to), ","));
  };
  const std::size_t half = kinds.size() / 2;
  const int k = r.top_k;
  measure(measured[0], "experts", {"--single", list(0, half)}, pool, 5, k);
  measure(measured[1], "experts", {"--single", list(half, kinds.size())}, pool, 5, k);
  measure(measured[2], "experts", {"--routers", "none,uniform", "--nearest", s.path("train")}, pool, 5, k);
  measure(measured[3], "experts", {"--routers", "arrow,spectr"}, pool, 5, k);
  measure(measured[4], "experts", {"--routers", "phatgoose,average-activation"}, activated, 5, k);
  measure(measured[5], "multitask", {"--single", "all"}, {data, base, multitask}, 2, k);
  if (with_routing)
    steps.push_back({"routing",
                     {"trace", "--model", model, "--pool", s.path("experts"), "--router", "phatgoose", "--top-k",
                      n(r.top_k), "--tasks", s.path("data"), "--threads", "1", "--output", "routing.json"},
                     activated,
                     {"routing.json"},
                     10});

  // The sweeps: everything as in the recipe, but for one setting.
  for (const Sweep& sweep : r.sweeps)
    for (const int value : sweep.values) {
      const std::string name = score_name(sweep, value), folder = concat("pools/", sweep.name, '-', value);
      if (sweep.name == "top-k") {
        measure(name, "experts", {"--routers", "phatgoose,average-activation,arrow"}, activated, 5, value);
      } else if (sweep.name == "pool-size") {
        measure(name, "experts", {"--routers", "phatgoose,average-activation", "--allow", list(0, std::size_t(value))},
                activated, 3, k);
      } else if (sweep.name == "rank") {
        if (value == r.rank) {
          measure(name, "experts", {"--routers", "phatgoose"}, gated, 3, k);
        } else {
          const Trained other = train_pool(folder, value);
          measure(name, folder, {"--routers", "phatgoose"}, with({other.experts, other.gates}), 3, k);
        }
      } else if (value == r.gate_steps) {
        measure(name, "experts", {"--routers", "phatgoose"}, gated, 3, k);
      } else {
        std::vector<std::size_t> gates;
        const std::string trained = concat("gates-", value);
        Words words{"reproduce", "gates", "--experts", s.path("experts"), "--output", s.path(folder)};
        if (value > 0) {
          for (std::size_t e = 0; e < kinds.size(); ++e)
            gates.push_back(train_gate("experts", e, t.experts[e], value, trained));
          words = together({words, {"--gates", s.path(trained)}});
        }
        Words writes;
        for (const auto& kind : kinds)
          writes = together({writes, with_affixes(folder + '/' + kind + '/',
                                                  {"adapter_config.json", "adapter_model.safetensors", "expert.json",
                                                   "gate.safetensors"},
                                                  "")});
        const std::size_t assembled = s.add(folder, words, with({t.experts, t.gates, gates}), writes, 1);
        steps[assembled].folders = {s.path(folder)};
        measure(name, folder, {"--routers", "phatgoose"}, {data, base, assembled}, 3, k);
      }
    }
}

using Scores = std::map<std::string, std::vector<TaskScores>>;

namespace {

/// What is decided per question, of what each expert got on it alone. `chosen`: by task and question an expert's place.
std::vector<TaskScores> put_together(const std::vector<const std::vector<TaskScores>*>& alone,
                                     const std::vector<std::vector<int>>& chosen) {
  std::vector<TaskScores> all = *alone[0];
  for (std::size_t t = 0; t < all.size(); ++t)
    for (auto& [metric, values] : all[t].values)
      for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = (*alone[std::size_t(chosen[t][i])])[t].values.at(metric)[i];
  return all;
}

std::vector<const std::vector<TaskScores>*> each_alone(const Scores& scores, const std::vector<std::string>& experts) {
  std::vector<const std::vector<TaskScores>*> alone;
  for (const auto& e : experts) alone.push_back(&scores.at("single/" + e));
  return alone;
}

/// The first metric counts; where that is alike, as where nobody has any exact match, the second.
std::pair<double, double> worth(const TaskScores& t) {
  const auto of = [&](std::initializer_list<const char*> metrics) {
    for (const char* m : metrics)
      if (const auto found = t.values.find(m); found != t.values.end()) return mean(found->second);
    return 0.0;
  };
  return {of({"accuracy", "exact_match"}), of({"token_accuracy", "token_f1"})};
}

}  // namespace

Choice choose_best(Scores& scores, const std::vector<std::string>& experts) {
  const auto alone = each_alone(scores, experts);
  Choice choice;
  std::size_t best = 0;
  std::pair<double, double> most{-1, -1};
  const bool any_held_out =
      std::any_of(alone[0]->begin(), alone[0]->end(), [](const TaskScores& t) { return t.group == "held_out"; });
  for (std::size_t k = 0; k < experts.size(); ++k) {
    std::pair<double, double> sum{0, 0};
    for (const TaskScores& t : *alone[k])
      if (t.group == "held_out" || !any_held_out) sum = {sum.first + worth(t).first, sum.second + worth(t).second};
    if (sum > most) most = sum, best = k;
  }
  choice.best = experts[best];
  std::vector<std::vector<int>> oracle;
  for (std::size_t t = 0; t < alone[0]->size(); ++t) {
    const TaskScores& task = (*alone[0])[t];
    const auto owner = std::find(experts.begin(), experts.end(), task.task);
    std::size_t own = 0;
    if (task.group == "held_in" && owner != experts.end())
      own = std::size_t(owner - experts.begin());
    else
      for (std::size_t k = 1; k < experts.size(); ++k)
        if (worth((*alone[k])[t]) > worth((*alone[own])[t])) own = k;
    oracle.emplace_back(task.values.begin()->second.size(), int(own));
    choice.oracle[task.task] = experts[own];
  }
  auto of_oracle = put_together(alone, oracle), of_best = *alone[best];
  scores["oracle"] = std::move(of_oracle);
  scores["single"] = std::move(of_best);
  return choice;
}

SeedScores read_seed(const std::string& directory, std::uint64_t seed, const std::vector<std::string>& kinds,
                     const std::vector<Sweep>& sweeps) {
  const std::string here = directory + "/seed-" + std::to_string(seed);
  Scores scores;
  std::map<std::string, std::vector<std::vector<int>>> chosen;  // by method, task and question: an expert's place
  for (const std::string name : measured) {
    const Json file = read_json(here + "/scores/" + name + ".json");
    for (auto& [method, of_method] : measured_scores(file))
      scores[name == "multitask" ? name : method] = std::move(of_method);
    if (const auto lists = file.find("chosen"))
      for (const auto& method : lists->keys())
        for (const auto& task : lists->at(method).keys()) {
          chosen[method].emplace_back();
          for (const auto& expert : lists->at(method).texts(task))
            chosen[method].back().push_back(int(std::find(kinds.begin(), kinds.end(), expert) - kinds.begin()));
        }
  }

  for (const auto& [method, experts] : chosen) scores[method] = put_together(each_alone(scores, kinds), experts);
  SeedScores result;
  result.choice = choose_best(scores, kinds);
  for (const std::string method : {"none", "multitask", "single", "oracle", "retrieval", "retrieval-bow", "uniform",
                                   "average-activation", "arrow", "spectr", "phatgoose"})
    result.methods.emplace_back(method, summarise(scores.at(method), 2000, seed));
  for (const Sweep& sweep : sweeps)
    for (const int value : sweep.values)
      for (auto& [method, of_method] :
           measured_scores(read_json(here + "/scores/" + score_name(sweep, value) + ".json"))) {
        if (sweep.name == "pool-size")  // a kind is held in where its expert is in the pool
          std::erase_if(of_method, [&](const TaskScores& t) {
            return t.group == "held_in" &&
                   std::find(kinds.begin(), kinds.begin() + value, t.task) == kinds.begin() + value;
          });
        result.sweeps[sweep.name][value][method] = summarise(of_method, 100, seed);
      }
  result.copying = copying_of(directory, "seed-" + std::to_string(seed));
  result.tasks = tasks_text(scores.at("none"));
  return result;
}

}  // namespace anser::cli
