#include "seed_steps.hpp"

#include <anser/core/error.hpp>
#include <anser/io/json.hpp>

#include "charts.hpp"

namespace anser::cli {

Words together(std::initializer_list<Words> parts) {
  Words all;
  for (const auto& p : parts) all.insert(all.end(), p.begin(), p.end());
  return all;
}
Words with_affixes(const std::string& before, const Words& stems, const std::string& behind) {
  Words all;
  for (const auto& s : stems) all.push_back(before + s + behind);
  return all;
}

double copying_of(const std::string& directory, const std::string& here) {
  const Json scores = read_json(directory + '/' + here + "/copying.json").at("methods").at("none").at("held_out");
  return scores.at("exact_match").items().at(0).real();
}

std::size_t SeedSteps::add(const std::string& name, Words words, std::vector<std::size_t> after, const Words& writes,
                           double seconds) {
  steps_.push_back({path(name), std::move(words), std::move(after), with_affixes(here_ + '/', writes, ""), seconds});
  return steps_.size() - 1;
}

std::size_t SeedSteps::train(const std::string& name, const Words& words, std::vector<std::size_t> after,
                             const Words& writes, int steps, int batch, int nth, double seconds_of_step) {
  const std::size_t at =
      add(name,
          together({{"train"},
                    words,
                    {"--steps", std::to_string(steps), "--batch", std::to_string(batch), "--micro-batch",
                     std::to_string(batch), "--seed", training_seed(nth), "--threads", "1"}}),
          std::move(after), writes, 0.3 + seconds_of_step * steps);
  steps_[at].resumes = true;
  return at;
}

SeedSteps::Base SeedSteps::train_base(std::size_t data, int steps, const std::string& rate, double least_copying) {
  Base base;
  base.training = train("base",
                        together({{"full",
                                   "--config",
                                   path("config.json"),
                                   "--vocab",
                                   path("tokenizer.json"),
                                   "--data",
                                   path("base.jsonl"),
                                   "--output",
                                   path("base"),
                                   "--optimizer",
                                   "adamw",
                                   "--beta2",
                                   "0.98",
                                   "--learning-rate",
                                   rate,
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
                                  cosine_to_a_twentieth}),
                        {data}, {"base/config.json", "base/model.safetensors", "base/tokenizer.json", "base/training"},
                        steps, 64, 0, 0.04);
  base.copying = add("copying",
                     {"eval", "--model", path("base"), "--tasks", path("copying"), "--teacher-forced", "--output",
                      path("copying.json"), "--threads", "1"},
                     {data, base.training}, {"copying.json"}, 1);
  steps_[base.copying].accept = [least_copying, directory = directory_, here = here_] {
    const double share = copying_of(directory, here);
    check(share >= least_copying, here, ": the base copies ", fixed(100 * share, 1),
          " % of fresh lines word for word, and below ", fixed(100 * least_copying, 0),
          " % experts have nothing to stand on; ", directory, '/', here,
          "/base/training/loss.svg shows how it learned; give it more --base-steps, or leave the seed out");
  };
  return base;
}

}  // namespace anser::cli
