#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "../nn/expert.hpp"
#include "../nn/targets.hpp"
#include "safetensors.hpp"

namespace anser {

/// Opens an expert directory: adapter_config.json and adapter_model.safetensors (or adapter_model.bin, where that is
/// absent) as PEFT writes them (LORA, IA3) or as this library does (ANSER_ADAPTER), and gate.safetensors,
/// activations.safetensors, embeddings.safetensors where they are. Headers are read and checked against the
/// configuration; tensors' data is not touched. Throws Error naming the file and the tensor; what is only odd goes to
/// `warnings`.
Expert load_expert(const std::string& directory, std::vector<std::string>* warnings = nullptr);

/// A linear of the base model.
struct LinearSizes {
  std::string path;
  int out = 0, in = 0;
};
/// Throws Error where the expert has a site that is not among the linears, or whose sizes do not fit. Adapters' sites
/// are sub-layers, as wide on both sides.
void check_against(const Expert& expert, const std::vector<LinearSizes>& linears);
/// The same with the linears already by path.
void check_against(const Expert& expert, const std::map<std::string, LinearSizes, std::less<>>& linears);

/// expert.json: where an expert comes from.
struct ExpertRecord {
  std::string name;
  std::string base_model;     // its name or path when the expert was trained
  std::string base_hash;      // ModelDirectory::hash()
  std::string training_data;  // its name or path
  std::int64_t steps = 0;
};
/// Nothing where the directory has no expert.json.
std::optional<ExpertRecord> read_record(const std::string& directory);
void write_record(const std::string& directory, const ExpertRecord& record);

/// What adapter_config.json says of a LoRA that this library trained.
struct LoraDescription {
  int rank = 16;
  double alpha = 1;  // the delta is alpha / rank B A; PHATGOOSE: 1 / r
  bool rslora = false;
  double dropout = 0;
  Targets targets{};
  std::string base_model{};
  std::vector<std::pair<std::string, int>> ranks{};      // PEFT's rank_pattern: other ranks for paths that end so
  std::vector<std::pair<std::string, double>> alphas{};  // alpha_pattern
};
/// Writes a directory that PEFT loads too. Keys of tensors: "<site>.lora_A.weight" [rank, in], "<site>.lora_B.weight"
/// [out, rank]. The configuration is written last, so that a directory which has one is whole.
void write_expert(const std::string& directory, const LoraDescription& description, std::vector<NamedTensor> tensors);
/// The same of IA3. Keys: "<site>.ia3_l", [out, 1] or, of a feed-forward module, [1, in].
struct Ia3Description {
  Targets targets{};
  std::vector<std::string> feedforward{};  // endings of those whose input is scaled
  std::string base_model{};
};
void write_expert(const std::string& directory, const Ia3Description& description, std::vector<NamedTensor> tensors);
/// The same of a bottleneck adapter, whose layout is this library's own. Keys: "<site>.down.weight" [bottleneck,
/// width],
/// "<site>.down.bias" [bottleneck], "<site>.up.weight" [width, bottleneck], "<site>.norm.weight" and ".norm.bias"
/// [width], where <site> is a sub-layer's: encoder.block.0.layer.0.adapter.
struct AdapterDescription {
  Activation activation = Activation::silu;
  std::string base_model{};
};
void write_expert(const std::string& directory, const AdapterDescription& description,
                  std::vector<NamedTensor> tensors);
/// gate.safetensors. Keys: "<site>" [in].
void write_gates(const std::string& directory, std::vector<NamedTensor> gates,
                 const std::map<std::string, std::string>& metadata = {});
/// embeddings.safetensors: `embeddings` [n, width], whole rows of numbers that are finite. The metadata names the
/// encoder by its folder ("encoder") and its ModelDirectory::hash() ("encoder_hash"). Throws Error for others.
void write_embeddings(const std::string& directory, const std::vector<float>& rows, int width,
                      const std::string& encoder, const std::string& encoder_hash);

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "peft-inl.hpp"
#endif
