#include "options.hpp"

#include "routers.hpp"

#include <fmt/format.h>
#include <anser/backend/cpu.hpp>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "text.hpp"

namespace anser::cli {

void add_threads_option(Command& command, int& threads) {
  command.add_option("--threads", threads, "Threads of the CPU; 0: one per core")
      ->check(Between(0, 4096))
      ->type_name("N")
      ->capture_default_str()
      ->group("Where it runs");
}

void add_model_options(Command& command, EngineOptions& o, bool required) {
  command
      .add_option("--model", o.model,
                  "Model directory as Hugging Face keeps it: config.json, model.safetensors "
                  "(or shards), spiece.model or tokenizer.json")
      ->required(required)
      ->type_name("DIR")
      ->group("Model");
  command.add_option("--backend", o.backend, "cpu, or cuda where an NVIDIA GPU is")
      ->check(Among({"cpu", "cuda"}))
      ->type_name("NAME")
      ->capture_default_str()
      ->group("Where it runs");
  command.add_option("--dtype", o.dtype, "Storage of weights: f32, or bf16 (half the memory, about three digits)")
      ->check(Among({"f32", "bf16"}))
      ->type_name("NAME")
      ->capture_default_str()
      ->group("Where it runs");
  add_threads_option(command, o.threads);
}

void add_pool_options(Command& command, EngineOptions& o, bool required, std::vector<std::string>* routers) {
  auto* pool = command
                   .add_option("--pool", o.pool,
                               "Directory of expert directories (PEFT's LoRA or IA3, or adapters; gate.safetensors for "
                               "gates)")
                   ->type_name("DIR")
                   ->group("Experts");
  if (required) pool->required();
  std::string what_for = "Who decides which experts are heard:";
  std::vector<std::string> known;
  each_router(o.router, [&](const char* name, const char* what, auto) {
    known.push_back(name);
    what_for += fmt::format("\n{}: {}", name, what);
  });
  const auto is_known = [known](const std::string& name) {
    if (contains(known, name)) return std::string();
    const auto near = nearest(name, known);
    return fmt::format("there is no router {}; known are {}{}", name, fmt::format("{}", fmt::join(known, ", ")),
                       near.empty() ? "" : "; did you mean " + near + '?');
  };
  if (routers)
    command
        .add_option("--router,--routers", *routers,
                    "One or several, each after the other; phatgoose where not given. " + what_for)
        ->needs(pool)
        ->delimiter(',')
        ->check(is_known)
        ->type_name("NAMES")
        ->group("Experts");
  else
    command.add_option("--router", o.router.name, what_for)
        ->needs(pool)
        ->check(is_known)
        ->type_name("NAME")
        ->capture_default_str()
        ->group("Experts");
  command.add_option("--top-k", o.router.top_k, "Experts that the router keeps per token and site")
      ->needs(pool)
      ->check(Between(1, 1 << 20))
      ->type_name("K")
      ->capture_default_str()
      ->group("Experts");
  command.add_option("--expert", o.router.expert, "The router single: who")
      ->needs(pool)
      ->type_name("NAME")
      ->group("Experts");
  command.add_option("--weights", o.router.weights, "The router weights: {\"expert\": weight, ...}")
      ->needs(pool)
      ->type_name("FILE.json")
      ->group("Experts");
  command.add_option("--tasks-to-experts", o.router.tasks, "The router oracle: {\"task\": \"expert\", ...}")
      ->needs(pool)
      ->type_name("FILE.json")
      ->group("Experts");
  command
      .add_option("--router-option", o.router.settings,
                  "A setting of the router: temperature=X of arrow and spectr, encoder=DIR of retrieval")
      ->needs(pool)
      ->check([](const std::string& word) {
        const auto equals = word.find('=');
        return equals == word.npos || equals == 0 ? word + " is no key=value" : std::string();
      })
      ->type_name("KEY=VALUE")
      ->group("Experts");
  command.add_option("--allow", o.router.allow, "Experts that may be heard; all others are as if they were not there")
      ->needs(pool)
      ->delimiter(',')
      ->check(Trimmed{})
      ->type_name("NAMES")
      ->group("Experts");
  command.add_option("--deny", o.router.deny, "Experts that are as if they were not there")
      ->needs(pool)
      ->delimiter(',')
      ->check(Trimmed{})
      ->type_name("NAMES")
      ->group("Experts");
  command.add_flag("--skip-broken", o.skip_broken, "Leave broken expert directories out instead of stopping")
      ->needs(pool)
      ->group("Experts");
}

Option* add_limit_option(Command& command, int& limit) {
  return command.add_option("--limit", limit, "Questions of each task at most, evenly spread over its file; 0: all")
      ->check(Between(0, 1 << 30))
      ->type_name("N")
      ->capture_default_str();
}
void add_batch_option(Command& command, int& batch_size) {
  command
      .add_option("--batch-size", batch_size,
                  "Inputs that are computed together; they are taken by length, and the order of the output stays")
      ->check(Between(1, 1 << 16))
      ->type_name("N")
      ->capture_default_str()
      ->group("Where it runs");
}

void add_examples(Command& command, const std::vector<std::string>& lines) {
  std::string text = "Examples:";
  for (const auto& line : lines) text += "\n  " + line;
  command.footer(text + '\n');
}

std::string nearest(const std::string& word, const std::vector<std::string>& names) {
  std::string best;
  std::size_t least = 1 + word.size() / 3;  // further away is another word
  for (const auto& name : names) {
    std::vector<std::size_t> row(name.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t(0));
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = std::exchange(row[0], i);
      for (std::size_t j = 1; j <= name.size(); ++j) {
        const std::size_t replaced = diagonal + (word[i - 1] != name[j - 1]);
        diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
      }
    }
    const bool begins = word.size() >= 2 && name.starts_with(word);
    const std::size_t distance = begins ? 1 : row.back();
    if (distance <= least && (best.empty() || distance < least)) {
      best = name;
      least = distance;
    }
  }
  return best;
}

