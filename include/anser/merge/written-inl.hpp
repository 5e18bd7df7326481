#pragma once
#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "../core/error.hpp"
#include "../io/peft.hpp"
#include "../io/peft_config.hpp"
#include "pool.hpp"

namespace anser::detail {

/// The shortest text that reads as the same number.
inline std::string number_text(double v) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, v).ptr};
}

/// merge.json: what was merged, how, and how well.
inline std::string merge_record(const Pool& pool, const MergeOptions& o, const MergeReport& report) {
  const MergeRule& rule = rule_of(o.method);
  std::string text = "{\n  \"method\": " + quote(rule.name) + ",\n  \"weights\": {";
  for (std::size_t e = 0; e < pool.experts.size(); ++e)
    text += (e ? ", " : "") + quote(pool.experts[e].name) + ": " + number_text(report.weights[e]);
  text += "},\n  \"lambda\": " + number_text(o.lambda);
  if (rule.kept != MergeRule::all) text += ",\n  \"density\": " + number_text(o.density);
  if (rule.kept == MergeRule::random) text += ",\n  \"seed\": " + std::to_string(o.seed);
  if (rule.elects)
    text += concat(",\n  \"majority_sign\": \"", o.sign == MajoritySign::total ? "total" : "frequency", '"');
  if (report.cut()) text += ",\n  \"error\": " + number_text(report.error());
  text += ",\n  \"sites\": {";
  for (std::size_t i = 0; i < report.sites.size(); ++i) {
    const MergedSite& s = report.sites[i];
    text += (i ? ",\n    " : "\n    ") + quote(s.site) + ": {\"experts\": " + std::to_string(s.experts);
    if (s.rank) text += ", \"rank\": " + std::to_string(s.rank);
    if (s.cut) text += ", \"error\": " + number_text(s.relative_error());
    text += '}';
  }
  return text + "\n  }\n}\n";
}

/// What all experts agree on, else nothing.
template <class T, class F>
std::optional<T> agreed(const std::vector<PeftConfig>& configs, F of) {
  for (const PeftConfig& c : configs)
    if (!(of(c) == of(configs[0]))) return {};
  return of(configs[0]);
}

/// Targets of the merged expert. PEFT must find the sites of its tensors and no others: the experts' own targets where
/// they agree, the endings of all where all have plain endings, else the sites one by one.
inline Targets merged_targets(const std::vector<PeftConfig>& configs, const std::vector<MergedSite>& sites) {
  const auto plain = [](const Targets& t) {
    return t.excluded.empty() && !t.excluded_pattern && t.layers.empty() && t.layers_pattern.empty();
  };
  const bool all_plain =
      std::all_of(configs.begin(), configs.end(), [&](const PeftConfig& c) { return plain(c.targets); });
  const auto written = agreed<std::string>(
      configs, [](const PeftConfig& c) { return concat(c.targets.pattern.has_value(), c.targets.written()); });
  if (all_plain && written) return configs[0].targets;
  Targets merged;
  const bool endings = all_plain && std::all_of(configs.begin(), configs.end(), [](const PeftConfig& c) {
                         return !c.targets.all && !c.targets.pattern;
                       });
  if (endings) {
    for (const PeftConfig& c : configs)
      merged.endings.insert(merged.endings.end(), c.targets.endings.begin(), c.targets.endings.end());
  } else {
    for (const MergedSite& s : sites) merged.endings.push_back(s.site);
  }
  std::sort(merged.endings.begin(), merged.endings.end());
  merged.endings.erase(std::unique(merged.endings.begin(), merged.endings.end()), merged.endings.end());
  return merged;
}

/// adapter_config.json of a merged LoRA whose sites have these ranks: the delta is B A, so alpha is the rank.
inline LoraDescription merged_lora(const std::vector<PeftConfig>& configs, const std::vector<MergedSite>& sites) {
  std::map<int, int> sites_of_rank;
  for (const MergedSite& s : sites) ++sites_of_rank[s.rank];
  LoraDescription d;
  d.rank = std::max_element(sites_of_rank.begin(), sites_of_rank.end(), [](const auto& a, const auto& b) {
             return a.second < b.second;
           })->first;
  d.alpha = d.rank;
  d.targets = merged_targets(configs, sites);
  d.base_model = agreed<std::string>(configs, [](const PeftConfig& c) { return c.base_model; }).value_or("");
  for (const MergedSite& s : sites)
    if (s.rank != d.rank) {
      d.ranks.emplace_back(s.site, s.rank);
      d.alphas.emplace_back(s.site, s.rank);
    }
  return d;
}

/// What adapter_config.json says of a merged IA3; `inputs`: the sites that scale what comes in.
inline Ia3Description merged_ia3(const std::vector<PeftConfig>& configs, const std::vector<MergedSite>& sites,
                                 const std::vector<std::string>& inputs) {
  const auto lists =
      agreed<std::pair<std::vector<std::string>, std::vector<std::string>>>(configs, [](const PeftConfig& c) {
        const auto endings = [](const Targets& t) {
          const bool plain = !t.all && !t.pattern && t.excluded.empty() && !t.excluded_pattern;
          return plain ? t.endings : std::vector<std::string>();
        };
        return std::pair(endings(c.targets), endings(c.feedforward));
      });
  Ia3Description d;
  if (lists && !lists->first.empty() && !lists->second.empty()) {
    d.targets.endings = lists->first;
    d.feedforward = lists->second;
  } else {
    for (const MergedSite& s : sites) d.targets.endings.push_back(s.site);
    d.feedforward = inputs;
  }
  d.base_model = agreed<std::string>(configs, [](const PeftConfig& c) { return c.base_model; }).value_or("");
  return d;
}

}  // namespace anser::detail
