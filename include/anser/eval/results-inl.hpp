#pragma once
#include <algorithm>
#include <charconv>
#include <cmath>

#include "../core/error.hpp"
#include "../io/json.hpp"
#include "results.hpp"

namespace anser {

ANSER_INLINE MethodScores summarise(const std::vector<TaskScores>& tasks, int resamples, std::uint64_t seed) {
  struct Sum {
    double value = 0;
    int tasks = 0;
    std::vector<double> means;  // of the resamples
  };
  const Random random = Random::of(seed, Draws::resample);
  std::map<std::string, std::map<std::string, Sum>> groups;
  MethodScores scores;
  for (const char* group : {"held_in", "held_out"}) scores.groups[group];  // scripts may count on both
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    check(!scores.tasks.contains(tasks[t].task), "results: the task ", tasks[t].task, " occurs twice");
    Estimates& of_task = scores.tasks[tasks[t].task];
    for (const auto& [metric, values] : tasks[t].values) {
      auto means = resampled_means(values, resamples, random.fork(t));
      const double value = mean(values);
      Sum& sum = groups[tasks[t].group][metric];
      sum.value += value;
      ++sum.tasks;
      sum.means.resize(means.size());
      for (std::size_t i = 0; i < means.size(); ++i) sum.means[i] += means[i];
      of_task[metric] = {value, percentile_interval(std::move(means))};
    }
  }
  for (auto& [group, metrics] : groups)
    for (auto& [metric, sum] : metrics) {
      for (double& m : sum.means) m /= sum.tasks;
      scores.groups[group][metric] = {sum.value / sum.tasks, percentile_interval(std::move(sum.means))};
    }
  return scores;
}

ANSER_INLINE Results::Results(std::vector<std::uint64_t> seeds) : seeds_(std::move(seeds)) {
  check(!seeds_.empty(), "results: of no seed");
}

ANSER_INLINE void Results::add(const std::string& method, MethodScores scores) {
  auto at = std::find_if(methods_.begin(), methods_.end(), [&](const Method& m) { return m.name == method; });
  if (at == methods_.end()) at = methods_.insert(at, {method, {}});
  check(at->by_seed.size() < seeds_.size(), "results: ", method, " has a result for each of the ", seeds_.size(),
        " seeds already");
  at->by_seed.push_back(std::move(scores));
}

namespace detail {

/// The shortest digits that read back as the same number.
inline std::string digits_of(double v) {
  check(std::isfinite(v), "results: a value is not finite");
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, v).ptr};
}
inline std::string interval_text(const Interval& i) { return '[' + digits_of(i.low) + ", " + digits_of(i.high) + ']'; }

using JsonEntries = std::vector<std::pair<std::string, std::string>>;  // keys, and values that are JSON already
using OverSeeds = std::string (*)(const std::vector<Estimate>&);

/// An object, an entry a line, `depth` steps in.
inline std::string object_text(const JsonEntries& entries, int depth) {
  if (entries.empty()) return "{}";
  const std::string margin(std::size_t(depth) * 2, ' ');
  std::string text = "{";
  for (const auto& [key, value] : entries)
    text.append(text.size() > 1 ? ",\n" : "\n")
        .append(margin)
        .append("  ")
        .append(quote(key))
        .append(": ")
        .append(value);
  return text.append("\n").append(margin).append("}");
}

/// {metric: write(the metric under every seed)}
inline std::string metrics_text(const std::vector<const Estimates*>& by_seed, int depth, OverSeeds write) {
  JsonEntries entries;
  for (const auto& [metric, first] : *by_seed[0]) {
    std::vector<Estimate> all;
    for (const Estimates* e : by_seed) all.push_back(e->at(metric));
    entries.emplace_back(metric, write(all));
  }
  return object_text(entries, depth);
}

/// {name: {metric: ...}} of groups, or of tasks.
inline JsonEntries part_entries(const std::vector<MethodScores>& by_seed,
                                std::map<std::string, Estimates> MethodScores::*part, int depth, OverSeeds write) {
  JsonEntries entries;
  for (const auto& [name, first] : by_seed[0].*part) {
    std::vector<const Estimates*> all;
    for (const MethodScores& m : by_seed) all.push_back(&(m.*part).at(name));
    entries.emplace_back(name, metrics_text(all, depth, write));
  }
  return entries;
}

/// The entries held_in, held_out and tasks of a method.
inline JsonEntries method_entries(const std::vector<MethodScores>& by_seed, int depth, OverSeeds write) {
  JsonEntries entries = part_entries(by_seed, &MethodScores::groups, depth + 1, write);
  entries.emplace_back("tasks", object_text(part_entries(by_seed, &MethodScores::tasks, depth + 2, write), depth + 1));
  return entries;
}

/// Whether two sets of scores have the same tasks with the same metrics.
inline bool are_alike(const MethodScores& a, const MethodScores& b) {
  if (a.tasks.size() != b.tasks.size()) return false;
  for (const auto& [task, metrics] : a.tasks) {
    const auto other = b.tasks.find(task);
    if (other == b.tasks.end() || other->second.size() != metrics.size()) return false;
    for (const auto& [metric, estimate] : metrics)
      if (!other->second.contains(metric)) return false;
  }
  return true;
}

inline std::string values_text(const std::vector<Estimate>& all) {
  std::string text;
  for (const Estimate& e : all) text.append(text.empty() ? "[" : ", ").append(digits_of(e.value));
  return text + ']';
}
inline std::string intervals_text(const std::vector<Estimate>& all) {
  std::string text;
  for (const Estimate& e : all) text.append(text.empty() ? "[" : ", ").append(interval_text(e.interval));
  return text + ']';
}
inline std::string seed_interval_text(const std::vector<Estimate>& all) {
  std::vector<double> values;
  for (const Estimate& e : all) values.push_back(e.value);
  return interval_text(seed_interval(values));
}

}  // namespace detail

ANSER_INLINE std::string Results::json() const {
  using namespace detail;
  JsonEntries entries = notes_, of_methods;
  std::string seeds;
  for (const auto seed : seeds_) seeds.append(seeds.empty() ? "[" : ", ").append(std::to_string(seed));
  entries.emplace_back("seeds", seeds + ']');
  for (const Method& m : methods_) {
    check(m.by_seed.size() == seeds_.size(), "results: ", m.name, " has results for ", m.by_seed.size(), " of ",
          seeds_.size(), " seeds");
    for (const MethodScores& s : m.by_seed)
      check(are_alike(s, m.by_seed[0]), "results: ", m.name, " has not the same tasks and metrics under every seed");
    JsonEntries parts = method_entries(m.by_seed, 2, values_text);
    parts.emplace_back("intervals", object_text(method_entries(m.by_seed, 3, intervals_text), 3));
    if (int(seeds_.size()) >= fewest_seeds)
      parts.emplace_back("seed_intervals", object_text(method_entries(m.by_seed, 3, seed_interval_text), 3));
    of_methods.emplace_back(m.name, object_text(parts, 2));
  }
  entries.emplace_back("methods", object_text(of_methods, 1));
  return object_text(entries, 0) + '\n';
}

}  // namespace anser
