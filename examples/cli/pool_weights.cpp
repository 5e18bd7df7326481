#include <fmt/core.h>
#include <anser/io/examples.hpp>
#include <anser/io/output_file.hpp>
#include <anser/train/evolution_strategy.hpp>

#include <cmath>

#include "jsonl.hpp"
#include "options.hpp"
#include "text.hpp"

namespace anser::cli {
namespace {

struct WeightsOptions {
  EngineOptions engine;
  std::vector<std::string> data;
  std::string output;
  EvolutionStrategy search;
  double l1 = 0.05;
  std::uint64_t seed = 0;
  int examples = 5, batch_size = 16, longest = 512;
};

struct Examples {
  std::vector<std::vector<std::int32_t>> inputs, targets;
  std::size_t all = 0;  // that the files have
};

/// So many, spread evenly over the files.
Examples read_examples(const WeightsOptions& o, const Tokenizer& tokenizer) {
  Examples examples;
  std::vector<ExampleFile> files;
  for (const auto& path : o.data) examples.all += files.emplace_back(path).size();
  const auto encode = [&](const std::string& text) {
    auto ids = tokenizer.encode(text);
    if (ids.size() > std::size_t(o.longest)) {
      ids[std::size_t(o.longest) - 1] = ids.back();
      ids.resize(std::size_t(o.longest));
    }
    return ids;
  };
  const std::size_t n = std::min(examples.all, std::size_t(o.examples));
  for (std::size_t i = 0; i < n; ++i) {
    std::size_t at = i * examples.all / n, file = 0;
    while (at >= files[file].size()) at -= files[file++].size();
    const Example e = files[file][at];
    examples.inputs.push_back(encode(e.input));
    examples.targets.push_back(encode(e.target));
  }
  return examples;
}

/// Examples that are scored together: the target of each is its one choice.
struct FewShot {
  Tokens input;
  std::vector<std::vector<std::vector<std::int32_t>>> targets;
};

std::vector<FewShot> cut_batches(const Examples& examples, int size, int pad) {
  std::vector<std::size_t> lengths;
  for (const auto& ids : examples.inputs) lengths.push_back(ids.size());
  std::vector<FewShot> batches;
  for (const auto& batch : batches_by_length(lengths, size)) {
    std::vector<std::vector<std::int32_t>> rows;
    FewShot b;
    for (const std::size_t i : batch) {
      rows.push_back(examples.inputs[i]);
      b.targets.push_back({examples.targets[i]});
    }
    b.input = Tokens::pad(rows, pad);
    batches.push_back(std::move(b));
  }
  return batches;
}

/// The mean over examples of each one's mean loss per target token.
double mean_loss(Engine& engine, const std::vector<FewShot>& batches) {
  double sum = 0;
  std::size_t n = 0;
  for (const FewShot& b : batches)
    for (const auto& scores : engine.score(b.input, b.targets, {})) {
      sum -= scores[0];
      ++n;
    }
  return sum / double(n);
}

void run(WeightsOptions o) {
  std::vector<std::pair<std::string, std::string>> read;
  for (const auto& path : o.data) read.emplace_back("--data", path);
  check_output(o.output, read, o.engine);
  o.engine.router.name = "uniform";  // until weigh says otherwise
  const Tokenizer tokenizer = open_tokenizer(o.engine.model);
  const Examples examples = read_examples(o, tokenizer);  // complain of a bad line before the model is read
  const auto engine = open_engine(o.engine);
  const auto batches = cut_batches(examples, o.batch_size, engine->config().pad);
  const std::vector<Expert>& experts = engine->pool().experts;
  tell(fmt::format("{} weights from {} to {}, {} trials on {} of {} examples", experts.size(), o.search.least,
                   o.search.most, grouped(std::uint64_t(o.search.trials)), grouped(examples.inputs.size()),
                   grouped(examples.all)));

  double lowest = INFINITY, loss_at_lowest = 0, loss_at_start = 0;
  Minimum found;
  {
    Progress progress("searching", std::size_t(o.search.trials) + 1);
    bool begun = false;
    found = minimise(
        [&](const std::vector<double>& weights) {
          engine->weigh(weights);
          const double loss = mean_loss(*engine, batches);
          double size = 0;
          for (const double w : weights) size += std::fabs(w);
          const double value = loss + o.l1 * size / double(weights.size());
          if (!begun) loss_at_start = loss;
          begun = true;
          if (value <= lowest) {
            lowest = value;
            loss_at_lowest = loss;
          }
          progress.advance(1, fmt::format("loss {:.4g}", loss_at_lowest));
          return value;
        },
        std::vector<double>(experts.size()), o.search, Random::of(o.seed, Draws::search));
  }

  Table table({"expert", ">weight"});
  std::string file;
  for (std::size_t e = 0; e < experts.size(); ++e) {
    table.add({experts[e].name, fmt::format("{:.4f}", found.at[e])});
    file += fmt::format("{}{}: {}", e ? ",\n  " : "{\n  ", quote(experts[e].name), found.at[e]);
  }
  OutputFile output(o.output);
  output.write(file + "\n}\n");
  output.commit();
  print(table.text());
  print(
      fmt::format("\nloss {:.4f} with these weights, {:.4f} with nobody heard; {} of {} trials succeeded\n{} is for "
                  "--router weights\n",
                  loss_at_lowest, loss_at_start, found.successes, o.search.trials, visible(o.output)));
}

}  // namespace

void add_pool_weights(Command& pool) {
  auto o = std::make_shared<WeightsOptions>();
  Command& c = pool.add_subcommand(
      "weights",
      "Searches for a mix of the pool's experts that fits a few examples (LoraHub): a weight for each, without "
      "gradients. What is lowered is the loss of the examples' targets plus --l1 times the mean size of the weights; "
      "the "
      "search begins with nobody heard. Writes {\"expert\": weight}, which --router weights reads.");
  c.add_option("DIR", o->engine.pool, "The pool")->required()->type_name("");
  add_model_options(c, o->engine);
  c.add_option("--data", o->data, "Examples: lines with \"input\" and \"target\", or \"choices\" and \"label\"")
      ->required()
      ->type_name("FILE.jsonl ...")
      ->group("Data");
  c.add_option("--output", o->output, "The weights, whole or not at all; missing folders are made")
      ->required()
      ->type_name("FILE.json");
  c.add_option("--examples", o->examples, "So many, spread evenly over the files")
      ->check(Between(1, 1 << 20))
      ->type_name("N")
      ->capture_default_str()
      ->group("Data");
  c.add_option("--max-length", o->longest, "Tokens of a text; longer ones are cut")
      ->check(Between(1, 1 << 20))
      ->type_name("N")
      ->capture_default_str()
      ->group("Data");
  c.add_option("--steps", o->search.trials, "Trials: each runs all examples once")
      ->check(Between(1, 1 << 20))
      ->type_name("N")
      ->capture_default_str()
      ->group("Search");
  c.add_option("--bound", o->search.most, "Weights lie between -X and X")
      ->check(Between(1e-6, 1e6))
      ->type_name("X")
      ->capture_default_str()
      ->group("Search");
  c.add_option("--l1", o->l1, "Of the mean size of the weights, beside the loss")
      ->check(Between(0.0, 1e6))
      ->type_name("X")
      ->capture_default_str()
      ->group("Search");
  c.add_option("--seed", o->seed, "Of the trials: the same seed finds the same weights")
      ->check(Between(std::uint64_t(0), std::uint64_t(-1)))
      ->type_name("N")
      ->capture_default_str()
      ->group("Search");
  c.add_option("--allow", o->engine.router.allow, "Experts that alone are in the pool")
      ->delimiter(',')
      ->check(Trimmed{})
      ->type_name("NAMES")
      ->group("Data");
  c.add_option("--deny", o->engine.router.deny, "Experts that are not")
      ->delimiter(',')
      ->check(Trimmed{})
      ->type_name("NAMES")
      ->group("Data");
  c.add_flag("--skip-broken", o->engine.skip_broken, "Leave broken expert directories out instead of stopping");
  add_batch_option(c, o->batch_size);
  add_examples(c, {"anser pool weights experts --model t5-base --data few.jsonl --output few.json",
                   "anser generate --model t5-base --pool experts --router weights --weights few.json --prompt ..."});
  c.callback([o] {
    o->search.least = -o->search.most;
    run(*o);
  });
}

}  // namespace anser::cli
