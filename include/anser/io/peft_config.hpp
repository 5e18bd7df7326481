#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../core/activation.hpp"
#include "../core/config.hpp"
#include "../nn/targets.hpp"

namespace anser {

/// PEFT's exceptions for some modules: keys are patterns of path endings, the first that fits counts.
class PatternedValues {
 public:
  /// Throws Error where the key is a pattern that cannot be read.
  void add(const std::string& key, double value);
  /// The value of the first key that fits the path from its start or from after a dot.
  std::optional<double> find(std::string_view path) const;

 private:
  struct Entry {
    std::string ending;              // dots stand for any character
    std::optional<Pattern> pattern;  // where the key has other characters of patterns
    double value;
  };
  std::vector<Entry> entries_;
};

/// What adapter_config.json says, as far as it matters for the result.
struct PeftConfig {
  std::string kind;        // "LORA", "IA3", "ANSER_ADAPTER"
  std::string base_model;  // a name or a path; may be empty
  Targets targets;
  Targets feedforward;  // IA3: those targets whose input is scaled, not their output

  Activation activation = Activation::none;  // an adapter's

  int rank = 8;  // of LoRA, as are the next
  double alpha = 8;
  bool rslora = false;
  PatternedValues ranks, alphas;

  int rank_at(std::string_view site) const;
  /// alpha / rank, or alpha / sqrt(rank) for rsLoRA, where alpha may be an exception of the site's.
  double scale_at(std::string_view site, int rank) const;
};

/// Throws Error for what is missing, of a wrong type, or changes the mathematics and is not supported (use_dora, bias,
/// modules_to_save, ...), by name. Fields that nobody here has heard of are warned of.
PeftConfig read_peft_config(const std::string& path, std::vector<std::string>& warnings);

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "peft_config-inl.hpp"
#endif
