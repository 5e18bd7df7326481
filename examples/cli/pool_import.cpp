#include <anser/cpu.hpp>
#include <anser/io/hf.hpp>
#include <anser/io/import.hpp>
#include <anser/t5.hpp>

#include "experts.hpp"
#include "options.hpp"
#include "text.hpp"

namespace anser::cli {
namespace {

struct PoolImportOptions {
  std::string source, output, kind, rows, names, model, base_model;
  int threads = 0;  // scripts may give it to every command
};

/// One name per line.
std::vector<std::string> read_names(const std::string& path) {
  const auto file = MappedFile::open(path);
  std::string_view text(reinterpret_cast<const char*>(file->data()), file->size());
  std::vector<std::string> names;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view name = text.substr(0, end);
    if (name.ends_with('\r')) name.remove_suffix(1);
    names.emplace_back(name);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  check(!names.empty(), path, " is empty; it must have a name per line");
  return names;
}

void import(const PoolImportOptions& o) {
  const ImportKind kind = o.kind.empty() ? detect_import(o.source) : *import_kind(o.kind);
  ImportOptions options;
  options.rows = o.rows == "gate"          ? ImportedRows::gate
                 : o.rows == "activations" ? ImportedRows::activations
                 : o.rows == "none"        ? ImportedRows::none
                                           : ImportedRows::unsaid;
  if (!o.names.empty()) options.names = read_names(o.names);
  options.base_model = o.base_model.empty() ? o.model : o.base_model;
  if (!o.model.empty()) {
    const ModelDirectory files(o.model);
    Cpu<float> device(1);
    T5Model<Cpu<float>> model(device, read_config(files));
    options.linears = linears(model);
    options.base_hash = files.hash();
  }
  std::unique_ptr<Progress> progress;
  std::size_t told = 0;
  options.progress = [&](std::size_t done, std::size_t all) {
    if (!progress) progress = std::make_unique<Progress>("importing", all);
    progress->advance(done - told);
    told = done;
  };
  const Imported done = import_experts(o.source, o.output, kind, options);
  progress.reset();
  for (const std::string& note : done.notes) warn(note);
  print(fmt::format("{}: {} {} {} from {}, {} sites{}\n", visible(o.output), done.experts, done.kind,
                    done.experts == 1 ? "expert" : "experts", name_of(kind), grouped(done.sites),
                    kind == ImportKind::phatgoose ? "; the directory is a pool" : "; the directory is an expert"));
}

}  // namespace

void add_pool_import(Command& pool) {
  auto o = std::make_shared<PoolImportOptions>();
  Command& c = pool.add_subcommand(
      "import",
      "Makes experts of checkpoints that others published: PEFT directories (also with adapter_model.bin), T-Few's "
      "IA3, "
      "and pools of PHATGOOSE's reference. PyTorch files are read without running anything that they ask for.");
  c.add_option("SOURCE", o->source, "The checkpoint's file, or a PEFT adapter's directory")->required()->type_name("");
  c.add_option("--output", o->output, "The new directory: an expert, or a pool where the checkpoint has several")
      ->required()
      ->type_name("DIR");
  c.add_option("--kind", o->kind, "Whose checkpoint it is; by default found out")
      ->check(Among({"peft", "tfew-ia3", "phatgoose"}))
      ->type_name("peft|tfew-ia3|phatgoose");
  c.add_option("--rows", o->rows,
               "What a PHATGOOSE checkpoint's expert_embeddings are, which it does not say: trained gates, mean "
               "activations, or placeholders to leave out")
      ->check(Among({"gate", "activations", "none"}))
      ->type_name("gate|activations|none");
  c.add_option("--names", o->names, "Names of a PHATGOOSE checkpoint's experts, one per line, by their numbers")
      ->type_name("FILE");
  c.add_option("--model", o->model, "Compare shapes with this base model, and note its hash")->type_name("DIR");
  c.add_option("--base-model", o->base_model, "The base model's name in adapter_config.json; by default --model")
      ->type_name("NAME");
  add_threads_option(c, o->threads);
  add_examples(c, {"anser pool import t03b_ia3_finish.pt --output pool/t-few --base-model bigscience/T0_3B",
                   "anser pool import best.pt --output pool --rows gate --names tasks.txt --model t5-xl-lm-adapt"});
  c.callback([o] { import(*o); });
}

}  // namespace anser::cli
