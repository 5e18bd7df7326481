#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "intervals.hpp"

namespace anser {

/// What one method got on one task: per metric a value from 0 to 1 for every example.
struct TaskScores {
  std::string task, group;
  std::map<std::string, std::vector<double>> values;
};

/// A mean over examples, and its 95 % bootstrap interval.
struct Estimate {
  double value = 0;
  Interval interval;
};
using Estimates = std::map<std::string, Estimate>;  // by metric

/// One method under one seed. A group's value is the mean over those of its tasks that have the metric, each counting
/// alike; its interval resamples within each task.
struct MethodScores {
  std::map<std::string, Estimates> groups;  // held_in, held_out
  std::map<std::string, Estimates> tasks;
};

/// Means and intervals of what one method got. The same seed draws the same examples for every method.
MethodScores summarise(const std::vector<TaskScores>& tasks, int resamples, std::uint64_t seed);

/// Several methods under several seeds, as results.json has them: nothing in it depends on the time or the machine, so
/// that two runs write the same bytes.
class Results {
 public:
  /// One seed at least.
  explicit Results(std::vector<std::uint64_t> seeds);

  /// What is noted beside the results: `json` is a value already.
  void note(const std::string& key, const std::string& json) { notes_.emplace_back(key, json); }
  /// What a method got under the next of the seeds; methods keep the order of their first.
  void add(const std::string& method, MethodScores scores);

  struct Method {
    std::string name;
    std::vector<MethodScores> by_seed;
  };
  const std::vector<std::uint64_t>& seeds() const { return seeds_; }
  const std::vector<Method>& methods() const { return methods_; }

  /// {notes..., "seeds", "methods": {name: {"held_in": {metric: [a value per seed]}, "held_out": {...},
  /// "tasks": {task: {...}}, "intervals": the same with [low, high] for each value, and from five seeds on
  /// "seed_intervals": with one [low, high] over the seeds}}}. Throws Error where a method lacks a seed, or a task or
  /// metric under one of them.
  std::string json() const;

 private:
  std::vector<std::uint64_t> seeds_;
  std::vector<std::pair<std::string, std::string>> notes_;
  std::vector<Method> methods_;
};

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "results-inl.hpp"
#endif
