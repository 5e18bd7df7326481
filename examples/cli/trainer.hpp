#pragma once
#include <anser/train.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine.hpp"

namespace anser::cli {

/// Everything that a training can be told.
struct TrainerOptions {
  enum class Kind { expert, gate, joint, full };
  Kind kind = Kind::expert;

  EngineOptions engine;    // full: the model may be empty, which then begins with random weights:
  std::string config;      // its config.json
  std::string vocabulary;  // its spiece.model or tokenizer.json

  std::string expert;           // gate: its directory
  std::string name;             // expert: its name; empty: the output's last folder
  std::string module = "lora";  // or ia3, adapter
  int rank = 16;                // lora
  double alpha = 1;
  int bottleneck = 24;  // adapter
  std::string activation = "silu";
  bool no_norm = false;
  std::string targets;               // empty: the module's own
  std::string learn = ".*";          // full: the weights that learn
  std::vector<std::string> initial;  // full, random weights: "NAMES=DEVIATION"
  int experts = 8;                   // joint: how many
  std::string learn_along;           // joint: weights of the model that learn with them

  std::vector<std::string> data;
  bool plain_text = false;  // full: of which spans are left out, and learned
  SpanCorruption spans;
  std::string validation;  // a file; empty: what is held out
  int validation_examples = 1024;
  Mixing mixing;
  int batch = 1024, micro_batch = 16;
  long long micro_tokens = 0;
  TextLimits limits;

  std::string optimizer = "adamw", schedule = "constant";
  double rate = 5e-3, warmup = 0.06, decay = 0, clip = 1, dropout = -1;  // warmup below 1: a share of the steps
  double final_rate = 0;                                                 // linear, cosine: a share of the rate
  double beta1 = 0.9, beta2 = 0.999;                                     // adamw
  std::string loss_name = "lm";                                          // or mc
  LossOptions loss;
  TrainingOptions training;
  std::string output;
  bool keep_last = false;
};

/// What the experts of a joint training are called: expert-0, all numbers as wide as the last one's.
inline std::string name_of_expert(int e, int experts) {
  const std::string number = std::to_string(e);
  return "expert-" + std::string(std::to_string(experts - 1).size() - number.size(), '0') + number;
}

inline constexpr int most_bottleneck = 1 << 16;

/// What is known before the first step.
struct TrainingFacts {
  std::uint64_t learned = 0, parameters = 0;  // numbers
  long long done = 0;                         // steps of the training that goes on
  std::size_t validation = 0;                 // examples
  std::vector<std::string> warnings;
};

/// A training on some backend: all that the command needs to know of it.
class Trainer {
 public:
  using Watch = std::function<bool(const Metric&)>;
  virtual ~Trainer() = default;
  virtual TrainingFacts facts() const = 0;
  /// Whether all steps are made; false: stopped by `watch`, and saved. `plan` is told what memory a step takes and what
  /// there is; Error where that is too little.
  virtual bool run(const Watch& watch, const std::function<void(const std::string&)>& plan) = 0;
  /// Writes what was learned; returns the step whose parameters they are.
  virtual long long finish() = 0;
  virtual const std::vector<Metric>& metrics() const = 0;
};

/// Throws Error where a file is at fault, a setting is none, or the backend cannot be had on this machine.
std::unique_ptr<Trainer> make_trainer(const TrainerOptions& o);

}  // namespace anser::cli
