#include <anser/cpu.hpp>

#include "trainer-inl.hpp"

namespace anser::cli {

std::unique_ptr<Trainer> make_cuda_trainer(const TrainerOptions& o);  // trainer_cuda.cpp

std::unique_ptr<Trainer> make_trainer(const TrainerOptions& o) {
  return o.engine.backend == "cuda" ? make_cuda_trainer(o) : make_trainer_of<Cpu>(o, o.engine.threads);
}

ChosenOptimizer choose_optimizer(const TrainerOptions& o) {
  if (o.optimizer == "adamw") return {AdamW{.weight_decay = o.decay}};
  if (o.optimizer == "sgd") return {Sgd{.momentum = 0.9, .weight_decay = o.decay}};
  check(o.optimizer == "adafactor", "--optimizer: ", o.optimizer, " is none of adamw, adafactor, sgd");
  return {Adafactor{.weight_decay = o.decay, .relative_step = false}};
}

std::vector<CopiedFile> companions(const std::string& model) {
  std::vector<CopiedFile> files;
  for (const char* name : {"spiece.model", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                           "added_tokens.json", "generation_config.json"}) {
    std::error_code ignored;
    if (const std::string path = model + '/' + name; std::filesystem::exists(path, ignored))
      files.push_back({path, name});
  }
  return files;
}

std::string vocabulary_name(const std::string& path) {
  return path.ends_with(".json") ? "tokenizer.json" : "spiece.model";
}

void refuse_other_experts(const std::string& pool) {
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(pool, none))
    check(!std::filesystem::exists(entry.path() / "adapter_config.json", none), entry.path().string(),
          " is an expert already, and would be one of the new pool's; name another --output");
}

}  // namespace anser::cli
