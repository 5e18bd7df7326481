#pragma once
#include <anser/io/json.hpp>
#include <anser/io/tokenizer.hpp>
#include <string>
#include <vector>

#include "command.hpp"
#include "engine.hpp"

namespace anser::cli {

/// --model, --backend, --dtype, --threads
void add_model_options(Command& command, EngineOptions& o, bool required = true);
/// --pool, --router, --top-k, --skip-broken; where `routers` is given, --router takes a list.
void add_pool_options(Command& command, EngineOptions& o, bool required = false,
                      std::vector<std::string>* routers = nullptr);
/// --batch-size
Option* add_limit_option(Command& command, int& limit);
void add_batch_option(Command& command, int& batch_size);
/// --threads alone, for commands that compute without a model of the user's
void add_threads_option(Command& command, int& threads);

/// Of the names the one that looks most like the word that was typed; empty where none is near.
std::string nearest(const std::string& word, const std::vector<std::string>& names);

/// Throws Error where an output is one of the files that are read, such as {"--input", path}, or of the router's, the
/// model's or the pool's, be it through links: the output would take its place. Empty names are no files.
void check_output(const std::string& output, const std::vector<std::pair<std::string, std::string>>& inputs,
                  const EngineOptions& engine);

/// What was odd or left out, on stderr; of many lines the first.
void warn_of(const Pool& pool);

/// The vocabulary in a model's directory. Throws Error where the directory cannot be a model's.
Tokenizer open_tokenizer(const std::string& model);

/// Tells once on stderr where inputs, of so many tokens each, are longer than what the model was trained with.
void warn_of_long(const std::vector<Json>& records, const std::vector<std::size_t>& lengths, const std::string& model);

/// make_engine, and the pool's warnings told on stderr.
std::unique_ptr<Engine> open_engine(const EngineOptions& o);

// Each command adds itself to the program; its work runs as the callback of its subcommand.
void add_generate(Command& program);
void add_score(Command& program);
void add_forward(Command& program);
void add_trace(Command& program);
void add_pool(Command& program);
void add_inspect(Command& program);
void add_eval(Command& program);
void add_report(Command& program);
void add_demo(Command& program);
void add_train(Command& program);
void add_reproduce(Command& program);
// Those of pool.
void add_pool_activations(Command& pool);
void add_pool_embeddings(Command& pool);
void add_pool_import(Command& pool);
void add_pool_merge(Command& pool);
void add_pool_weights(Command& pool);

}  // namespace anser::cli
