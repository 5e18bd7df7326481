#pragma once
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <mutex>

#include "../backend/cpu_threads-inl.hpp"
#include "../io/output_directory.hpp"
#include "../io/output_file.hpp"
#include "pool.hpp"
#include "sites-inl.hpp"
#include "written-inl.hpp"

namespace anser {

ANSER_INLINE bool MergeReport::cut() const {
  return std::any_of(sites.begin(), sites.end(), [](const MergedSite& s) { return s.cut; });
}
ANSER_INLINE double MergeReport::error() const {
  double lost = 0, total = 0;
  for (const MergedSite& s : sites) {
    lost += s.error * s.error;
    total += s.norm * s.norm;
  }
  return total > 0 ? std::sqrt(lost / total) : 0;
}
ANSER_INLINE double MergeReport::mean_error() const {
  double sum = 0;
  int count = 0;
  for (const MergedSite& s : sites)
    if (s.cut) {
      sum += s.relative_error();
      ++count;
    }
  return count ? sum / count : 0;
}
ANSER_INLINE const MergedSite& MergeReport::worst() const {
  check(cut(), "merge: no site was cut to a rank");
  return *std::max_element(sites.begin(), sites.end(), [](const MergedSite& a, const MergedSite& b) {
    return a.relative_error() < b.relative_error();
  });
}

ANSER_INLINE Pool choose_experts(Pool pool, const std::vector<std::string>& names) {
  std::vector<Expert> chosen;
  for (const std::string& name : names) {
    const auto is_it = [&](const Expert& e) { return e.name == name; };
    check(std::none_of(chosen.begin(), chosen.end(), is_it), pool.origin, ": ", name, " is named twice");
    const auto it = std::find_if(pool.experts.begin(), pool.experts.end(), is_it);
    std::string known;
    for (const Expert& e : pool.experts) known += (known.empty() ? "" : ", ") + e.name;
    check(it != pool.experts.end(), pool.origin, " has no expert ", name, "; it has ", known);
    chosen.push_back(*it);
  }
  check(!chosen.empty(), pool.origin, ": no experts are named");
  pool.experts = std::move(chosen);
  return pool;
}

ANSER_INLINE std::vector<double> arrange_weights(const Pool& pool, const std::map<std::string, double>& by_name) {
  std::vector<double> weights;
  std::size_t used = 0;
  for (const Expert& e : pool.experts) {
    const auto it = by_name.find(e.name);
    check(it != by_name.end(), pool.origin, ": ", e.name, " has no weight; give it one, or leave it out (--experts)");
    weights.push_back(it->second);
    ++used;
  }
  for (const auto& [name, weight] : by_name)
    check(used == by_name.size() ||
              std::any_of(pool.experts.begin(), pool.experts.end(), [&](const Expert& e) { return e.name == name; }),
          pool.origin, ": there is a weight for ", name, ", which is not among the experts that are merged");
  return weights;
}

namespace detail {

/// Told once per site, whichever thread did it.
class SiteCounter {
 public:
  SiteCounter(const MergeProgress& progress, std::size_t sites) : progress_(progress), sites_(sites) {}
  void advance() {
    const std::lock_guard lock(mutex_);
    ++done_;
    if (progress_) progress_(done_, sites_);
  }

