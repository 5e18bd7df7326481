#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "reproduce_steps.hpp"

namespace anser::cli {

using Words = std::vector<std::string>;
Words together(std::initializer_list<Words> parts);
Words with_affixes(const std::string& before, const Words& stems, const std::string& behind);

inline const Words cosine_to_a_twentieth{"--schedule", "cosine", "--final-rate", "0.05"};

/// Adds the steps of one seed, in the folder seed-N, to those of others.
class SeedSteps {
 public:
  SeedSteps(std::vector<Step>& steps, const std::string& directory, std::uint64_t seed)
      : steps_(steps), directory_(directory), seed_(seed), here_("seed-" + std::to_string(seed)) {}

  const std::string& here() const { return here_; }
  std::string path(const std::string& part) const { return here_ + '/' + part; }

  /// `nth` tells the trainings of a seed apart.
  std::string training_seed(int nth) const { return std::to_string(seed_ * 16 + std::uint64_t(nth)); }

  /// `after` as in Step, `writes` in this seed's folder. Returns the step's place, as the next do.
  std::size_t add(const std::string& name, Words words, std::vector<std::size_t> after, const Words& writes,
                  double seconds);
  /// anser train, with the seed training_seed(nth).
  std::size_t train(const std::string& name, const Words& words, std::vector<std::size_t> after, const Words& writes,
                    int steps, int batch, int nth, double seconds_of_step);
  /// A T5 in seed-N/base, of seed-N/{config.json, tokenizer.json, base.jsonl}, and its examination: it must copy this
  /// share of seed-N/copying.
  struct Base {
    std::size_t training, copying;
  };
  Base train_base(std::size_t data, int steps, const std::string& rate, double least_copying);

 private:
  std::vector<Step>& steps_;
  const std::string& directory_;
  std::uint64_t seed_;
  std::string here_;
};

/// Share of lines that the base of a seed copies word for word.
double copying_of(const std::string& directory, const std::string& here);

}  // namespace anser::cli
