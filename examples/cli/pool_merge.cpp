#include <fmt/core.h>
#include <anser/backend/cpu.hpp>
#include <anser/merge/pool.hpp>

#include <filesystem>
#include <map>
#include <optional>

#include "options.hpp"
#include "text.hpp"

namespace anser::cli {
namespace {

struct PoolMergeOptions {
  std::string directory, output, model, method = "linear", weights, experts, sign = "total";
  double density = 0;  // 0: the method's own
  MergeOptions merge;
  bool skip_broken = false;
  int threads = 0;
};

/// "0.5,0.3,0.2" in the order of the experts, or a file that gives each its own.
std::vector<double> read_weights(const std::string& text, const Pool& pool) {
  if (text.empty()) return {};
  if (text.ends_with(".json")) {
    std::map<std::string, double> by_name;
    const Json json = read_json(text);
    for (const std::string& name : json.keys()) by_name[name] = json.real(name);
    return arrange_weights(pool, by_name);
  }
  std::vector<double> weights;
  for (std::string part : split(text, ",")) {
    const std::string problem = Between(-1e9, 1e9).find_fault(part);
    check(problem.empty(), "--weights: ", problem, "; write them as 0.5,0.5 or name a file that ends in .json");
    weights.push_back(std::stod(part));
  }
  check(weights.size() == pool.experts.size(), "--weights: ", weights.size(), " numbers for ", pool.experts.size(),
        " experts; one for each is needed, in the order of --experts or of `anser pool list`");
  return weights;
}

MergeOptions read_options(const PoolMergeOptions& o, const Pool& pool) {
  MergeOptions merge = o.merge;
  merge.method = find_merge_method(o.method);
  merge.weights = read_weights(o.weights, pool);
  merge.sign = o.sign == "frequency" ? MajoritySign::frequency : MajoritySign::total;
  const MergeRule& rule = rule_of(merge.method);
  if (rule.kept == MergeRule::all) {
    check(o.density == 0, "--density has no effect on ", rule.name, ", which keeps every entry");
  } else if (o.density == 0) {
    check(merge.method == MergeMethod::ties, "--density X is needed for ", rule.name,
          ": the share of each expert's entries that is kept, such as 0.5");
    merge.density = 0.2;  // as in the paper
  } else {
    merge.density = o.density;
  }
  return merge;
}

std::string error_text(double error) { return fmt::format("{:.3g} %", 100 * error); }

/// A line for all sites whose path ends alike, and one for all.
void print_sites(const MergeReport& report) {
  std::map<std::string, std::vector<const MergedSite*>> kinds;
  for (const MergedSite& s : report.sites) kinds[s.site.substr(s.site.rfind('.') + 1)].push_back(&s);
  Table table({"sites", ">number", ">experts", ">rank", ">mean error", ">worst", "at"});
  const auto range = [](const std::vector<const MergedSite*>& sites, int MergedSite::*member) {
    int least = sites[0]->*member, most = least;
    for (const MergedSite* s : sites) {
      least = std::min(least, s->*member);
      most = std::max(most, s->*member);
    }
    return least == most ? fmt::format("{}", least) : fmt::format("{}-{}", least, most);
  };
  const auto add = [&](const std::string& name, const std::vector<const MergedSite*>& sites) {
    MergeReport part;
    for (const MergedSite* s : sites) part.sites.push_back(*s);
    const bool cut = part.cut();
    table.add({name, fmt::format("{}", sites.size()), range(sites, &MergedSite::experts),
               sites[0]->rank ? range(sites, &MergedSite::rank) : "-", cut ? error_text(part.mean_error()) : "-",
               cut ? error_text(part.worst().relative_error()) : "-", cut ? part.worst().site : ""});
  };
  std::vector<const MergedSite*> all;
  for (const auto& [name, sites] : kinds) {
    add(name, sites);
    all.insert(all.end(), sites.begin(), sites.end());
  }
  add("all", all);
  print(table.text());
}

void merge(const PoolMergeOptions& o) {
  std::shared_ptr<const ModelDirectory> base;
  if (!o.model.empty()) base = ModelDirectory::open(o.model);
  Pool pool = load_pool(o.directory, {o.skip_broken, base ? base->hash() : ""});
  if (!o.experts.empty()) pool = choose_experts(std::move(pool), split(o.experts, ","));
  warn_of(pool);
  const std::string router = o.directory + "/router.safetensors";
  std::error_code ignored;
  if (std::filesystem::exists(router, ignored))
    for (const auto& name : Safetensors::open(router)->names())
      if (name.find(".router.") == name.npos) {
        warn(router + " holds weights of the model that learned along, such as " + name +
             "; what is merged has none of them");
        break;
      }
  const MergeOptions options = read_options(o, pool);
  const Cpu<float> device(o.threads);
  std::optional<Progress> progress;
  const auto tell_progress = [&](std::size_t, std::size_t sites) {
    if (!progress) progress.emplace("merging", sites);
    progress->advance();
  };
  const MergeReport report = base ? merge_pool(pool, options, *base, o.output, tell_progress)
                                  : merge_pool(pool, options, o.output, tell_progress);
  progress.reset();
  for (const auto& line : report.warnings) warn(line);

  Table experts({"expert", ">weight"});
  for (std::size_t e = 0; e < pool.experts.size(); ++e)
    experts.add({pool.experts[e].name, fmt::format("{:.6g}", report.weights[e])});
  print(experts.text() + '\n');
  print_sites(report);
  const MergeRule& rule = rule_of(options.method);
  const std::string lost = report.cut()
                               ? fmt::format("the cut to a rank loses {} of the merged deltas (||dW - dW_r|| / ||dW||)",
                                             error_text(report.error()))
                               : "exact: nothing was cut to a rank";
  print(fmt::format("\n{} of {} experts -> {}: {}\n", rule.name, pool.experts.size(), visible(o.output), lost));
}

}  // namespace

void add_pool_merge(Command& pool) {
  auto o = std::make_shared<PoolMergeOptions>();
  Command& c = pool.add_subcommand(
      "merge",
      "Merges experts into one, which costs as much to run as one. Every method is defined on the products "
      "s B A of the experts, never on A and B apart. The result is an expert directory that PEFT loads too, or with "
      "--model a whole model with the merged delta in its weights.");
  c.add_option("DIR", o->directory, "The pool")->required()->type_name("");
  std::string what;
  for (const MergeRule& rule : merge_rules) what += fmt::format("\n{}: {}", rule.name, rule.what);
  const auto is_known = [](const std::string& name) {
    std::vector<std::string> names;
    for (const MergeRule& rule : merge_rules) names.emplace_back(rule.name);
    try {
      find_merge_method(name);
      return std::string();
    } catch (const Error& e) {
      const auto near = nearest(name, names);
      return std::string(e.what()) + (near.empty() ? "" : "; did you mean " + near + '?');
    }
  };
  c.add_option("--method", o->method, "How, as PEFT names it:" + what)
      ->check(is_known)
      ->type_name("NAME")
      ->capture_default_str();
  c.add_option("--output", o->output, "The new directory; nothing is written over")->required()->type_name("DIR");
  c.add_option("--model", o->model, "Write a whole model: this one with the merged delta in its weights")
      ->type_name("DIR");
  c.add_option("--experts", o->experts, "Merge these alone, a comma list of names")->type_name("LIST")->check(Named{});
  c.add_option(
       "--weights", o->weights,
       "A weight for each expert: a comma list in the experts' order, or a file {\"name\": weight} that ends in "
       ".json. Else 1 / experts where the method is a mean of all, 1 where it is a sum or the mean of those "
       "that agree")
      ->type_name("LIST|FILE.json");
  c.add_option("--rank", o->merge.rank,
               "Rank of the result at each site, by singular values; the error is told. 0: the sum of the experts' "
               "ranks, exactly, for linear, cat and task-arithmetic; the experts' greatest for the others. With "
               "--model nothing is cut unless asked for")
      ->check(Between(0, 1 << 16))
      ->type_name("N")
      ->capture_default_str();
  c.add_option("--lambda", o->merge.lambda, "Multiplies the merged delta")
      ->check(Between(-1e6, 1e6))
      ->type_name("X")
      ->capture_default_str();
  c.add_option("--density", o->density,
               "Share of each expert's entries that ties, dare-* and magnitude-prune keep at a site; ties: 0.2 unless "
               "given")
      ->check(Between(1e-6, 1.0))
      ->type_name("X");
  c.add_option("--majority-sign", o->sign,
               "ties, dare-ties: whether the sum of the experts' values decides an entry's sign (total), or their "
               "number (frequency)")
      ->check(Among({"total", "frequency"}))
      ->type_name("NAME")
      ->capture_default_str();
  c.add_option("--seed", o->merge.seed, "Of the entries that DARE drops")
      ->check(Between(std::uint64_t(0), std::uint64_t(-1)))
      ->type_name("N")
      ->capture_default_str();
  c.add_flag("--skip-broken", o->skip_broken, "Leave out what does not load, and say so");
  add_threads_option(c, o->threads);
  add_examples(c, {"anser pool merge experts --method linear --output merged",
                   "anser pool merge experts --method ties --density 0.2 --rank 32 --output merged",
                   "anser pool merge experts --experts math,law --weights 0.7,0.3 --model t5-base --output t5-merged"});
  c.callback([o] { merge(*o); });
}

}  // namespace anser::cli
