#include <anser/io/charsmap.hpp>

#include "experts.hpp"
#include "jsonl.hpp"
#include "options.hpp"
#include "text.hpp"

namespace anser::cli {
namespace {

struct GenerateOptions {
  EngineOptions engine;
  std::string prompt, input, output, early_stopping = "no";
  bool has_prompt = false;
  int batch_size = 16;
  Generation generation;
  bool sample = false;
  Sampling sampling;
};

void run(GenerateOptions o) {
  check_output(o.output, {{"--input", o.input}}, o.engine);
  if (o.sample) o.generation.sampling = o.sampling;
  o.generation.beam.early_stopping = o.early_stopping == "yes"     ? EarlyStopping::yes
                                     : o.early_stopping == "never" ? EarlyStopping::never
                                                                   : EarlyStopping::no;
  std::vector<Json> records;
  check(is_utf8(o.prompt), "--prompt: the text is not UTF-8; convert it, such as with iconv");
  if (o.has_prompt)
    records.push_back(parse_json("{\"input\": " + quote(o.prompt) + '}', "--prompt"));
  else
    records = read_jsonl(o.input);
  const Tokenizer tokenizer = open_tokenizer(o.engine.model);
  std::vector<std::vector<std::int32_t>> ids;
  std::vector<std::size_t> lengths;
  for (const Json& r : records) {
    ids.push_back(tokenizer.encode(r.text("input")));
    lengths.push_back(ids.back().size());
  }
  warn_of_long(records, lengths, o.engine.model);
  const auto engine = open_engine(o.engine);
  const auto experts = experts_for(records, engine->pool(), o.engine.router, o.engine.threads);
  Lines lines(o.output);

  std::vector<std::string> texts(records.size());
  // A draw depends on the seed and the place in the batch: sampling reads inputs one by one, each with a seed of its
  // own, so that a text does not depend on how the others were batched.
  const auto batches = batches_by_length(lengths, o.sample ? 1 : o.batch_size);
  Progress progress("generating", records.size());
  for (const auto& batch : batches) {
    std::vector<std::vector<std::int32_t>> rows;
    for (std::size_t i : batch) rows.push_back(ids[i]);
    Generation g = o.generation;
    if (o.sample) g.seed = Random{o.generation.seed}.fork(batch[0]).stream;
    const auto out = engine->generate(Tokens::pad(rows, engine->config().pad), g, pick(experts, batch));
    for (std::size_t j = 0; j < batch.size(); ++j)
      texts[batch[j]] = tokenizer.decode(out[j].tokens, true, engine->config().vocabulary);
    progress.advance(batch.size());
  }
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (o.has_prompt && o.output.empty())
      print(texts[i] + '\n');
    else
      lines.add(with_fields(records[i], {{"output", quote(texts[i])}}));
  }
  lines.finish();
}

}  // namespace

void add_generate(Command& program) {
  auto o = std::make_shared<GenerateOptions>();
  Command& c = program.add_subcommand(
      "generate",
      "Writes what the model answers: to one --prompt, or to the \"input\" of every line of a JSONL file, "
      "each line again with \"output\" added, in the order of the file. Greedy unless --num-beams or "
      "--sample say otherwise.");
  add_model_options(c, o->engine);
  add_pool_options(c, o->engine);
  auto* prompt = c.add_option("--prompt", o->prompt, "One text; the answer goes to stdout")->type_name("TEXT");
  auto* input =
      c.add_option("--input", o->input, "Lines of {\"input\": TEXT, ...}")->excludes(prompt)->type_name("FILE.jsonl");
  c.add_option("--output", o->output,
               "Where the lines go, whole or not at all; missing folders are made; stdout where not given")
      ->type_name("FILE.jsonl");
  auto& g = o->generation;
  c.add_option("--max-new-tokens", g.max_new_tokens, "Tokens per answer at most")
      ->check(Between(1, 1 << 20))
      ->type_name("N")
      ->capture_default_str()
      ->group("Decoding");
  auto* beams = c.add_option("--num-beams", g.beam.beams, "Hypotheses of the beam search; 1: greedy")
                    ->check(Between(1, 4096))
                    ->type_name("N")
                    ->capture_default_str()
                    ->group("Decoding");
  c.add_option("--length-penalty", g.beam.length_penalty, "Beams: scores are divided by length to this power")
      ->check(Between(-100.0, 100.0))
      ->type_name("X")
      ->capture_default_str()
      ->group("Decoding");
  c.add_option("--early-stopping", o->early_stopping, "Beams: when to stop, as in Hugging Face: no, yes or never")
      ->check(Among({"no", "yes", "never"}))
      ->type_name("WHEN")
      ->capture_default_str()
      ->group("Decoding");
  auto* sample = c.add_flag("--sample", o->sample, "Draw each token instead of taking the likeliest")
                     ->excludes(beams)
                     ->group("Decoding");
  c.add_option("--temperature", o->sampling.temperature, "Sampling: logits are divided by it")
      ->needs(sample)
      ->check(Between(1e-6, 1e6))
      ->type_name("X")
      ->capture_default_str()
      ->group("Decoding");
  c.add_option("--sample-top-k", o->sampling.top_k, "Sampling: only the N likeliest tokens; 0: all")
      ->needs(sample)
      ->check(Between(0, 1 << 24))
      ->type_name("N")
      ->capture_default_str()
      ->group("Decoding");
  c.add_option("--sample-top-p", o->sampling.top_p,
               "Sampling: only the likeliest tokens that together reach this probability")
      ->needs(sample)
      ->check(Between(1e-9, 1.0))
      ->type_name("X")
      ->capture_default_str()
      ->group("Decoding");
  c.add_option("--seed", g.seed, "Sampling: the same seed draws the same text")
      ->needs(sample)
      ->check(Between(std::uint64_t(0), ~std::uint64_t(0)))
      ->type_name("N")
      ->capture_default_str()
      ->group("Decoding");
  add_batch_option(c, o->batch_size);
  add_examples(
      c, {"anser generate --model flan-t5-base --prompt \"translate English to German: The house is wonderful.\"",
          "anser generate --model t5 --pool experts --router phatgoose --top-k 2 --input in.jsonl --output out.jsonl",
          "anser generate --model t5 --input in.jsonl --sample --temperature 0.8 --sample-top-p 0.9 --seed 7"});
  c.callback([o, prompt, input] {
    o->has_prompt = prompt->count() > 0;
    if (!o->has_prompt && input->count() == 0) refuse_missing("--prompt or --input");
    run(*o);
  });
}

}  // namespace anser::cli
