#include <fmt/core.h>
#include <anser/io/examples.hpp>
#include <anser/io/output_file.hpp>
#include <anser/t5/score.hpp>

#include <algorithm>
#include <filesystem>

#include "jsonl.hpp"
#include "options.hpp"
#include "text.hpp"

namespace anser::cli {
namespace {

struct ActivationsOptions {
  EngineOptions engine;
  std::vector<std::string> data, experts;
  int examples = 1000, batch_size = 16, longest = 512;
  bool again = false;
};

/// The files that an expert's rows are collected from.
std::vector<std::string> data_of(const Expert& e, const ActivationsOptions& o) {
  if (!o.data.empty()) return o.data;
  const auto record = read_record(e.origin);
  check(record && !record->training_data.empty(), e.origin,
        ": expert.json does not say what it was trained on; give --data and --experts ", e.name);
  const auto named = split(record->training_data, ", ");
  std::error_code ignored;
  for (const auto& path : named)
    check(std::filesystem::exists(path, ignored), e.origin, ": expert.json names ", path,
          " as what it was trained on, and there is no such file; give --data and --experts ", e.name);
  return named;
}

/// So many examples, spread evenly over the files, in batches of like lengths.
std::vector<TeacherForced> read_batches(const std::vector<std::string>& paths, const Tokenizer& tokenizer,
                                        const T5Config& c, const ActivationsOptions& o) {
  std::vector<ExampleFile> files;
  std::size_t all = 0;
  for (const auto& p : paths) all += files.emplace_back(p).size();
  const std::size_t n = std::min(all, std::size_t(o.examples));
  const auto encode = [&](const std::string& text) {
    auto ids = tokenizer.encode(text);
    if (ids.size() > std::size_t(o.longest)) ids[std::size_t(o.longest) - 1] = ids.back();
    ids.resize(std::min(ids.size(), std::size_t(o.longest)));
    return ids;
  };
  std::vector<std::vector<std::int32_t>> inputs, targets;
  std::vector<std::size_t> lengths;
  for (std::size_t i = 0; i < n; ++i) {
    std::size_t at = i * all / n, file = 0;
    while (at >= files[file].size()) at -= files[file++].size();
    const Example e = files[file][at];
    inputs.push_back(encode(e.input));
    targets.push_back(encode(e.target));
    lengths.push_back(inputs.back().size());
  }
  std::vector<TeacherForced> batches;
  for (const auto& batch : batches_by_length(lengths, o.batch_size)) {
    std::vector<std::vector<std::int32_t>> read, written;
    for (const std::size_t i : batch) {
      read.push_back(inputs[i]);
      written.push_back(targets[i]);
    }
    batches.push_back({Tokens::pad(read, c.pad), shift_right(Tokens::pad(written, c.pad), c.start, c.pad)});
  }
  return batches;
}

void run(ActivationsOptions o) {
  o.engine.router.name = "uniform";
  o.engine.router.allow = o.experts;
  const Tokenizer tokenizer = open_tokenizer(o.engine.model);
  const auto engine = open_engine(o.engine);
  std::size_t written = 0;
  const std::vector<Expert> experts = engine->pool().experts;
  for (const Expert& e : experts) {
    const std::string path = e.origin + "/activations.safetensors";
    if (e.activations && !o.again) {
      tell(path + " is there already; --again makes it anew");
      continue;
    }
    const auto data = data_of(e, o);
    const auto batches = read_batches(data, tokenizer, engine->config(), o);
    std::size_t examples = 0;
    for (const auto& b : batches) examples += std::size_t(b.input.examples);
    Progress progress(e.name, examples);
    const auto rows = engine->mean_inputs(
        e, batches, [&](const TeacherForced& b) { progress.advance(std::size_t(b.input.examples)); });
    std::vector<NamedTensor> tensors;
    for (const MeanRow& r : rows) tensors.emplace_back(r.site, stored_view(r.mean.data(), {int(r.mean.size())}));
    std::string names;
    for (const auto& d : data) names += (names.empty() ? "" : ", ") + d;
    write_safetensors(path, std::move(tensors), {{"data", names}, {"examples", std::to_string(examples)}});
    ++written;
  }
  print(fmt::format("{}: mean activations of {} experts written\n", visible(o.engine.pool), written));
}

}  // namespace

void add_pool_activations(Command& pool) {
  auto o = std::make_shared<ActivationsOptions>();
  Command& c = pool.add_subcommand(
      "activations",
      "Collects the rows that the router average-activation reads: per expert and site the mean input over examples of "
      "the expert's own data, the expert active. Writes activations.safetensors into each expert's directory.");
  c.add_option("DIR", o->engine.pool, "The pool")->required()->type_name("");
  add_model_options(c, o->engine);
  c.add_option("--data", o->data, "Where not given, what expert.json says that the expert was trained on")
      ->type_name("FILE.jsonl ...")
      ->group("Data");
  c.add_option("--experts", o->experts, "These experts alone; where not given, all")
      ->delimiter(',')
      ->check(Trimmed{})
      ->type_name("NAMES")
      ->group("Data");
  c.add_option("--examples", o->examples, "So many, spread evenly over the files")
      ->check(Between(1, 1 << 30))
      ->type_name("N")
      ->capture_default_str()
      ->group("Data");
  c.add_option("--max-length", o->longest, "Tokens of a text; longer ones are cut")
      ->check(Between(1, 1 << 20))
      ->type_name("N")
      ->capture_default_str()
      ->group("Data");
  c.add_flag("--again", o->again, "Also for experts that have the file")->group("Data");
  c.add_flag("--skip-broken", o->engine.skip_broken, "Leave broken expert directories out instead of stopping");
  add_batch_option(c, o->batch_size);
  add_examples(c, {"anser pool activations experts --model t5-base",
                   "anser pool activations experts --model t5-base --experts questions --data questions.jsonl"});
  c.callback([o] { run(*o); });
}

}  // namespace anser::cli
