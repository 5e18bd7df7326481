#pragma once
#include <string>
#include <vector>

#include "reproduce_full.hpp"
#include "seed_steps.hpp"

namespace anser::cli {

/// How the experts are used, and how many of which width they are.
struct JointMethod {
  const char *name, *router;
  bool one = false, wide = false;
};
inline constexpr JointMethod joint_methods[] = {{"none", "none"},
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

/// What the methods of one seed have in common.
struct JointTrainings {
  std::string model;
  Words data;  // files to learn from
  int experts = 8, bottleneck = 24;
  Words train, measure;            // further words of anser train joint, and the command that measures
  std::string tasks_to_experts;    // of tag; may be empty
  double seconds = 1;              // of a training, about
  std::vector<std::size_t> after;  // steps that made any of these
  Words learned, asked;            // what no step made of what trainings read, and of what measuring reads
};
/// Adds to `steps` a training for each method in `wanted` (empty: all), but for none, and the measuring of what came of
/// it: seed-N/scores/METHOD.json.
void add_joint_methods(std::vector<Step>& steps, SeedSteps& s, const JointTrainings& t, const Words& wanted);
/// What those files of all seeds hold.
Results read_joint_methods(const ReproduceOptions& o, const Words& wanted);

/// --scale full: on a model, data to learn from, and questions, all of a user's own.
struct SmearFullOptions : FullScale {
  std::string data, tasks_to_experts;
  int steps = 600'000, batch = 128, micro_batch = 16;
  SmearFullOptions() { metrics = {"accuracy", "exact_match"}; }
};
/// `wanted`: empty for all. `bottleneck` 0: a 32nd of the model's width, as published.
void reproduce_smear_full(const ReproduceOptions& o, const SmearFullOptions& full, int experts, int bottleneck,
                          Words wanted);

}  // namespace anser::cli
