// The steps of one seed of the miniature, and what they measured.
#include <fmt/format.h>
#include <anser/io/json.hpp>

#include <algorithm>

#include "options.hpp"
#include "reproduce.hpp"

namespace anser::cli {
namespace {

using Words = std::vector<std::string>;

constexpr const char* measured[] = {"singles-1", "singles-2", "merged", "spectral", "phatgoose", "multitask"};

Words together(std::initializer_list<Words> parts) {
  Words all;
  for (const auto& p : parts) all.insert(all.end(), p.begin(), p.end());
  return all;
}
Words with_suffix(const Words& stems, const std::string& before, const std::string& behind) {
  Words all;
  for (const auto& s : stems) all.push_back(before + s + behind);
  return all;
}

double copying_of(const std::string& directory, const std::string& here) {
  const Json scores = read_json(directory + '/' + here + "/copying.json").at("methods").at("none").at("held_out");
  return scores.at("exact_match").items().at(0).real();
}

/// Adds steps, with the numbers that a seed's have in common.
class Seed {
 public:
  Seed(std::vector<Step>& steps, std::uint64_t seed)
      : steps_(steps), seed_(seed), here_("seed-" + std::to_string(seed)) {}

  std::string path(const std::string& part) const { return here_ + '/' + part; }
  std::size_t add(const std::string& name, Words words, std::vector<std::size_t> after, Words writes, double seconds) {
    steps_.push_back({path(name), std::move(words), std::move(after), with_suffix(writes, here_ + '/', ""), seconds});
    return steps_.size() - 1;
  }
  /// A training; `draws` tells those of a seed apart.
  std::size_t train(const std::string& name, Words words, std::vector<std::size_t> after, Words writes, int steps,
                    int batch, int draws, double seconds_of_step) {
    const std::size_t at = add(name,
                               together({{"train"},
                                         words,
                                         {"--steps", std::to_string(steps), "--batch", std::to_string(batch),
                                          "--micro-batch", std::to_string(batch), "--seed",
                                          std::to_string(seed_ * 16 + std::uint64_t(draws)), "--threads", "1"}}),
                               std::move(after), std::move(writes), 0.3 + seconds_of_step * steps);
    steps_[at].resumes = true;
    return at;
  }
  const std::string& here() const { return here_; }
  Step& operator[](std::size_t i) { return steps_[i]; }

