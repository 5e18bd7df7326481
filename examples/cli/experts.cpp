#include "experts.hpp"

#include <anser/io/peft_config.hpp>

#include <algorithm>
#include <filesystem>
#include <set>

#include "text.hpp"

namespace anser::cli {

ExpertSummary summarise(const Expert& e) {
  ExpertSummary s;
  std::set<std::string> targets;
  for (const auto& site : e.sites) targets.insert(site.substr(site.rfind('.') + 1));
  for (const auto& t : targets) s.targets += (s.targets.empty() ? "" : ",") + t;
  int least = 0, most = 0;
  for (const auto& name : e.tensors->names()) {
    const auto t = e.tensors->find(name);
    s.parameters += t->shape.size();
    if (!name.ends_with(".lora_A.weight")) continue;
    least = least ? std::min(least, t->shape.rows()) : t->shape.rows();
    most = std::max(most, t->shape.rows());
  }
  if (most) s.ranks = least == most ? std::to_string(most) : concat(least, '-', most);
  if (const auto record = read_record(e.origin)) {
    s.base = record->base_model;
    s.steps = grouped(std::uint64_t(std::max<std::int64_t>(record->steps, 0)));
  }
  if (s.base.empty()) {
    std::vector<std::string> warnings;
    s.base = read_peft_config(e.origin + "/adapter_config.json", warnings).base_model;
  }
  if (s.base.empty()) s.base = "-";
  return s;
}

}  // namespace anser::cli
