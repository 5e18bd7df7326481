#pragma once
#include <anser/eval/intervals.hpp>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "charts.hpp"
#include "plot.hpp"
#include "routing.hpp"

namespace anser::cli {

/// A metric as results.json has it: shares from 0 to 1.
struct ReportedScores {
  std::vector<double> values;      // a value per seed
  std::vector<Interval> examples;  // of each, over examples; or empty
  std::optional<Interval> seeds;   // from five seeds on
};
using ReportedMetrics = std::map<std::string, ReportedScores>;
struct ReportedMethod {
  std::string name;
  std::map<std::string, ReportedMetrics> groups, tasks;
};
struct ReportedTask {
  std::string name, group, oracle;  // its best expert; or empty
  std::size_t examples = 0;         // 0: not known
};

/// One setting, varied.
struct ReportedSweep {
  struct Value {
    std::string value;
    std::map<std::string, std::map<std::string, ReportedMetrics>> methods;  // and their groups
  };
  std::string setting;
  std::vector<Value> values;
};

/// All that the page of an experiment shows.
struct Report {
  std::string experiment;  // the method that it is about, or empty
  std::vector<std::string> seeds;
  std::vector<ReportedMethod> methods;
  std::vector<ReportedTask> tasks;
  std::vector<std::pair<std::string, std::string>> settings;
  std::vector<ReportedSweep> sweeps;
  std::optional<Routing> routing;
  struct Stage {
    std::string name;
    std::vector<Curve> curves;
  };
  std::vector<Stage> stages;
  std::string commands;
};

/// What lies in an experiment's directory: results.json, and where they are there routing.json, commands.txt and the
/// metrics.jsonl of trainings (docs/cli.md). Throws Error naming the file that is missing or broken.
Report read_report(const std::string& directory);
/// The report as one page of HTML that is XML too: no script, and nothing to load.
std::string report_page(const Report& report);
/// The two together: DIRECTORY/report.html, whole or not at all. Returns its path.
std::string write_report(const std::string& directory);

// Parts of the page.
/// What a method is called in papers, and what it does.
struct MethodText {
  std::string label;
  Bar::Kind kind;
  std::string does;
};
MethodText describe(const Report& report, const std::string& method);
/// Those of a group, the most telling first.
std::vector<std::string> metrics_of(const Report& report, const std::string& group);
std::string metric_text(const std::string& metric);  // "exact match"
std::string bars_of(const Report& report, const std::string& group, const std::string& metric);
/// In words: which methods the experiment's is above, and which not.
std::string verdict_on(const Report& report, const std::string& group, const std::string& metric);
std::string group_tables(const Report& report, const std::string& group);
std::string task_table(const Report& report);
std::string method_list(const Report& report);
/// Pictures of the sweeps, or nothing where there are none.
std::string sweeps_part(const Report& report);
std::string routing_part(const Report& report);

}  // namespace anser::cli
