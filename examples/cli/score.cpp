#include <fmt/core.h>
#include <anser/io/tokenizer.hpp>

#include "experts.hpp"
#include "jsonl.hpp"
#include "options.hpp"
#include "text.hpp"

namespace anser::cli {
namespace {

struct ScoreOptions {
  EngineOptions engine;
  std::string input, output;
  int batch_size = 16;
};

struct Example {
  std::vector<std::int32_t> input;
  std::vector<std::vector<std::int32_t>> choices;
  int label = -1;  // where the line has none
};

Example read_example(const Json& record, const Tokenizer& tokenizer) {
  Example e;
  e.input = tokenizer.encode(record.text("input"));
  for (const auto& choice : record.at("choices").texts()) e.choices.push_back(tokenizer.encode(choice));
  check(!e.choices.empty(), record.place(), ": \"choices\" is empty; give at least one");
  if (record.has("label")) e.label = int(record.integer("label", 0, std::int64_t(e.choices.size()) - 1));
  return e;
}

void run(const ScoreOptions& o) {
  check_output(o.output, {{"--input", o.input}}, o.engine);
  const auto records = read_jsonl(o.input);
  const Tokenizer tokenizer = open_tokenizer(o.engine.model);
  std::vector<Example> examples;
  std::vector<std::size_t> lengths;
  for (const Json& r : records) {
    examples.push_back(read_example(r, tokenizer));
    lengths.push_back(examples.back().input.size());
  }
  warn_of_long(records, lengths, o.engine.model);
  const auto engine = open_engine(o.engine);
  const auto experts = experts_for(records, engine->pool(), o.engine.router, o.engine.threads);
  Lines lines(o.output);

  std::vector<std::vector<double>> scores(records.size());
  Progress progress("scoring", records.size());
  for (const auto& batch : batches_by_length(lengths, o.batch_size)) {
    std::vector<std::vector<std::int32_t>> rows;
    std::vector<std::vector<std::vector<std::int32_t>>> choices;
    for (std::size_t i : batch) {
      rows.push_back(examples[i].input);
      choices.push_back(examples[i].choices);
    }
    auto of_batch = engine->score(Tokens::pad(rows, engine->config().pad), choices, pick(experts, batch));
    for (std::size_t j = 0; j < batch.size(); ++j) scores[batch[j]] = std::move(of_batch[j]);
    progress.advance(batch.size());
  }

  std::size_t labelled = 0, right = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto best = std::max_element(scores[i].begin(), scores[i].end()) - scores[i].begin();  // ties: the first
    lines.add(with_fields(records[i], {{"scores", json_list(scores[i], [](double v) { return fmt::format("{}", v); })},
                                       {"prediction", std::to_string(best)}}));
    labelled += examples[i].label >= 0;
    right += examples[i].label == best;
  }
  lines.finish();
  if (labelled)
    tell(fmt::format("accuracy {:.4f} ({} of {} right)", double(right) / double(labelled), right, labelled));
}

}  // namespace

void add_score(Command& program) {
  auto o = std::make_shared<ScoreOptions>();
  Command& c = program.add_subcommand(
      "score",
      "Scores the choices of multiple-choice questions: how likely the model finds each of a line's "
      "\"choices\" as the answer to its \"input\" (rank classification). Adds \"scores\" (per choice the "
      "mean log-likelihood over its tokens, eos included) and \"prediction\" (the index of the highest; "
      "ties: the lower index). Where lines have a \"label\", the accuracy is told on stderr.");
  add_model_options(c, o->engine);
  add_pool_options(c, o->engine);
  c.add_option("--input", o->input, "Lines of {\"input\": TEXT, \"choices\": [TEXT, ...], \"label\": N (optional)}")
      ->required()
      ->type_name("FILE.jsonl");
  c.add_option("--output", o->output,
               "Where the lines go, whole or not at all; missing folders are made; stdout where not given")
      ->type_name("FILE.jsonl");
  add_batch_option(c, o->batch_size);
  add_examples(c,
               {"anser score --model t5 --input questions.jsonl --output scored.jsonl",
                "anser score --model t5 --pool experts --router uniform --input questions.jsonl --output scored.jsonl",
                "a line: {\"input\": \"Is ice cold?\", \"choices\": [\"Yes\", \"No\"], \"label\": 0}"});
  c.callback([o] { run(*o); });
}

}  // namespace anser::cli
