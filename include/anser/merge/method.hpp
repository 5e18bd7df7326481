#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../core/error.hpp"

namespace anser {

/// How experts become one. All are defined on the products dW_e = s_e B_e A_e, never on A and B apart.
enum class MergeMethod { linear, cat, svd, task_arithmetic, ties, dare_linear, dare_ties, magnitude_prune };

/// What decides the sign that an entry's merged value has.
enum class MajoritySign {
  total,     // the sum of the experts' values
  frequency  // how many experts are positive, how many negative
};

struct MergeOptions {
  MergeMethod method = MergeMethod::linear;
  std::vector<double> weights{};  // one per expert; empty: the method's own
  double lambda = 1;              // multiplies the merged delta
  double density = 1;             // share of an expert's entries that is kept at a site
  MajoritySign sign = MajoritySign::total;
  int rank = 0;  // of the result at each site; 0: the method's own
  std::uint64_t seed = 0;
};

/// What tells the methods apart.
struct MergeRule {
  MergeMethod method;
  std::string_view name;
  std::string_view what;                      // one line, for lists of methods
  bool mean;                                  // weights are 1 / E unless given, else 1
  enum { all, largest, random } kept;         // which of an expert's entries count
  bool elects;                                // a sign per entry, and the mean of those that have it
  enum { own_rank, exact, greatest } factor;  // the result's rank unless given: see rank_of
};

inline constexpr MergeRule merge_rules[] = {
    {MergeMethod::linear, "linear", "weighted mean of the products, exact without --rank", true, MergeRule::all, false,
     MergeRule::exact},
    {MergeMethod::cat, "cat", "their weighted sum, exact: A and B stacked", false, MergeRule::all, false,
     MergeRule::exact},
    {MergeMethod::svd, "svd", "the weighted mean, cut to a rank by singular values", true, MergeRule::all, false,
     MergeRule::greatest},
    {MergeMethod::task_arithmetic, "task-arithmetic", "lambda times the sum, exact without --rank", false,
     MergeRule::all, false, MergeRule::exact},
    {MergeMethod::ties, "ties", "largest entries only, a sign elected, the mean of those that agree", false,
     MergeRule::largest, true, MergeRule::greatest},
    {MergeMethod::dare_linear, "dare-linear", "entries dropped at random, the rest rescaled, their weighted mean", true,
     MergeRule::random, false, MergeRule::greatest},
    {MergeMethod::dare_ties, "dare-ties", "entries dropped at random, then as ties", false, MergeRule::random, true,
     MergeRule::greatest},
    {MergeMethod::magnitude_prune, "magnitude-prune", "largest entries only, their weighted mean", true,
     MergeRule::largest, false, MergeRule::greatest},
};

constexpr const MergeRule& rule_of(MergeMethod method) { return merge_rules[std::size_t(method)]; }

/// The method of that name; PEFT's spellings too ("dare_linear_svd"): here all are of products. Throws Error listing
/// the names.
inline MergeMethod find_merge_method(std::string_view name) {
  std::string plain(name);
  for (char& c : plain)
    if (c == '_') c = '-';
  if (plain.ends_with("-svd")) plain.resize(plain.size() - 4);
  std::string known;
  for (const MergeRule& rule : merge_rules) {
    if (rule.name == plain) return rule.method;
    known += (known.empty() ? "" : ", ") + std::string(rule.name);
  }
  fail("there is no merge ", name, "; known are ", known);
}

/// The weights, one for each of the experts. Throws Error where their number is another.
inline std::vector<double> weights_of(const MergeOptions& o, std::size_t experts) {
  check(o.weights.empty() || o.weights.size() == experts, "merge: ", o.weights.size(), " weights for ", experts,
        " experts");
  if (!o.weights.empty()) return o.weights;
  return std::vector<double>(experts, rule_of(o.method).mean ? 1 / double(experts) : 1);
}

/// The rank to which a site's product is cut; 0: it is left as it is, of the summed rank.
/// `ranks`: those of all experts that are merged, at all sites.
inline int rank_of(const MergeOptions& o, std::span<const int> ranks) {
  if (o.rank > 0 || rule_of(o.method).factor == MergeRule::exact) return o.rank;
  int most = 1;
  for (int r : ranks) most = r > most ? r : most;
  return most;
}

}  // namespace anser