 private:
  const MergeProgress& progress_;
  std::size_t sites_, done_ = 0;
  std::mutex mutex_;
};

/// The experts' records as one, and a warning where they name different base models.
inline ExpertRecord merged_record(const Pool& pool, const MergeOptions& o, const std::string& name,
                                  std::vector<std::string>& warnings) {
  ExpertRecord merged;
  merged.name = name;
  std::string first, names;
  bool same = true;
  for (const Expert& e : pool.experts) {
    const auto record = read_record(e.origin);
    names += (names.empty() ? "" : ", ") + e.name;
    if (!record || record->base_hash.empty()) {
      same = false;
    } else if (first.empty()) {
      first = e.name;
      merged.base_model = record->base_model;
      merged.base_hash = record->base_hash;
    } else if (record->base_hash != merged.base_hash) {
      if (warnings.empty())
        warnings.push_back(concat(pool.origin, ": ", first, " and ", e.name,
                                  " were trained on different base models; what their merge does is uncertain"));
      same = false;
    }
  }
  if (!same) merged.base_model = merged.base_hash = "";
  merged.training_data = concat("merged by ", rule_of(o.method).name, " from ", names);
  return merged;
}

/// Numbers in another dtype.
inline Stored stored_as(DType dtype, const Shape& shape, const std::vector<double>& values) {
  const auto write = [&]<class T>(T) {
    const auto kept = std::make_shared<std::vector<T>>(values.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      if constexpr (std::is_same_v<T, double>)
        (*kept)[i] = values[i];
      else
        (*kept)[i] = T(float(values[i]));
    Stored s = stored_view(kept->data(), shape);
    s.keep = kept;
    return s;
  };
  switch (dtype) {
    case DType::f64: return write(double{});
    case DType::f16: return write(f16{});
    case DType::bf16: return write(bf16{});
    default: return write(float{});
  }
}

/// The base's linears that its files hold, by their weights.
inline std::vector<LinearSizes> stored_linears(const ModelDirectory& base) {
  std::vector<LinearSizes> all;
  constexpr std::string_view ending = ".weight";
  for (const std::string& name : base.names()) {
    const auto* entry = base.entry(name);
    if (!name.ends_with(ending) || entry->shape.size() != 2) continue;
    const Stored w = *base.find(name);
    if (is_real(w.dtype)) all.push_back({name.substr(0, name.size() - ending.size()), w.shape[0], w.shape[1]});
  }
  return all;
}

/// What lies beside the weights: configurations and the vocabulary.
inline void copy_companions(const ModelDirectory& base, const std::string& output) {
  namespace fs = std::filesystem;
  std::error_code problem;
  const bool sharded = !has_file(base.origin() + "/model.safetensors");
  for (const auto& entry : fs::directory_iterator(base.origin(), problem)) {
    const std::string name = entry.path().filename().string();
    const bool text = name.ends_with(".json") || name.ends_with(".model") || name.ends_with(".txt");
    if (!text || name.starts_with('.') || name == "merge.json" || !entry.is_regular_file(problem)) continue;
    if (name.ends_with(".index.json") && !(sharded && name == "model.safetensors.index.json")) continue;
    const auto bytes = MappedFile::open(entry.path().string());
    write_file(output + '/' + name, {reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  }
  check(!problem, base.origin(), " cannot be read: ", problem.message());
}

inline std::vector<PeftConfig> configs_of(const Pool& pool) {
  std::vector<PeftConfig> all;
  std::vector<std::string> told;  // when the pool was loaded
  for (const Expert& e : pool.experts) all.push_back(read_peft_config(e.origin + "/adapter_config.json", told));
  return all;
}

}  // namespace detail

ANSER_INLINE MergeReport merge_pool(const Pool& pool, const MergeOptions& options, const std::string& output,
                                    const MergeProgress& progress) {
  OutputDirectory folder(output);
  const detail::SiteMerger merger(pool, options);
  const auto& sites = merger.sites();
  const bool ia3 = pool.kind == "IA3";
  MergeReport report;
  report.weights = merger.weights();
  report.sites.resize(sites.size());
  const ExpertRecord record = detail::merged_record(pool, options, folder.name(), report.warnings);
  std::vector<FactoredProduct> merged(sites.size());
  detail::SiteCounter counter(progress, sites.size());
  // What works on entries takes a site's whole matrices, and has threads of its own.
  cpu::for_units(int(sites.size()), !merger.by_entries() && cpu::thread_count() > 1, [&](int unit) {
    const auto i = std::size_t(unit);
    if (ia3)
      merged[i].a = merger.matrix(sites[i], report.sites[i]).values;
    else
      merged[i] = merger.product(sites[i], report.sites[i]);
    for (float& v : merged[i].a) v += ia3 ? 1.f : 0.f;
    counter.advance();
  });

  const auto configs = detail::configs_of(pool);
  std::vector<NamedTensor> tensors;
  std::vector<std::string> inputs;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const FactoredProduct& p = merged[i];
    if (ia3) {
      const Shape shape = pool.experts[sites[i].experts[0]].tensors->find(sites[i].path + ".ia3_l")->shape;
      if (shape[0] == 1) inputs.push_back(sites[i].path);
      tensors.emplace_back(sites[i].path + ".ia3_l", stored_view(p.a.data(), shape));
    } else {
      tensors.emplace_back(sites[i].path + ".lora_A.weight", stored_view(p.a.data(), {p.rank, p.in}));
      tensors.emplace_back(sites[i].path + ".lora_B.weight", stored_view(p.b.data(), {p.out, p.rank}));
    }
  }
  for (const auto& [name, t] : tensors) detail::check_merged(t, name);
  write_record(folder.path(), record);
  write_file(folder.path() + "/merge.json", detail::merge_record(pool, options, report));
  if (ia3)
    write_expert(folder.path(), detail::merged_ia3(configs, report.sites, inputs), std::move(tensors));
  else
    write_expert(folder.path(), detail::merged_lora(configs, report.sites), std::move(tensors));
  folder.commit();
  return report;
}

ANSER_INLINE MergeReport merge_pool(const Pool& pool, const MergeOptions& options, const ModelDirectory& base,
                                    const std::string& output, const MergeProgress& progress) {
  OutputDirectory folder(output);
  check_against(pool, detail::stored_linears(base));
  const detail::SiteMerger merger(pool, options);
  const bool ia3 = pool.kind == "IA3", cut = options.rank > 0 || options.method == MergeMethod::svd;
  MergeReport report;
  report.weights = merger.weights();
  detail::merged_record(pool, options, folder.name(), report.warnings);
  std::map<std::string, const detail::SharedSite*> by_weight;
  for (const auto& site : merger.sites()) by_weight.emplace(site.path + ".weight", &site);
  detail::SiteCounter counter(progress, merger.sites().size());
  const auto make = [&](const std::string& name, const Stored& weight) {
    const auto it = by_weight.find(name);
    if (it == by_weight.end()) return weight;
    MergedSite& site = report.sites.emplace_back();
    const DenseMatrix delta = cut ? multiply(merger.product(*it->second, site)) : merger.matrix(*it->second, site);
    std::vector<double> values(weight.shape.size());
    convert(weight, values.data());
    const std::size_t cols = std::size_t(weight.shape[1]);
    const bool input = ia3 &&
                       pool.experts[it->second->experts[0]].tensors->find(it->second->path + ".ia3_l")->shape[0] == 1 &&
                       cols == delta.values.size();
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] += ia3 ? values[i] * double(delta.values[input ? i % cols : i / cols]) : double(delta.values[i]);
    const Stored merged = detail::stored_as(weight.dtype, weight.shape, values);
    detail::check_merged(merged, name);
    counter.advance();
    return merged;
  };
  for (const auto& shard : base.shards()) {
    std::vector<NamedTensor> tensors;
    for (const auto& entry : shard->entries()) tensors.emplace_back(entry.name, *shard->find(entry.name));
    auto metadata = shard->metadata();
    metadata.try_emplace("format", "pt");
    write_safetensors(folder.path() + '/' + std::filesystem::path(shard->origin()).filename().string(),
                      std::move(tensors), metadata, make);
  }
  std::sort(report.sites.begin(), report.sites.end(),
            [](const MergedSite& a, const MergedSite& b) { return a.site < b.site; });
  write_file(folder.path() + "/merge.json", detail::merge_record(pool, options, report));
  detail::copy_companions(base, folder.path());
  folder.commit();
  return report;
}

}  // namespace anser
