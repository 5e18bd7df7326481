#include <fmt/core.h>
#include <anser/io/tokenizer.hpp>
#include <anser/t5/score.hpp>

#include <algorithm>
#include <numeric>

#include "demo_model.hpp"
#include "jsonl.hpp"
#include "options.hpp"
#include "text.hpp"

namespace anser::cli {
namespace {

struct DemoOptions {
  std::string output;
  std::uint64_t seed = 1;
  int threads = 0;
};

// Sentences of the skills, none of them a line of the corpus.
constexpr const char* prompts[] = {
    "Fry the fish in butter and add pepper and salt.", "Is Madrid the capital of Greece? No, it is Athens.",
    "Two plus seven is nine, and nine minus four is five.", "The wind is cold and it will rain on Monday."};
constexpr const char* shown_sites[] = {"encoder.block.0.layer.0.SelfAttention.q",
                                       "encoder.block.1.layer.1.DenseReluDense.wi_0"};

std::string chosen(const Decision& d, std::size_t row, const Pool& pool) {
  std::string out;
  for (std::size_t j = 0; j < std::size_t(d.k); ++j) {
    const std::size_t at = row * std::size_t(d.k) + j;
    out += fmt::format("{}{:<10} {:.2f}", j ? "  " : "", pool.experts[std::size_t(d.expert[at])].name, d.weight[at]);
  }
  return out;
}

/// Share of the routing weight that each expert had over all sites: on the sentence, and on what was written.
std::string usage(const std::vector<Decision>& routing, const Pool& pool) {
  std::vector<double> read(pool.experts.size()), written(pool.experts.size());
  for (const Decision& d : routing)
    for (std::size_t i = 0; i < d.expert.size(); ++i)
      (d.rows == Stack::encoder ? read : written)[std::size_t(d.expert[i])] += double(d.weight[i]);
  const double all_read = std::accumulate(read.begin(), read.end(), 0.0);
  const double all_written = std::accumulate(written.begin(), written.end(), 0.0);
  const double most = *std::max_element(read.begin(), read.end());
  Table table({"  all sites", ">reading it", ">writing", ""});
  for (std::size_t e = 0; e < read.size(); ++e)
    table.add({"  " + pool.experts[e].name, fmt::format("{:.1f} %", 100 * read[e] / all_read),
               fmt::format("{:.1f} %", 100 * written[e] / all_written),
               std::string(std::size_t(40 * read[e] / most + 0.5), '#')});
  return table.text();
}

void show(Engine& engine, const Tokenizer& tokenizer, const std::string& prompt) {
  const auto ids = tokenizer.encode(prompt);
  const T5Config& c = engine.config();
  const Tokens input = Tokens::pad({ids}, c.pad);
  Generation generation;
  generation.max_new_tokens = 12;
  const auto answer = engine.generate(input, generation, {})[0].tokens;
  const auto routing =
      engine.forward(input, shift_right(Tokens::pad({answer}, c.pad), c.start, c.pad), true, {}).routing;
  print(fmt::format("\n\"{}\"\n  writes: {}\n", prompt, tokenizer.decode(answer, true, c.vocabulary)));
  std::vector<const Decision*> columns;
  std::vector<std::string> head = {"  token"};
  for (const char* site : shown_sites)
    for (const Decision& d : routing)
      if (d.site == site) {
        columns.push_back(&d);
        head.push_back(site);
      }
  Table table(head);
  for (std::size_t row = 0; row < ids.size(); ++row) {
    std::vector<std::string> cells = {"  " + tokenizer.piece(ids[row])};
    for (const Decision* d : columns) cells.push_back(chosen(*d, row, engine.pool()));
    table.add(cells);
  }
  print(table.text() + usage(routing, engine.pool()));
}

void run(const DemoOptions& o) {
  const std::string model = o.output + "/model", pool = o.output + "/pool", inputs = o.output + "/inputs.jsonl";
  const Corpus corpus = read_corpus();
  tell("training a vocabulary and writing a small T5 to " + model);
  write_demo_model(model, corpus.lines, o.seed);
  tell(fmt::format("making {} LoRA experts with gates in {}", corpus.skills.size(), pool));
  write_demo_pool(pool, model, corpus.skills, o.seed);
  std::string lines;
  for (const char* prompt : prompts) lines += "{\"input\": " + quote(prompt) + "}\n";
  write_file(inputs, lines);

  EngineOptions engine_options;
  engine_options.model = model;
  engine_options.pool = pool;
  engine_options.threads = o.threads;
  const auto engine = open_engine(engine_options);
  const Tokenizer tokenizer = Tokenizer::load(model);
  print(fmt::format(
      "A T5 of two layers and {} LoRA experts; the router phatgoose keeps 2 of them per token and site.\n"
      "The weights are random, so the words that it writes mean nothing: the routing is what is shown.\n"
      "An expert's gate is the mean of what its skill's sentences look like at a site, less that of all sentences;\n"
      "none of the sentences below was among them.\n",
      engine->pool().experts.size()));
  for (const char* prompt : prompts) show(*engine, tokenizer, prompt);
  print(
      fmt::format("\nGo on with:\n"
                  "  anser pool list {1}\n"
                  "  anser generate --model {0} --pool {1} --prompt \"Add the flour and bake the bread.\"\n"
                  "  anser trace --model {0} --pool {1} --input {2} --output {3}/trace.html\n",
                  model, pool, inputs, o.output));
}

}  // namespace

void add_demo(Command& program) {
  auto o = std::make_shared<DemoOptions>();
  Command& c = program.add_subcommand(
      "demo",
      "Shows routing without any files of yours: trains a small vocabulary on sentences of its own, writes "
      "a small T5 with random weights and eight LoRA experts with gates, routes a few sentences through "
      "them, and shows which experts each token used. What it writes are ordinary model and expert "
      "directories, for the other commands to try.");
  c.add_option("--output", o->output, "Where model, pool and inputs go; files of an earlier demo are overwritten")
      ->required()
      ->check([](const std::string& name) { return name.empty() ? "a folder needs a name" : ""; })
      ->type_name("DIR");
  c.add_option("--seed", o->seed, "Of the random weights")
      ->check(Between(std::uint64_t(0), ~std::uint64_t(0)))
      ->type_name("N")
      ->capture_default_str();
  add_threads_option(c, o->threads);
  add_examples(c, {"anser demo --output demo"});
  c.callback([o] { run(*o); });
}

}  // namespace anser::cli
