#pragma once
#include <anser/eval/results.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "../reproduce/read_aloud.hpp"
#include "reproduce_full.hpp"

namespace anser::cli {

/// A setting that is varied, all others being the recipe's: "top-k", "gate-steps", "pool-size" or "rank".
struct Sweep {
  std::string name;
  std::vector<int> values;
};

/// How the miniature of PHATGOOSE is made; the defaults were chosen on the seeds 100 and 101.
struct Recipe {
  reproduce::ReadAloudSizes sizes;
  int base_steps = 4000, expert_steps = 300, gate_steps = 100, multitask_steps = 500;
  int rank = 8, top_k = 2;
  double least_copying = 0.85;  // of a base: lines that it copies word for word
  std::string words;            // lists of another family, or empty
  std::vector<Sweep> sweeps;
};

/// The steps of a seed, added to those of others; of one seed with what the report draws of its routing.
void add_seed(std::vector<Step>& steps, const std::string& directory, const Recipe& recipe, std::uint64_t seed,
              const reproduce::ReadAloud& family, bool with_routing);

/// Whom "single" and "oracle" hear.
struct Choice {
  std::string best;  // the expert that is best on held-out tasks, or where there are none on all
  std::map<std::string, std::string>
      oracle;  // each task's best; on a held-in task its own expert, where one has its name
};
/// Adds "single" and "oracle" to what methods got, from what each expert got alone ("single/<expert>").
Choice choose_best(std::map<std::string, std::vector<TaskScores>>& scores, const std::vector<std::string>& experts);

/// What one seed's steps measured.
struct SeedScores {
  std::vector<std::pair<std::string, MethodScores>> methods;
  Choice choice;
  double copying = 0;
  std::string tasks;                                                                 // as results.json has them
  std::map<std::string, std::map<int, std::map<std::string, MethodScores>>> sweeps;  // by setting, value and method
};
/// `kinds`: the experts.
SeedScores read_seed(const std::string& directory, std::uint64_t seed, const std::vector<std::string>& kinds,
                     const std::vector<Sweep>& sweeps);

/// Per question the place of the expert whose line is nearest: by the cosine of tf-idf weights of words.
std::vector<int> nearest_by_words(const std::vector<std::vector<std::string>>& lines_of_experts,
                                  const std::vector<std::string>& questions);
/// Likewise by the cosine of vectors of `width` numbers: `lines` [sum of `counts`, width], `counts` lines of each
/// expert.
std::vector<int> nearest_by_vectors(const std::vector<float>& lines, const std::vector<std::size_t>& counts,
                                    const std::vector<float>& questions, std::size_t width);

/// --scale full: a pool that is there, on tasks that are.
struct PhatGooseFullOptions : FullScale {
  std::string pool, encoder;
  int top_k = 2;
  bool without_single = false;
  PhatGooseFullOptions() { metrics = {"accuracy", "exact_match", "token_f1", "rouge_l"}; }
};
void reproduce_phatgoose_full(const ReproduceOptions& o, const PhatGooseFullOptions& full);

}  // namespace anser::cli
