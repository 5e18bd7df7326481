#pragma once
#include <algorithm>

#include "../core/error.hpp"
#include "../core/sha256.hpp"
#include "hf.hpp"

namespace anser {

namespace detail {

inline Json read_config(const std::string& directory) {
  check_directory(directory, "a model");
  const std::string path = directory + "/config.json";
  check(has_file(path), path, " is missing; a model directory has config.json and model.safetensors");
  Json json = read_json(path);
  check(json.kind() == Json::Kind::object, path, " must hold an object");
  return json;
}

/// A name in an index must be one of a file beside it.
inline bool is_plain_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == name.npos && name.find('\0') == name.npos;
}

}  // namespace detail

ANSER_INLINE ModelDirectory::ModelDirectory(const std::string& directory)
    : directory_(directory), config_(detail::read_config(directory)) {
  const auto path = [&](const char* file) { return directory_ + '/' + file; };
  if (has_file(path("generation_config.json"))) {
    generation_config_ = read_json(path("generation_config.json"));
    check(generation_config_->kind() == Json::Kind::object, path("generation_config.json"), " must hold an object");
  }
  const std::string single = path("model.safetensors"), index = path("model.safetensors.index.json");
  if (has_file(single)) {
    shards_.push_back(Safetensors::open(single));
    for (const auto& e : shards_[0]->entries()) where_.emplace(e.name, shards_[0].get());
  } else if (has_file(index)) {
    open_shards(index);
  } else {
    for (const char* pickle : {"pytorch_model.bin", "pytorch_model.bin.index.json"})
      check(!has_file(path(pickle)), path(pickle),
            " is a pickle, which is not read; convert it: python3 -c \"from transformers import "
            "AutoModelForSeq2SeqLM as M; M.from_pretrained('",
            directory_, "').save_pretrained('", directory_, "')\"");
    fail(single, " is missing, and so is its index; a model directory has config.json and model.safetensors");
  }
  check(!where_.empty(), directory_, ": no tensors in model.safetensors");
}

ANSER_INLINE void ModelDirectory::open_shards(const std::string& index) {
  const Json json = read_json(index);
  const Json map = json.at("weight_map");
  std::map<std::string, const Safetensors*> opened;
  for (const std::string& name : map.keys()) {
    const std::string file = map.at(name).text();
    check(detail::is_plain_file_name(file), index, ": ", name, " is said to be in ", quote(file),
          ", which is no name of a file beside it");
    auto [it, fresh] = opened.try_emplace(file, nullptr);
    if (fresh) {
      const std::string path = directory_ + '/' + file;
      check(has_file(path), path, " is missing, and ", index, " names it; fetch the whole model");
      shards_.push_back(Safetensors::open(path));
      it->second = shards_.back().get();
    }
    check(it->second->entry(name) != nullptr, it->second->origin(), ": the tensor ", name, " is missing, and ", index,
          " says that it is there; fetch the whole model");
    where_.emplace(name, it->second);
  }
}

ANSER_INLINE std::optional<Stored> ModelDirectory::find(std::string_view name) const {
  const auto it = where_.find(name);
  return it == where_.end() ? std::nullopt : it->second->find(name);
}

ANSER_INLINE const Safetensors::Entry* ModelDirectory::entry(std::string_view name) const {
  const auto it = where_.find(name);
  return it == where_.end() ? nullptr : it->second->entry(name);
}

ANSER_INLINE std::vector<std::string> ModelDirectory::names() const {
  std::vector<std::string> all;
  all.reserve(where_.size());
  for (const auto& [name, shard] : where_) all.push_back(name);
  return all;
}

ANSER_INLINE std::string ModelDirectory::vocabulary() const {
  for (const char* file : {"/spiece.model", "/tokenizer.json"})
    if (has_file(directory_ + file)) return directory_ + file;
  fail(directory_, " has neither spiece.model nor tokenizer.json; copy the vocabulary of its base model there");
}

ANSER_INLINE std::size_t ModelDirectory::bytes() const {
  std::size_t sum = 0;
  for (const auto& [name, shard] : where_) sum += shard->entry(name)->bytes;
  return sum;
}

ANSER_INLINE std::string ModelDirectory::hash() const {
  Sha256 sha;
  for (const auto& [name, shard] : where_) {
    const auto& e = *shard->entry(name);
    std::string line = name + '\n' + e.dtype + '\n';
    for (std::size_t i = 0; i < e.shape.size(); ++i) line += (i ? "," : "") + std::to_string(e.shape[i]);
    sha.update(line + '\n');
    sha.update(shard->data(e), std::min<std::size_t>(e.bytes, 4096));
  }
  return sha.hex();
}

}  // namespace anser
