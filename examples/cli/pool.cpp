#include <fmt/core.h>
#include <anser/cpu.hpp>
#include <anser/io/charsmap.hpp>
#include <anser/io/hf.hpp>
#include <anser/module/adapter.hpp>
#include <anser/t5.hpp>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "experts.hpp"
#include "options.hpp"
#include "text.hpp"

namespace anser::cli {
namespace {
namespace fs = std::filesystem;

struct PoolReadOptions {
  std::string directory, model;
  bool skip_broken = false, headers = false;
  int threads = 0;  // scripts may give it to every command
};

void list(const PoolReadOptions& o) {
  const Pool pool = load_pool(o.directory, {o.skip_broken, ""});
  Table table({"expert", "kind", ">rank", "targets", ">sites", ">parameters", "gate", "base", ">steps"});
  for (const Expert& e : pool.experts) {
    const auto s = summarise(e);
    table.add({e.name, e.kind, s.ranks, cut(s.targets, 32), grouped(e.sites.size()), grouped(s.parameters),
               e.gates ? "yes" : "no", cut(s.base, 32), s.steps});
  }
  print(table.text());
  warn_of(pool);
}

/// Every number of a source's tensors must be finite.
void check_values(const Source& source, std::vector<std::string>& problems) {
  for (const auto& name : source.names()) try {
      if (const auto t = source.find(name)) check_finite(*t);
    } catch (const Error& error) {
      problems.push_back(error.what());
    }
}

/// A gate for each site, as long as the site's input.
void check_gates(const Expert& e, std::vector<std::string>& problems) {
  std::size_t missing = 0;
  std::string first;
  for (const auto& site : e.sites)
    if (!e.gates->find(site)) {
      ++missing;
      if (first.empty()) first = site;
    }
  if (missing)
    problems.push_back(
        concat(e.gates->origin(), ": ", missing, " of ", e.sites.size(), " sites have no gate, such as ", first));
}

/// Gates that no training has moved from 0 choose nobody: no fault of a file, and hardly what was meant.
void find_untrained(const Expert& e, std::vector<std::string>& warnings) {
  std::size_t zeros = 0, all = 0;
  std::string first;
  for (const auto& site : e.sites) {
    const auto gate = e.gates->find(site);
    if (!gate) continue;
    ++all;
    std::vector<double> numbers(gate->shape.size());
    convert(*gate, numbers.data());
    if (std::any_of(numbers.begin(), numbers.end(), [](double v) { return v != 0; })) continue;
    if (zeros++ == 0) first = site;
  }
  if (zeros)
    warnings.push_back(concat(e.gates->origin(), ": ", zeros, " of ", all, " gates are all zeros, such as ", first,
                              ": they were not trained (`anser train gate` does)"));
}

/// Adapters share what stands around them at a site, so each must fit the first that acts there.
void find_unlike_adapters(const Pool& pool, std::vector<std::string>& problems) {
  if (pool.kind != Adapter::On<AnyBackend>::kind) return;
  std::map<std::string, const Expert*> first;
  for (const Expert& e : pool.experts) try {
      for (const auto& site : e.sites)
        if (const auto [at, is_first] = first.try_emplace(site, &e); !is_first) check_together(*at->second, e, site);
    } catch (const Error& error) {
      problems.push_back(error.what());
    }
}

/// One line for each folder that does not load, of a pool that is refused as a whole.
void print_broken(const std::string& directory) {
  std::error_code none;
  const auto has = [&](const fs::path& folder, const char* name) { return fs::exists(folder / name, none); };
  if (has(directory, "adapter_config.json")) return;  // an expert, and its folders are none
  std::set<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(directory, none)) {
    const std::string name = entry.path().filename().string();
    const bool unfinished = name == "training" || has(entry.path(), "training");
    const bool dangling = !entry.exists(none);
    if ((entry.is_directory(none) || dangling) && !name.starts_with('.') &&
        (!unfinished || has(entry.path(), "adapter_config.json")))
      folders.insert(entry.path());
  }
  for (const auto& folder : folders) try {
      load_expert(folder.string());
    } catch (const Error& error) {
      print(visible(error.what()) + '\n');
    }
}

void check_pool(const PoolReadOptions& o) {
  std::vector<std::string> problems;
  std::vector<LinearSizes> sites;
  std::string hash;
  if (!o.model.empty()) {
    const ModelDirectory files(o.model);
    Cpu<float> device(1);
    T5Model<Cpu<float>> model(device, read_config(files));
    sites = linears(model);
    hash = files.hash();
  }
  Pool pool;
  try {
    pool = load_pool(o.directory, {true, hash});
  } catch (const Error& error) {
    print_broken(o.directory);
    print(visible(error.what()) + '\n');
    finish_output();
    throw;
  }
  if (!o.skip_broken) problems.swap(pool.skipped);
  std::optional<Progress> progress(std::in_place, "checking", pool.experts.size());
  std::size_t gated = 0;
  for (const Expert& e : pool.experts) {
    if (!sites.empty()) try {
        check_against(e, sites);
      } catch (const Error& error) {
        problems.push_back(error.what());
      }
    if (!is_utf8(e.name))
      problems.push_back(concat(e.origin, ": its name is not valid UTF-8 and cannot stand in JSON; rename the folder"));
    if (e.gates) {
      ++gated;
      check_gates(e, problems);
    }
    if (!o.headers) {
      check_values(*e.tensors, problems);
      if (e.gates) check_values(*e.gates, problems);
      if (e.gates) find_untrained(e, pool.warnings);
      if (e.activations) check_values(*e.activations, problems);
      if (e.embeddings) try {
          check_finite(*e.embeddings);
        } catch (const Error& error) {
          problems.push_back(error.what());
        }
    }
    progress->advance();
  }
  progress.reset();
  if (!o.headers) find_unlike_adapters(pool, problems);
  if (gated && gated < pool.experts.size()) {
    std::string without;
    for (const Expert& e : pool.experts)
      if (!e.gates) without += (without.empty() ? "" : ", ") + e.name;
    problems.push_back(concat(o.directory, ": ", gated, " experts have gates and these have none: ", without));
  }
  try {  // of a pool that was trained with its router
    const std::string file = o.directory + "/router.safetensors";
    std::error_code ignored;
    read_trained_router(o.directory);
    if (std::filesystem::exists(file, ignored)) {
      const auto router = Safetensors::open(file);
      if (!o.headers) check_values(*router, problems);
    }
  } catch (const Error& error) {
    problems.push_back(error.what());
  }
  warn_of(pool);
  for (const auto& line : problems) print(visible(line) + '\n');
  finish_output();
  check(problems.empty(), o.directory, ": ", problems.size(), problems.size() == 1 ? " problem" : " problems",
        ", listed on stdout; mend or remove those experts");
  print(fmt::format("{}: {} {} experts, {} with gates: no problems\n", visible(o.directory), pool.experts.size(),
                    pool.kind, gated));
}

}  // namespace

