#pragma once
#include <anser/io/json.hpp>
#include <anser/io/pool.hpp>
#include <span>
#include <string>
#include <vector>

#include "router_options.hpp"

namespace anser::cli {

/// What is told of an expert in lists.
struct ExpertSummary {
  std::string ranks = "-";  // "8", or "4-16"; "-" for kinds without
  std::string targets;      // "q,v": last parts of its sites
  std::uint64_t parameters = 0;
  std::string base;  // the base model's name where one is recorded
  std::string steps = "-";
};

ExpertSummary summarise(const Expert& expert);

/// Their names, for messages; of many the first.
std::string names_of(const Pool& pool);

/// Throws NotFinite that names the first tensor of a model or of experts that is not finite, or says that a product
/// overflowed where all are. `unused`: tensors of the model that nobody reads. For a run that has failed: it reads all.
[[noreturn]] void blame(const std::string& found, const Source& model, const std::vector<std::string>& unused,
                        std::span<const Expert> heard, const std::string& dtype);

/// Whether a router is told each example's task.
inline bool names_tasks(const std::string& router) { return router == "tag" || router == "latent-skills"; }
/// What a router that was trained with this pool is told again. Throws Error where it was trained with another router,
/// and has to be told more than its file of weights says.
JointOptions joint_options(const std::string& router, const Pool& pool);

/// Per record the place in the pool of the expert that an oracle or the nearest stored text gives it, or the number of
/// its task for a router that is told tasks; empty where the router decides by itself. Throws Error naming the line
/// that has no task, or one that nobody serves.
std::vector<int> experts_for(const std::vector<Json>& records, const Pool& pool, const RouterOptions& o, int threads);
/// Those of some records; empty stays empty.
std::vector<int> pick(const std::vector<int>& experts, const std::vector<std::size_t>& records);

}  // namespace anser::cli
