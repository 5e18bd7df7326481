#include <fmt/core.h>
#include <anser/bert.hpp>
#include <anser/cpu.hpp>
#include <anser/train/shuffle.hpp>

#include <algorithm>
#include <filesystem>

#include "jsonl.hpp"
#include "options.hpp"
#include "text.hpp"

namespace anser::cli {
namespace {
namespace fs = std::filesystem;

struct EmbeddingsOptions {
  std::string directory, encoder, data, expert;
  std::size_t examples = 1000;
  std::uint64_t seed = 0;
  int batch_size = 32, threads = 0;
};

/// At most `most` of 0 .. n-1, drawn by the seed, in their order.
std::vector<std::size_t> draw(std::size_t n, std::size_t most, std::uint64_t seed) {
  std::vector<std::size_t> drawn;
  const Shuffle shuffle(n, Random{seed});
  for (std::size_t i = 0; i < std::min(n, most); ++i) drawn.push_back(std::size_t(shuffle(i)));
  std::sort(drawn.begin(), drawn.end());
  return drawn;
}

void embed(const EmbeddingsOptions& o) {
  const std::string folder = (fs::path(o.directory) / o.expert).string();
  check_directory(o.directory, "a pool");
  check(!o.expert.empty() && o.expert.find('/') == o.expert.npos, "--expert: ", o.expert,
        " is no folder's name; name one of the experts in ", o.directory);
  check(has_file(folder + "/adapter_config.json"), folder, " is no expert: it has no adapter_config.json");
  const auto records = read_jsonl(o.data);
  std::vector<std::string> texts;
  for (std::size_t i : draw(records.size(), o.examples, o.seed))
    texts.push_back(retrieval_text(records[i].text("input"), records[i].texts("choices")));
  Cpu<float> device(o.threads);
  const SentenceEncoder<Cpu<float>> encoder(device, o.encoder);
  Progress progress("embedding", texts.size());
  const auto rows = encoder.embed(texts, o.batch_size, [&](std::size_t n) { progress.advance(n); });
  write_embeddings(folder, rows, encoder.width(), fs::weakly_canonical(o.encoder).filename().string(),
                   encoder.files().weights->hash());
  tell(fmt::format("{}/embeddings.safetensors: {} of {} lines, {} numbers each", folder, grouped(texts.size()),
                   grouped(records.size()), encoder.width()));
}

}  // namespace

void add_pool_embeddings(Command& pool) {
  auto o = std::make_shared<EmbeddingsOptions>();
  Command& c = pool.add_subcommand(
      "embeddings",
      "Embeds what an expert was trained on with a sentence encoder, for the router retrieval: writes "
      "embeddings.safetensors into the expert's folder.");
  c.add_option("DIR", o->directory, "The pool")->required()->type_name("");
  c.add_option("--encoder", o->encoder, "The sentence encoder, such as all-MiniLM-L6-v2 as Hugging Face keeps it")
      ->required()
      ->type_name("DIR");
  c.add_option("--data", o->data, "The expert's training data: lines with \"input\" and, where there are, \"choices\"")
      ->required()
      ->type_name("FILE.jsonl");
  c.add_option("--expert", o->expert, "The expert's folder in the pool")->required()->type_name("NAME");
  c.add_option("--examples", o->examples, "Lines that are embedded; of more, as many are drawn")
      ->check(Between(std::size_t(1), std::size_t(1) << 24))
      ->type_name("N")
      ->capture_default_str();
  c.add_option("--seed", o->seed, "Of the draw")
      ->check(Between(std::uint64_t(0), ~std::uint64_t(0)))
      ->type_name("N")
      ->capture_default_str();
  add_batch_option(c, o->batch_size);
  add_threads_option(c, o->threads);
  add_examples(c, {"anser pool embeddings experts --encoder all-MiniLM-L6-v2 --data food.jsonl --expert food"});
  c.callback([o] { embed(*o); });
}

}  // namespace anser::cli
