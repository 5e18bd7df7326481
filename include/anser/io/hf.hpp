#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json.hpp"
#include "safetensors.hpp"

namespace anser {

/// A model as Hugging Face keeps it: a directory with config.json, model.safetensors (or its shards and their index),
/// and a vocabulary. Tensors are views of the mapped files.
class ModelDirectory : public Source {
 public:
  /// Throws Error naming the file where one is missing, is damaged, or is of a kind that is not read.
  explicit ModelDirectory(const std::string& directory);
  static std::shared_ptr<const ModelDirectory> open(const std::string& directory) {
    return std::make_shared<const ModelDirectory>(directory);
  }

  std::optional<Stored> find(std::string_view name) const override;
  std::vector<std::string> names() const override;  // sorted bytewise
  std::string origin() const override { return directory_; }

  const Json& config() const { return config_; }
  /// generation_config.json, where there is one.
  const std::optional<Json>& generation_config() const { return generation_config_; }
  /// The path of spiece.model, else of tokenizer.json. Throws Error where the directory has neither.
  std::string vocabulary() const;

  /// What the header says of a tensor, and its bytes; null where there is no such tensor.
  const Safetensors::Entry* entry(std::string_view name) const;
  const std::vector<std::shared_ptr<const Safetensors>>& shards() const { return shards_; }
  std::size_t bytes() const;  // of all tensors

  /// Identifies the base model that an expert was trained on: SHA-256 over the tensors in bytewise order of their
  /// names, of each "name\ndtype\nsizes,with,commas\n" and its first 4,096 bytes. Reads at most a page or two a tensor.
  std::string hash() const;

 private:
  void open_shards(const std::string& index);

  std::string directory_;
  Json config_;
  std::optional<Json> generation_config_;
  std::vector<std::shared_ptr<const Safetensors>> shards_;
  std::map<std::string, const Safetensors*, std::less<>> where_;
};

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "hf-inl.hpp"
#endif
