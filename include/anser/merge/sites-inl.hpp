#pragma once
#include <algorithm>
#include <cmath>
#include <set>

#include "entries.hpp"
#include "low_rank.hpp"
#include "pool.hpp"

namespace anser::detail {

/// A site and the experts that act there, as places in the pool.
struct SharedSite {
  std::string path;
  std::vector<std::size_t> experts;
};

/// "lora_A.weight", "lora_B.weight" or "ia3_l": the tensors of a site.
inline std::vector<std::string> site_tensors(const Expert& e, const std::string& site) {
  if (e.kind == "LORA") return {site + ".lora_A.weight", site + ".lora_B.weight"};
  return {site + ".ia3_l"};
}

/// Two experts' tensors of one site must fit each other: all axes but LoRA's rank.
inline void check_shapes(const Expert& first, const Expert& e, const std::string& site) {
  for (const std::string& name : site_tensors(e, site)) {
    const Stored a = *first.tensors->find(name), b = *e.tensors->find(name);
    const bool lora = e.kind == "LORA", is_a = name.ends_with("lora_A.weight");
    const bool same = lora ? a.shape[is_a ? 1 : 0] == b.shape[is_a ? 1 : 0] : a.shape == b.shape;
    check(same, b.origin, " has the shape ", b.shape, ", and that of ", first.name, " has ", a.shape,
          "; experts of different base models cannot be merged");
  }
}

/// The sites of all experts, bytewise. Reads every number once: what is not finite is refused before anything is done.
inline std::vector<SharedSite> shared_sites(const Pool& pool) {
  check(!pool.experts.empty(), "merge: no experts");
  check(pool.kind == "LORA" || pool.kind == "IA3", pool.origin, ": experts of the kind ", pool.kind,
        " have no products that could be merged; LORA and IA3 have");
  std::map<std::string, SharedSite> by_path;
  for (std::size_t e = 0; e < pool.experts.size(); ++e)
    for (const std::string& path : pool.experts[e].sites) {
      SharedSite& site = by_path.try_emplace(path, SharedSite{path, {}}).first->second;
      if (!site.experts.empty()) check_shapes(pool.experts[site.experts[0]], pool.experts[e], path);
      for (const std::string& name : site_tensors(pool.experts[e], path))
        check_finite(*pool.experts[e].tensors->find(name));
      site.experts.push_back(e);
    }
  std::vector<SharedSite> all;
  for (auto& [path, site] : by_path) all.push_back(std::move(site));
  return all;
}

/// An expert's delta at a site: s B A with s in B; of IA3 g - 1 as [1, size].
inline FactoredProduct read_delta(const Expert& e, const std::string& site) {
  const auto numbers = [&](const Stored& t) {
    std::vector<float> v(t.shape.size());
    convert(t, v.data());
    return v;
  };
  if (e.kind == "IA3") {
    const Stored g = *e.tensors->find(site + ".ia3_l");
    FactoredProduct p{1, int(g.shape.size()), 1, numbers(g), {1.f}};
    for (float& v : p.a) v -= 1;
    return p;
  }
  const Stored a = *e.tensors->find(site + ".lora_A.weight"), b = *e.tensors->find(site + ".lora_B.weight");
  FactoredProduct p{b.shape[0], a.shape[1], a.shape[0], numbers(a), numbers(b)};
  const double scale = e.scale(site, p.rank);
  for (float& v : p.b) v = float(scale * double(v));
  return p;
}

/// A merged tensor must be finite as well.
inline void check_merged(const Stored& t, const std::string& name) {
  check(!find_non_finite(t), "merge: ", name, " leaves the range of ", name_of(t.dtype),
        "; smaller weights or --lambda keep it in");
}

/// Merges one site after the other, in any order and from several threads.
class SiteMerger {
 public:
  SiteMerger(const Pool& pool, const MergeOptions& o) : pool_(pool), options_(o), sites_(shared_sites(pool)) {
    options_.weights = anser::weights_of(o, pool.experts.size());
    for (std::size_t e = 0; e < options_.weights.size(); ++e)
      check(std::isfinite(options_.weights[e]), "merge: the weight of ", pool.experts[e].name, " is not finite");
    check(std::isfinite(o.lambda), "merge: lambda is not finite");
    check(o.density > 0 && o.density <= 1, "merge: a density of ", o.density, "; it is above 0 and at most 1");
    if (pool.kind == "IA3")
      check(o.rank == 0 && o.method != MergeMethod::cat && o.method != MergeMethod::svd, pool.origin,
            ": IA3's vectors have no rank: cat, svd and --rank are for LoRA; linear is their weighted mean");
    std::vector<int> ranks;
    if (pool.kind == "LORA")
      for (const Expert& e : pool.experts)
        for (const std::string& site : e.sites) ranks.push_back(e.tensors->find(site + ".lora_A.weight")->shape[0]);
    rank_ = anser::rank_of(o, ranks);
  }
  const std::vector<SharedSite>& sites() const { return sites_; }
  const std::vector<double>& weights() const { return options_.weights; }
  /// Whether the method works on whole products, of which only entries can be told apart.
  bool by_entries() const { return pool_.kind == "IA3" || rule_of(options_.method).kept != MergeRule::all; }

  /// As a product, and what was lost by that.
  FactoredProduct product(const SharedSite& site, MergedSite& report) const {
    report = {site.path, int(site.experts.size()), 0, false, 0, 0};
    Truncation t;
    if (by_entries())
      t = truncate(matrix(site, report), rank_);
    else if (rank_ > 0)
      t = truncate(stacked(site), rank_);
    else
      t.product = stacked(site);
    report.rank = t.product.rank;
    report.cut = by_entries() || rank_ > 0;
    report.norm = t.norm;
    report.error = t.error;
    return std::move(t.product);
  }
  /// As a matrix, exactly.
  DenseMatrix matrix(const SharedSite& site, MergedSite& report) const {
    report = {site.path, int(site.experts.size()), 0, false, 0, 0};
    const auto products = read(site);
    std::vector<Delta> deltas;
    for (std::size_t i = 0; i < products.size(); ++i)
      deltas.push_back({pool_.experts[site.experts[i]].name, &products[i], options_.weights[site.experts[i]]});
    DenseMatrix merged = merge_entries(deltas, site.path, options_);
    check_merged(stored_view(merged.values.data(), {merged.rows, merged.cols}), site.path);
    return merged;
  }

 private:
  std::vector<FactoredProduct> read(const SharedSite& site) const {
    std::vector<FactoredProduct> products;
    for (std::size_t e : site.experts) products.push_back(read_delta(pool_.experts[e], site.path));
    return products;
  }
  FactoredProduct stacked(const SharedSite& site) const {
    std::vector<double> weights;
    for (std::size_t e : site.experts) weights.push_back(options_.lambda * options_.weights[e]);
    FactoredProduct sum = stack(read(site), weights);
    check_merged(stored_view(sum.b.data(), {sum.out, sum.rank}), site.path);
    return sum;
  }

  const Pool& pool_;
  MergeOptions options_;
  std::vector<SharedSite> sites_;
  int rank_;
};

}  // namespace anser::detail