 private:
  std::vector<Step>& steps_;
  std::uint64_t seed_;
  std::string here_;
};

const Words to_a_twentieth{"--schedule", "cosine", "--final-rate", "0.05"};

}  // namespace

void add_seed(std::vector<Step>& steps, const std::string& directory, const Recipe& r, std::uint64_t seed,
              const reproduce::ReadAloud& family) {
  const Words& kinds = family.kinds();
  Seed s(steps, seed);
  const auto n = [](auto number) { return std::to_string(number); };
  const std::size_t data = s.add("data",
                                 {"reproduce", "data", "--seed", n(seed), "--base-lines", n(r.sizes.pretraining),
                                  "--train-lines", n(r.sizes.train), "--held-in-lines", n(r.sizes.held_in),
                                  "--held-out-lines", n(r.sizes.held_out), "--output", s.here()},
                                 {}, {"base.jsonl", "config.json", "tokenizer.json", "copying/copying.jsonl"}, 3);
  for (const auto& kind : kinds)
    for (const char* part : {"train/", "data/held_in/"}) s[data].writes.push_back(s.path(part + kind + ".jsonl"));
  for (const auto& task : family.tasks()) s[data].writes.push_back(s.path("data/held_out/" + task + ".jsonl"));

  const std::size_t base =
      s.train("base",
              together({{"full",
                         "--config",
                         s.path("config.json"),
                         "--vocab",
                         s.path("tokenizer.json"),
                         "--data",
                         s.path("base.jsonl"),
                         "--output",
                         s.path("base"),
                         "--optimizer",
                         "adamw",
                         "--beta2",
                         "0.98",
                         "--learning-rate",
                         "0.004",
                         "--warmup",
                         "50",
                         "--clip",
                         "1",
                         "--save-every",
                         "500",
                         "--initial",
                         "shared.weight=0.3",
                         "lm_head.weight=0.125",
                         ".*relative_attention_bias.weight=0.3"},
                        to_a_twentieth}),
              {data}, {"base/config.json", "base/model.safetensors", "base/tokenizer.json", "base/training"},
              r.base_steps, 64, 0, 0.04);
  const std::size_t copying = s.add("copying",
                                    {"eval", "--model", s.path("base"), "--tasks", s.path("copying"),
                                     "--teacher-forced", "--output", s.path("copying.json"), "--threads", "1"},
                                    {data, base}, {"copying.json"}, 1);
  s[copying].accept = [=, here = s.here()] {
    const double share = copying_of(directory, here);
    check(share >= r.least_copying, here, ": the base copies ", fmt::format("{:.1f}", 100 * share),
          " % of fresh lines word for word, and below ", fmt::format("{:.0f}", 100 * r.least_copying),
          " % experts have nothing to stand on; ", directory, '/', here,
          "/base/training/loss.svg shows how it learned; give it more --base-steps, or leave the seed out");
  };

  const std::string model = s.path("base");
  const Words small{"--learning-rate", "0.01", "--warmup", "20",      "--clip",  "0",
                    "--save-every",    "0",    "--rank",   n(r.rank), "--alpha", "1"};
  const Words expert_files{"adapter_config.json", "adapter_model.safetensors", "expert.json", "training"};
  std::vector<std::size_t> pool{data, base}, activated{data, base};
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    const std::string own = "experts/" + kinds[k], lines = s.path("train/" + kinds[k] + ".jsonl");
    const std::size_t expert = s.train(
        own, together({{"expert", "--model", model, "--data", lines, "--output", s.path(own)}, small, to_a_twentieth}),
        {data, base, copying}, with_suffix(expert_files, own + '/', ""), r.expert_steps, 16, 1 + int(k), 0.02);
    pool.push_back(expert);
    activated.push_back(expert);
    activated.push_back(s.train("gates/" + kinds[k],
                                {"gate", "--model", model, "--expert", s.path(own), "--data", lines, "--learning-rate",
                                 "0.005", "--warmup", "0", "--clip", "0", "--save-every", "0"},
                                {data, base, expert}, {own + "/gate.safetensors", own + "/training-gate"}, r.gate_steps,
                                16, 1 + int(k), 0.02));
  }
  activated.push_back(s.add("activations",
                            {"pool", "activations", s.path("experts"), "--model", model, "--threads", "1"}, activated,
                            with_suffix(kinds, "experts/", "/activations.safetensors"), 5));

  Words all_lines{"--data"};
  for (const auto& kind : kinds) all_lines.push_back(s.path("train/" + kind + ".jsonl"));
  const std::size_t multitask = s.train(
      "multitask",
      together({{"expert", "--model", model, "--output", s.path("multitask/all")}, all_lines, small, to_a_twentieth}),
      {data, base, copying}, with_suffix(expert_files, "multitask/all/", ""), r.multitask_steps, 60, 11, 0.05);

  const auto measure = [&](const std::string& name, const std::string& experts, Words what,
                           std::vector<std::size_t> after, double seconds) {
    s.add("scores/" + name,
          together({{"reproduce", "measure", "--model", model, "--pool", s.path(experts), "--tasks", s.path("data")},
                    what,
                    {"--top-k", n(r.top_k), "--threads", "1", "--output", s.path("scores/" + name + ".json")}}),
          std::move(after), {"scores/" + name + ".json"}, seconds);
  };
  const auto list = [&](std::size_t from, std::size_t to) {
    return fmt::format("{}", fmt::join(kinds.begin() + std::ptrdiff_t(from), kinds.begin() + std::ptrdiff_t(to), ","));
  };
  const std::size_t half = kinds.size() / 2;
  measure(measured[0], "experts", {"--single", list(0, half)}, pool, 5);
  measure(measured[1], "experts", {"--single", list(half, kinds.size())}, pool, 5);
  measure(measured[2], "experts", {"--routers", "none,uniform", "--nearest", s.path("train")}, pool, 5);
  measure(measured[3], "experts", {"--routers", "arrow,spectr"}, pool, 5);
  measure(measured[4], "experts", {"--routers", "phatgoose,average-activation"}, activated, 5);
  measure(measured[5], "multitask", {"--single", "all"}, {data, base, multitask}, 2);
}

