#pragma once
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "../io/hf.hpp"
#include "../io/pool.hpp"
#include "method.hpp"

namespace anser {

/// What became of one site.
struct MergedSite {
  std::string site;
  int experts = 0;             // that act there
  int rank = 0;                // of the result; 0: added to the weight as it is
  bool cut = false;            // to a rank: norm and error are known
  double norm = 0, error = 0;  // of the merged delta, and of what the cut lost of it (Frobenius)

  double relative_error() const { return norm > 0 ? error / norm : 0; }
};

struct MergeReport {
  std::vector<MergedSite> sites;
  std::vector<double> weights;  // that were used, one per expert
  std::vector<std::string> warnings;

  bool cut() const;                 // whether any site was
  double error() const;             // of all sites that were cut together, relative
  double mean_error() const;        // over those sites
  const MergedSite& worst() const;  // of them; Error where none was cut
};

/// Told after each site: how many of how many are done.
using MergeProgress = std::function<void(std::size_t done, std::size_t sites)>;

/// The experts of these names, in this order. Throws Error naming the pool's where one is not there or named twice.
Pool choose_experts(Pool pool, const std::vector<std::string>& names);

/// One weight per expert of the pool. Throws Error for experts that have none, and for names that are no experts.
std::vector<double> arrange_weights(const Pool& pool, const std::map<std::string, double>& by_name);

/// Merges the pool's experts (LORA or IA3) into one expert directory of the same kind, which PEFT loads too. The
/// directory appears whole or not at all, and must not be there yet; its merge.json says what was merged, and how well.
/// Throws Error naming expert, tensor and shapes where they disagree, and for numbers that are not finite.
MergeReport merge_pool(const Pool& pool, const MergeOptions& options, const std::string& output,
                       const MergeProgress& progress = {});

/// Merges them into the weights of a model: a model directory with the base's files, names, shards and dtypes. A delta
/// is cut to a rank only where the options name one, or the method is svd.
MergeReport merge_pool(const Pool& pool, const MergeOptions& options, const ModelDirectory& base,
                       const std::string& output, const MergeProgress& progress = {});

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "pool-inl.hpp"
#endif