void add_pool(Command& program) {
  Command& c = program.add_subcommand(
      "pool",
      "Lists, checks, merges and imports a pool: a directory of expert directories in PEFT's layout. Experts are added "
      "and "
      "removed by adding and removing folders, and numbered in the bytewise order of the folders' names.");
  c.require_subcommand();
  add_examples(c, {"anser pool list experts", "anser pool check experts --model t5-base",
                   "anser pool merge experts --method linear --output merged"});

  auto l = std::make_shared<PoolReadOptions>();
  Command& list_command = c.add_subcommand(
      "list",
      "Shows a table of the pool's experts: kind, rank, targets, sites, parameters, gates, base model, "
      "training steps.");
  list_command.add_option("DIR", l->directory, "The pool")->required()->type_name("");
  list_command.add_flag("--skip-broken", l->skip_broken, "Leave out what does not load, and say so");
  add_threads_option(list_command, l->threads);
  add_examples(list_command, {"anser pool list experts", "anser pool list experts --skip-broken"});
  list_command.callback([l] { list(*l); });

  auto k = std::make_shared<PoolReadOptions>();
  Command& check_command = c.add_subcommand(
      "check",
      "Looks for what would stop or spoil a run: files that do not load, experts of mixed kinds, shapes "
      "that do not fit the model, missing gates, numbers that are NaN or infinite, and adapters whose norms differ. "
      "One line per problem; exit status 1 if any. Gates that are all zeros, as before training, are a warning.");
  check_command.add_option("DIR", k->directory, "The pool")->required()->type_name("");
  check_command.add_option("--model", k->model, "Compare with this base model: shapes and hash")->type_name("DIR");
  check_command.add_flag("--skip-broken", k->skip_broken, "Folders that do not load are no problem, only left out");
  check_command.add_flag("--headers", k->headers,
                         "Read no numbers: quick, but finds no NaN, no zeros and no other norms");
  add_threads_option(check_command, k->threads);
  add_examples(check_command, {"anser pool check experts", "anser pool check experts --model t5-base --headers"});
  check_command.callback([k] { check_pool(*k); });
  add_pool_activations(c);
  add_pool_embeddings(c);
  add_pool_import(c);
  add_pool_merge(c);
  add_pool_weights(c);
}

}  // namespace anser::cli
