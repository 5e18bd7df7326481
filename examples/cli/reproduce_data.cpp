#include <anser/io/output_file.hpp>

#include "../reproduce/numerals.hpp"
#include "../reproduce/read_aloud.hpp"
#include "options.hpp"
#include "reproduce.hpp"
#include "word_lists.hpp"

namespace anser::cli {
namespace {

struct DataOptions {
  reproduce::ReadAloudSizes sizes;
  std::uint64_t seed = 0;
  std::string words, output;
};
struct SmearDataOptions {
  reproduce::NumeralSizes sizes;
  std::uint64_t seed = 0;
  std::string output;
};

/// The miniatures' T5: the form of v1.1, with a head of its own.
std::string config_text(std::size_t vocabulary) {
  return concat(
      "{\n  \"architectures\": [\"T5ForConditionalGeneration\"],\n  \"model_type\": \"t5\",\n  \"vocab_size\": ",
      vocabulary,
      ",\n  \"d_model\": 64,\n  \"d_kv\": 16,\n  \"d_ff\": 128,\n  \"num_layers\": 2,\n  "
      "\"num_decoder_layers\": 2,\n  \"num_heads\": 4,\n  \"relative_attention_num_buckets\": 16,\n  "
      "\"relative_attention_max_distance\": 32,\n  \"layer_norm_epsilon\": 1e-06,\n  \"dropout_rate\": 0.0,\n  "
      "\"feed_forward_proj\": \"gated-gelu\",\n  \"tie_word_embeddings\": false,\n  "
      "\"is_encoder_decoder\": true,\n  \"pad_token_id\": 0,\n  \"eos_token_id\": 1,\n  "
      "\"decoder_start_token_id\": 0\n}\n");
}

void run(const DataOptions& o) {
  const Json lists = o.words.empty() ? parse_json(read_it_aloud, "read_it_aloud.json") : read_json(o.words);
  reproduce::write_read_aloud(o.output, lists, o.seed, o.sizes);
  const auto words = reproduce::ReadAloud(lists).words().size();
  write_file(o.output + "/config.json", config_text(words + 3 + reproduce::ReadAloud::sentinels));
}

void run(const SmearDataOptions& o) {
  reproduce::write_numerals(o.output, o.seed, o.sizes);
  write_file(o.output + "/config.json", config_text(reproduce::Numerals::words().size() + 3));
}

void add_lines(Command& c, const char* name, int& lines, const char* help) {
  c.add_option(name, lines, help)->check(Between(1, 1 << 24))->type_name("N")->capture_default_str();
}
void add_seed_and_output(Command& c, std::uint64_t& seed, std::string& output) {
  c.add_option("--seed", seed, "Of what is drawn")
      ->check(Between(std::uint64_t(0), ~std::uint64_t(0)))
      ->type_name("N")
      ->capture_default_str();
  c.add_option("--output", output, "Where they go")->required()->type_name("DIR");
}

}  // namespace

void add_reproduce_data(Command& reproduce) {
  auto o = std::make_shared<DataOptions>();
  Command& c = reproduce.add_subcommand(
      "data",
      "A step of phatgoose: writes the tasks of \"Read it aloud\", what base and experts learn, the vocabulary and "
      "the base's config.json. The same seed gives the same files.");
  add_lines(c, "--base-lines", o->sizes.pretraining, "Lines for the base");
  add_lines(c, "--train-lines", o->sizes.train, "Lines of each expert");
  add_lines(c, "--held-in-lines", o->sizes.held_in, "Questions of each expert's kind");
  add_lines(c, "--held-out-lines", o->sizes.held_out, "Questions of each held-out task");
  c.add_option("--words", o->words, "Word lists and templates of another family, as phatgoose takes them")
      ->type_name("FILE.json");
  add_seed_and_output(c, o->seed, o->output);
  add_examples(c, {"anser reproduce data --seed 100 --output lines"});
  c.callback([o] { run(*o); });

  auto s = std::make_shared<SmearDataOptions>();
  Command& smear = reproduce.add_subcommand(
      "smear-data",
      "A step of smear: writes the eight tasks with numbers, what the base learns, the vocabulary and the base's "
      "config.json. The same seed gives the same files.");
  add_lines(smear, "--base-lines", s->sizes.pretraining, "Lines for the base");
  add_lines(smear, "--large-lines", s->sizes.large, "Lines of each pair's large task");
  add_lines(smear, "--small-lines", s->sizes.small, "And of its small one");
  add_lines(smear, "--test-lines", s->sizes.test, "Questions of each task");
  add_seed_and_output(smear, s->seed, s->output);
  add_examples(smear, {"anser reproduce smear-data --seed 100 --output lines"});
  smear.callback([s] { run(*s); });
}

}  // namespace anser::cli
