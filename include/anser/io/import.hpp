#pragma once
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "peft.hpp"

namespace anser {

/// Whose file is imported.
enum class ImportKind {
  peft,       // a directory of PEFT, LoRA or IA3
  tfew_ia3,   // T-Few's IA3 of a gated T5: "<site>.multi_lora_b" [n, 1]
  phatgoose,  // a pool of PHATGOOSE's reference: "<site>._addons.expert_lora.layer1__i" and so on
};
std::string_view name_of(ImportKind kind);
/// Nothing where there is no such kind.
std::optional<ImportKind> import_kind(std::string_view name);
/// The kind by what the directory or the file holds. Throws Error where it looks like none.
ImportKind detect_import(const std::string& path);

/// What the rows "router.expert_embeddings__i" of a PHATGOOSE checkpoint are, which the file does not say.
enum class ImportedRows {
  unsaid,
  gate,         // PHATGOOSE's gates, for gate.safetensors
  activations,  // mean activations, for activations.safetensors
  none,         // placeholders; they are left out
};

struct ImportOptions {
  ImportedRows rows = ImportedRows::unsaid;
  std::vector<std::string> names{};    // of the experts, by their numbers in the file; empty: expert-00, expert-01, ...
  std::string base_model{};            // its name or path, for adapter_config.json; empty: not known
  std::string base_hash{};             // ModelDirectory::hash(), likewise
  std::vector<LinearSizes> linears{};  // of the base model; empty: shapes are not compared with it
  std::function<void(std::size_t done, std::size_t all)> progress{};  // called after each expert; may be empty
};

struct Imported {
  std::string kind;  // of the experts: "LORA" or "IA3"
  std::size_t experts = 0, sites = 0;
  std::vector<std::string> notes;  // what of the file was left out, and why
};

/// Writes the expert (peft, tfew_ia3) or the pool (phatgoose) in `path` as a new directory `output`, whole or not at
/// all, after comparing the file's check sums. Throws Error naming file and key for every key that is not understood.
///
/// T-Few scales what wi_1 gives, which is a part of the input of PEFT's feedforward module wo: wi_1.multi_lora_b
/// [d_ff, 1] becomes wo.ia3_l [1, d_ff]. In PHATGOOSE's reference layer1 [in, r] is A transposed, layer2 [r, out] is B
/// transposed, and the delta is B A u / r, hence lora_alpha 1.
Imported import_experts(const std::string& path, const std::string& output, ImportKind kind,
                        const ImportOptions& options = {});

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "import-inl.hpp"
#endif
