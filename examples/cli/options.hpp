#pragma once
#include <fmt/core.h>
#include <CLI/CLI.hpp>
#include <anser/io/json.hpp>
#include <anser/io/tokenizer.hpp>
#include <charconv>
#include <string>
#include <vector>

#include "engine.hpp"

namespace anser::cli {

/// An output must have a name: an unset variable of a script would else mean stdout.
struct Named : CLI::Validator {
  Named() {
    name_ = "";
    func_ = [](std::string& path) { return path.empty() ? std::string("the file's name is empty") : std::string(); };
  }
};

/// A number from `least` to `most`, which --help shows. It is read as it stands: no octal, no negative unsigned, no
/// NaN.
struct Between : CLI::Validator {
  template <class T>
  Between(T least, T most) : Validator(fmt::format("{} to {}", least, most)) {
    func_ = [=](std::string& text) {
      T value{};
      const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (problem != std::errc() || end != text.data() + text.size() || !(value >= least && value <= most))
        return fmt::format("{} is not {} from {} to {}", text, std::is_integral_v<T> ? "a whole number" : "a number",
                           least, most);
      text = fmt::format("{}", value);
      return std::string();
    };
  }
};

/// --model, --backend, --dtype, --threads
void add_model_options(CLI::App& command, EngineOptions& o, bool required = true);
/// --pool, --router, --top-k, --skip-broken
void add_pool_options(CLI::App& command, EngineOptions& o, bool required = false);
/// --batch-size
void add_batch_option(CLI::App& command, int& batch_size);
/// --threads alone, for commands that compute without a model of the user's
void add_threads_option(CLI::App& command, int& threads);

/// Examples and remarks below the options in a command's --help.
void add_examples(CLI::App& command, const std::vector<std::string>& lines);

/// Of the names the one that looks most like the word that was typed; empty where none is near.
std::string nearest(const std::string& word, const std::vector<std::string>& names);

/// What was odd or left out, on stderr; of many lines the first.
void warn_of(const Pool& pool);

/// The vocabulary in a model's directory. Throws Error where the directory cannot be a model's.
Tokenizer open_tokenizer(const std::string& model);

/// Tells once on stderr where inputs, of so many tokens each, are longer than what the model was trained with.
void warn_of_long(const std::vector<Json>& records, const std::vector<std::size_t>& lengths, const std::string& model);

/// make_engine, and the pool's warnings told on stderr.
std::unique_ptr<Engine> open_engine(const EngineOptions& o);

// Each command adds itself to the program; its work runs as the callback of its subcommand.
void add_generate(CLI::App& program);
void add_score(CLI::App& program);
void add_forward(CLI::App& program);
void add_trace(CLI::App& program);
void add_pool(CLI::App& program);
void add_inspect(CLI::App& program);
void add_demo(CLI::App& program);
void add_train(CLI::App& program);

}  // namespace anser::cli