namespace {
using ReadFiles = std::vector<std::pair<std::string, std::string>>;  // the option that names them, and the file

/// The files of a folder that have names such as models and experts have; nothing where it cannot be read.
void add_files(ReadFiles& files, const char* option, const std::filesystem::path& folder) {
  std::error_code none;
  for (std::filesystem::directory_iterator it(folder, none), end; it != end; it.increment(none)) {
    const std::string name = it->path().filename().string(), ending = it->path().extension().string();
    if (contains({".safetensors", ".bin", ".model"}, ending) || name.ends_with(".index.json") ||
        contains({"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
                  "special_tokens_map.json", "adapter_config.json", "expert.json", "router.json"},
                 name))
      files.emplace_back(option, it->path().string());
  }
}
}  // namespace

void check_output(const std::string& output, const ReadFiles& inputs, const EngineOptions& engine) {
  namespace fs = std::filesystem;
  std::error_code none;
  if (output.empty() || !fs::exists(output, none)) return;  // there is nothing to take the place of
  auto read = inputs;
  read.insert(read.end(), {{"--weights", engine.router.weights}, {"--tasks-to-experts", engine.router.tasks}});
  if (!engine.model.empty()) add_files(read, "--model", engine.model);
  if (!engine.pool.empty()) {
    add_files(read, "--pool", engine.pool);
    for (fs::directory_iterator it(engine.pool, none), end; it != end; it.increment(none))
      add_files(read, "--pool", it->path());
  }
  for (const auto& [option, path] : read)  // links lead to one and the same file
    check(path.empty() || !fs::equivalent(output, path, none), output, ": --output would take the place of what ",
          option, " reads; name another file");
}

void warn_of(const Pool& pool) {
  std::vector<std::string> lines;
  for (const auto& line : pool.skipped) lines.push_back("left out: " + line);
  lines.insert(lines.end(), pool.warnings.begin(), pool.warnings.end());
  constexpr std::size_t told = 4;
  for (std::size_t i = 0; i < std::min(told, lines.size()); ++i) warn(lines[i]);
  if (lines.size() > told) warn(fmt::format("and {} more such lines", lines.size() - told));
}

Tokenizer open_tokenizer(const std::string& model) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  check(fs::is_directory(model, ignored), model,
        fs::exists(model, ignored) ? " is a file" : ": there is no such directory",
        "; give the directory of a Hugging Face T5 model");
  check(fs::exists(model + "/config.json", ignored), model,
        " holds no config.json; give the directory of a Hugging Face T5 model");
  Tokenizer tokenizer = Tokenizer::load(model);
  const auto words = read_json(model + "/config.json").find("vocab_size");
  if (words && words->kind() == Json::Kind::integer && double(tokenizer.size()) > words->real())
    warn(fmt::format(
        "{}: the vocabulary has {} pieces and the model {} (vocab_size of config.json): is it this model's? "
        "Texts with the pieces beyond are refused",
        model, tokenizer.size(), words->real()));
  return tokenizer;
}

void warn_of_long(const std::vector<Json>& records, const std::vector<std::size_t>& lengths, const std::string& model) {
  std::size_t trained = 512;  // where the configuration does not say, it was T5's
  const auto said = read_json(model + "/config.json").find("n_positions");
  if (said && said->kind() == Json::Kind::integer && said->real() > 0) trained = std::size_t(said->real());
  const auto longer = [&](std::size_t n) { return n > trained; };
  const auto first = std::find_if(lengths.begin(), lengths.end(), longer);
  if (first == lengths.end()) return;
  const auto more = std::count_if(first + 1, lengths.end(), longer);
  warn(fmt::format(
      "{}: the input has {} tokens{}; {} is what such models are trained with, and answers to more may be "
      "poor: shorten it",
      records[std::size_t(first - lengths.begin())].place(), *first,
      more ? fmt::format(" ({} later {} too long as well)", more, more == 1 ? "one is" : "ones are") : "", trained));
}

std::unique_ptr<Engine> open_engine(const EngineOptions& o) {
  auto engine = make_engine(o);
  warn_of(engine->pool());
  if (o.backend == "cpu" && o.dtype == "bf16" && !cpu::native_bf16())
    warn(
        "this processor has no products of bf16: weights are widened to f32 as they are packed, so --dtype f32 takes "
        "no "
        "more memory and is as quick");
  return engine;
}

}  // namespace anser::cli
