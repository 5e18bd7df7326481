#include <anser/cpu.hpp>

#include <charconv>

#include "trainer-inl.hpp"

namespace anser::cli {

std::unique_ptr<Trainer> make_cuda_trainer(const TrainerOptions& o);  // trainer_cuda.cpp

std::unique_ptr<Trainer> make_trainer(const TrainerOptions& o) {
  return o.engine.backend == "cuda" ? make_cuda_trainer(o) : make_trainer_of<Cpu>(o, o.engine.threads);
}

TrainedRouter trained_router(const TrainerOptions& o, const std::vector<std::string>& experts) {
  TrainedRouter router{o.engine.router.name, o.training.seed, {}, {}};
  if (router.name == "hash") router.experts = experts;
  if (!names_tasks(router.name)) {
    check(o.engine.router.tasks.empty(), "--tasks-to-experts is a setting of the router tag, and not of ", router.name);
    return router;
  }
  auto files = o.data;
  if (!o.validation.empty()) files.push_back(o.validation);
  std::set<std::string> tasks;
  for (const std::string& path : files) {
    const ExampleFile file(path);
    for (std::size_t i = 0; i < file.size(); ++i) {
      const Example e = file[i];
      check(!e.task.empty(), e.place, ": no \"task\"; the router ", router.name, " needs one on every line");
      tasks.insert(e.task);
    }
  }
  router.tasks.assign(tasks.begin(), tasks.end());
  if (router.name == "tag") router.experts = assign_experts(o.engine.router.tasks, router.tasks, experts);
  return router;
}

ChosenOptimizer choose_optimizer(const TrainerOptions& o) {
  if (o.optimizer == "adamw") return {AdamW{.beta1 = o.beta1, .beta2 = o.beta2, .weight_decay = o.decay}};
  if (o.optimizer == "sgd") return {Sgd{.momentum = 0.9, .weight_decay = o.decay}};
  check(o.optimizer == "adafactor", "--optimizer: ", o.optimizer, " is none of adamw, adafactor, sgd");
  return {Adafactor{.weight_decay = o.decay, .relative_step = false}};
}

std::vector<InitialDeviation> initial_deviations(const TrainerOptions& o) {
  std::vector<InitialDeviation> all;
  for (const std::string& word : o.initial) {
    const auto equals = word.rfind('=');
    const char* end = word.data() + word.size();
    double deviation = 0;
    const auto number = equals == word.npos ? std::from_chars_result{nullptr, std::errc::invalid_argument}
                                            : std::from_chars(word.data() + equals + 1, end, deviation);
    check(number.ec == std::errc() && number.ptr == end && deviation > 0 && deviation < 1e6, "--initial ", word,
          ": it must be names and a number above 0, such as shared.weight=0.3");
    all.push_back({Pattern(word.substr(0, equals)), deviation});
  }
  return all;
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
