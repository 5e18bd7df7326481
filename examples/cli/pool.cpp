#include <fmt/core.h>
#include <anser/cpu.hpp>
#include <anser/io/hf.hpp>
#include <anser/t5.hpp>

#include <algorithm>
#include <filesystem>

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
  PoolOptions options{true, hash};
  Pool pool = load_pool(o.directory, options);
  if (!o.skip_broken) problems.swap(pool.skipped);
  warn_of(pool);
  Progress progress("checking", pool.experts.size());
  std::size_t gated = 0;
  for (const Expert& e : pool.experts) {
    if (!sites.empty()) try {
        check_against(e, sites);
      } catch (const Error& error) {
        problems.push_back(error.what());
      }
    if (e.gates) {
      ++gated;
      check_gates(e, problems);
    }
    if (!o.headers) {
      check_values(*e.tensors, problems);
      if (e.gates) check_values(*e.gates, problems);
      if (e.activations) check_values(*e.activations, problems);
      if (e.embeddings) try {
          check_finite(*e.embeddings);
        } catch (const Error& error) {
          problems.push_back(error.what());
        }
    }
    progress.advance();
  }
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
  for (const auto& line : problems) print(line + '\n');
  finish_output();
  check(problems.empty(), o.directory, ": ", problems.size(), problems.size() == 1 ? " problem" : " problems",
        ", listed on stdout; mend or remove those experts");
  print(fmt::format("{}: {} {} experts, {} with gates: no problems\n", o.directory, pool.experts.size(), pool.kind,
                    gated));
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
      "that do not fit the model, missing gates, and numbers that are NaN or infinite. One line per "
      "problem; exit status 1 if any.");
  check_command.add_option("DIR", k->directory, "The pool")->required()->type_name("");
  check_command.add_option("--model", k->model, "Compare with this base model: shapes and hash")->type_name("DIR");
  check_command.add_flag("--skip-broken", k->skip_broken, "Folders that do not load are no problem, only left out");
  check_command.add_flag("--headers", k->headers, "Read no numbers: quick, but finds no NaN");
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