SeedScores read_seed(const std::string& directory, std::uint64_t seed, const std::vector<std::string>& kinds) {
  const std::string here = directory + "/seed-" + std::to_string(seed);
  std::map<std::string, std::vector<TaskScores>> scores;
  std::map<std::string, std::vector<std::vector<int>>> chosen;  // by method, task and question: an expert's place
  for (const std::string name : measured) {
    const Json file = read_json(here + "/scores/" + name + ".json");
    for (const auto& key : file.at("scores").keys()) {
      std::string method = key;
      if (name == "multitask") method = name;
      for (const auto& task : file.at("scores").at(key).keys()) {
        const Json entry = file.at("scores").at(key).at(task);
        TaskScores t{task, entry.text("group"), {}};
        for (const std::string metric : {"exact_match", "token_accuracy"})
          for (const auto& v : entry.at(metric).items()) t.values[metric].push_back(v.real());
        scores[method].push_back(std::move(t));
      }
    }
    if (const auto lists = file.find("chosen"))
      for (const auto& method : lists->keys())
        for (const auto& task : lists->at(method).keys()) {
          chosen[method].emplace_back();
          for (const auto& expert : lists->at(method).texts(task))
            chosen[method].back().push_back(int(std::find(kinds.begin(), kinds.end(), expert) - kinds.begin()));
        }
  }

  // What is decided per line is put together from what each expert got on it alone.
  std::vector<const std::vector<TaskScores>*> alone;
  for (const auto& kind : kinds) alone.push_back(&scores.at("single/" + kind));
  const auto put_together = [&](const std::vector<std::vector<int>>& experts) {
    std::vector<TaskScores> all = *alone[0];
    for (std::size_t t = 0; t < all.size(); ++t)
      for (auto& [metric, values] : all[t].values)
        for (std::size_t i = 0; i < values.size(); ++i)
          values[i] = (*alone[std::size_t(experts[t][i])])[t].values.at(metric)[i];
    return all;
  };
  for (const auto& [method, experts] : chosen) scores[method] = put_together(experts);

  // Best by exact match; where that is alike, as where nobody has any, by token accuracy.
  const auto worth = [](const TaskScores& t) {
    return std::pair(mean(t.values.at("exact_match")), mean(t.values.at("token_accuracy")));
  };
  SeedScores result;
  std::size_t best = 0;
  std::pair<double, double> most{-1, -1};
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    std::pair<double, double> sum{0, 0};
    for (const TaskScores& t : *alone[k])
      if (t.group == "held_out") sum = {sum.first + worth(t).first, sum.second + worth(t).second};
    if (sum > most) most = sum, best = k;
  }
  result.best = kinds[best];
  scores["single"] = *alone[best];
  std::vector<std::vector<int>> oracle;
  for (std::size_t t = 0; t < alone[0]->size(); ++t) {
    const TaskScores& task = (*alone[0])[t];
    std::size_t own = 0;
    if (task.group == "held_in")
      own = std::size_t(std::find(kinds.begin(), kinds.end(), task.task) - kinds.begin());
    else
      for (std::size_t k = 1; k < kinds.size(); ++k)
        if (worth((*alone[k])[t]) > worth((*alone[own])[t])) own = k;
    oracle.emplace_back(task.values.at("exact_match").size(), int(own));
    result.oracle[task.task] = kinds[own];
  }
  scores["oracle"] = put_together(oracle);

  for (const std::string method : {"none", "multitask", "single", "oracle", "retrieval", "retrieval-bow", "uniform",
                                   "average-activation", "arrow", "spectr", "phatgoose"})
    result.methods.emplace_back(method, summarise(scores.at(method), 2000, seed));
  result.copying = copying_of(directory, "seed-" + std::to_string(seed));
  return result;
}

}  // namespace anser::cli
