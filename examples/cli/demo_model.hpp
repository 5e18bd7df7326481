#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace anser::cli {

/// A skill of the demo's corpus: an expert's name and the sentences that its gate is made from.
struct Skill {
  std::string name;
  std::vector<std::string> sentences;
};

/// The corpus by skill, and all its lines.
struct Corpus {
  std::vector<Skill> skills;
  std::vector<std::string> lines;
};
Corpus read_corpus();

/// Trains a vocabulary on the lines and writes a small T5 v1.1 with random weights into `directory`.
void write_demo_model(const std::string& directory, const std::vector<std::string>& lines, std::uint64_t seed);

/// Writes one random LoRA expert per skill. Its gate at a site is how the site's standardised inputs on the skill's
/// sentences differ, on average, from those on all sentences.
void write_demo_pool(const std::string& directory, const std::string& model, const std::vector<Skill>& skills,
                     std::uint64_t seed);

}  // namespace anser::cli
