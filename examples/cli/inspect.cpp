#include <fmt/core.h>
#include <anser/io/hf.hpp>
#include <anser/io/tokenizer.hpp>
#include <anser/t5.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "experts.hpp"
#include "options.hpp"
#include "text.hpp"
#include "values.hpp"

namespace anser::cli {
namespace {
namespace fs = std::filesystem;

std::string shape_text(const std::vector<std::uint64_t>& shape) {
  std::string out;
  for (auto n : shape) out += (out.empty() ? "[" : ", ") + std::to_string(n);
  return out.empty() ? "[]" : out + ']';
}

std::string tensors_text(const Safetensors& file, bool values) {
  std::vector<std::string> head = {"tensor", "dtype", "shape", ">bytes"};
  if (values) head.insert(head.end(), {">min", ">max", ">mean", ">not finite"});
  Table table(head);
  std::uint64_t bytes = 0;
  for (const auto& e : file.entries()) {
    bytes += e.bytes;
    std::vector<std::string> row = {e.name, e.dtype, shape_text(e.shape), grouped(e.bytes)};
    if (values) try {
        const auto s = summarise(*file.find(e.name));
        row.insert(row.end(), {fmt::format("{:.4g}", s.least), fmt::format("{:.4g}", s.most),
                               fmt::format("{:.4g}", s.mean), grouped(s.not_finite)});
      } catch (const Error&) {
        row.insert(row.end(), {"-", "-", "-", "-"});  // a dtype that is not computed with
      }
    table.add(row);
  }
  std::string out = fmt::format("{}: safetensors, {} tensors, {}\n", visible(file.origin()),
                                grouped(file.entries().size()), size_text(bytes));
  for (const auto& [key, value] : file.metadata())
    out += fmt::format("metadata {}: {}\n", visible(key), cut(visible(value), 100));
  return out + table.text();
}

std::string tokenizer_text(const std::string& path) {
  const auto t = Tokenizer::load(path);
  std::string extra = "none";
  if (const auto first = t.id("<extra_id_0>")) extra = fmt::format("<extra_id_0> is {}", *first);
  return fmt::format("{}: vocabulary of {} pieces; pad {}, eos {}, unk {}; extra ids: {}\n", visible(path),
                     grouped(std::uint64_t(t.size())), t.pad_id(), t.eos_id(), t.unk_id(), extra);
}

std::string model_text(const std::string& directory, bool values) {
  const ModelDirectory files(directory);
  const T5Config c = read_config(files);
  std::uint64_t parameters = 0;
  std::string dtypes;
  for (const auto& name : files.names()) {
    const auto* e = files.entry(name);
    std::uint64_t n = 1;
    for (auto d : e->shape) n *= d;
    parameters += n;
    if (dtypes.find(e->dtype) == dtypes.npos) dtypes += (dtypes.empty() ? "" : ", ") + e->dtype;
  }
  std::string out = fmt::format("{}: T5 with {} feed-forward, {} head\n", visible(directory),
                                c.gated ? "gated GELU" : "ReLU", c.tied ? "tied" : "untied");
  Table table({"", ""});
  table.add({"vocabulary", grouped(std::uint64_t(c.vocabulary))});
  table.add({"layers", fmt::format("{} encoder, {} decoder", c.layers, c.decoder_layers)});
  table.add({"d_model, d_ff", fmt::format("{}, {}", c.d_model, c.d_ff)});
  table.add({"heads x d_kv", fmt::format("{} x {}", c.heads, c.d_kv)});
  table.add({"position buckets", fmt::format("{} up to distance {}", c.buckets, c.max_distance)});
  table.add({"ids", fmt::format("pad {}, eos {}, start {}", c.pad, c.eos, c.start)});
  table.add({"parameters", grouped(parameters)});
  table.add({"tensors", fmt::format("{} in {} file{}, {}, {}", files.names().size(), files.shards().size(),
                                    files.shards().size() == 1 ? "" : "s", dtypes, size_text(files.bytes()))});
  table.add({"hash", files.hash()});
  out += table.text().substr(1);  // without the empty head
  try {
    out += tokenizer_text(files.vocabulary());
  } catch (const Error& error) {
    out += fmt::format("no vocabulary: {}\n", visible(error.what()));
  }
  if (values)
    for (const auto& shard : files.shards()) out += '\n' + tensors_text(*shard, true);
  return out;
}

std::string expert_text(const std::string& directory, bool values) {
  std::vector<std::string> warnings;
  const Expert e = load_expert(directory, &warnings);
  for (const auto& w : warnings) warn(w);
  const auto s = summarise(e);
  std::string out = fmt::format("{}: {} expert\n", visible(directory), e.kind);
  Table table({"", ""});
  table.add({"rank", s.ranks});
  table.add({"targets", s.targets});
  table.add({"sites", grouped(e.sites.size())});
  table.add({"parameters", grouped(s.parameters)});
  table.add({"gates", e.gates ? grouped(e.gates->names().size()) : "none"});
  table.add({"activations", e.activations ? grouped(e.activations->names().size()) : "none"});
  table.add({"embeddings", e.embeddings ? grouped(std::uint64_t(e.embeddings->shape.rows())) : "none"});
  table.add({"base model", s.base});
  table.add({"steps", s.steps});
  out += table.text().substr(1);
  for (const char* name : {"adapter_model.safetensors", "gate.safetensors"})
    if (values && fs::exists(fs::path(directory) / name))
      out += '\n' + tensors_text(Safetensors((fs::path(directory) / name).string()), true);
  return out;
}

std::string pool_text(const std::string& directory) {
  const Pool pool = load_pool(directory);
  std::uint64_t parameters = 0, gated = 0;
  for (const Expert& e : pool.experts) {
    parameters += summarise(e).parameters;
    gated += e.gates != nullptr;
  }
  return fmt::format("{}: pool of {} {} experts, {} of them with gates, {} parameters (anser pool list shows each)\n",
                     visible(directory), pool.experts.size(), pool.kind, gated, grouped(parameters));
}

void run(const std::string& path, bool values) {
  const fs::path p(path);
  check(fs::exists(p), path, ": there is no such file or directory; check the path");
  if (fs::is_directory(p)) {
    if (fs::exists(p / "adapter_config.json")) return print(expert_text(path, values));
    if (fs::exists(p / "config.json")) return print(model_text(path, values));
    for (const auto& entry : fs::directory_iterator(p))
      if (fs::exists(entry.path() / "adapter_config.json")) return print(pool_text(path));
    fail(path,
         ": neither a model (config.json), nor an expert (adapter_config.json), nor a folder of experts; name one of "
         "these");
  }
  if (p.extension() == ".safetensors") return print(tensors_text(Safetensors(path), values));
  if (p.extension() == ".model" || p.filename().string().ends_with("tokenizer.json"))
    return print(tokenizer_text(path));
  fail(path,
       ": anser inspect reads *.safetensors, spiece.model, tokenizer.json and directories of models, experts and "
       "pools");
}

}  // namespace

void add_inspect(Command& program) {
  auto path = std::make_shared<std::string>();
  auto values = std::make_shared<bool>(false);
  auto threads = std::make_shared<int>(0);  // scripts may give it to every command
  Command& c = program.add_subcommand(
      "inspect",
      "Says what a file or directory is and what it holds: a safetensors file, a vocabulary, a model "
      "directory, an expert, a pool.");
  c.add_option("FILE|DIR", *path, "What to look at")->required()->type_name("");
  c.add_flag("--values", *values, "Read every number too: least, greatest, mean, and how many are NaN or infinite");
  add_threads_option(c, *threads);
  add_examples(
      c, {"anser inspect flan-t5-base", "anser inspect experts/dates", "anser inspect --values model.safetensors"});
  c.callback([=] { (void)threads, run(*path, *values); });
}

}  // namespace anser::cli
