#include "score_table.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "text.hpp"

namespace anser::cli {

std::string score_text(const std::vector<double>& values, const Interval* over_examples) {
  const auto percent = [](double share) { return fmt::format("{:.1f}", 100 * share); };
  Interval i;
  if (int(values.size()) >= fewest_seeds) {
    i = seed_interval(values);
  } else if (values.size() > 1) {
    i = {*std::min_element(values.begin(), values.end()), *std::max_element(values.begin(), values.end())};
  } else {
    if (!over_examples) return percent(values[0]);
    i = *over_examples;
  }
  return fmt::format("{} [{}, {}]", percent(mean(values)), percent(i.low), percent(i.high));
}

std::string metric_table(const Results& results, const std::string& group) {
  const auto& groups = results.methods()[0].by_seed[0].groups;
  const auto first = groups.find(group);
  if (first == groups.end() || first->second.empty()) return {};
  std::vector<std::string> head{"method"};
  for (const auto& [metric, e] : first->second) head.push_back('>' + metric);
  Table table(head);
  for (const auto& m : results.methods()) {
    std::vector<std::string> row{m.name};
    for (const auto& [metric, e] : m.by_seed[0].groups.at(group)) {
      std::vector<double> values;
      for (const auto& s : m.by_seed) values.push_back(s.groups.at(group).at(metric).value);
      row.push_back(score_text(values, &e.interval));
    }
    table.add(row);
  }
  return table.text();
}

std::string heading_text(const std::string& name, std::size_t seeds) {
  return fmt::format("{}, {} seed{}: means in % [{}]\n", name, seeds, seeds == 1 ? "" : "s",
                     seeds == 1                  ? "95 % interval over examples"
                     : int(seeds) < fewest_seeds ? "least and most of the seeds"
                                                 : "95 % interval over seeds");
}

}  // namespace anser::cli
