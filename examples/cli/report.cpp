// anser report: an experiment's directory, read, and its page written again.
#include <anser/core/error.hpp>
#include <anser/io/charsmap.hpp>
#include <anser/io/json.hpp>
#include <anser/io/output_file.hpp>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "command.hpp"
#include "jsonl.hpp"
#include "reproduce_report.hpp"
#include "text.hpp"

namespace anser::cli {
namespace {
namespace fs = std::filesystem;

double share_of(const Json& json) {
  const double v = json.real();
  if (!(v >= 0 && v <= 1)) fail(json.place() + " must be from 0 to 1, not " + json.written(40));
  return v;
}
Interval interval_of(const Json& json) {
  const auto ends = json.items();
  if (ends.size() != 2) fail(json.place() + " must be [low, high]");
  return {ends[0].real(), ends[1].real()};
}
void check_count(const Json& list, std::size_t n, const char* what, std::size_t seeds) {
  if (n != seeds) fail(list.place() + " has " + std::to_string(n) + what + " for " + std::to_string(seeds) + " seeds");
}
/// A part of a method's entry under the same keys, where it has it.
std::optional<Json> find_part(const std::optional<Json>& of, const std::vector<std::string>& keys) {
  std::optional<Json> at = of;
  for (const auto& key : keys)
    if (at) at = at->find(key);
  return at;
}

ReportedMetrics metrics_at(const Json& method, std::vector<std::string> keys, std::size_t seeds) {
  ReportedMetrics metrics;
  const Json part = *find_part(method, keys);
  keys.emplace_back();
  for (const auto& metric : part.keys()) {
    keys.back() = metric;
    ReportedScores& s = metrics[metric];
    for (const Json& v : part.at(metric).items()) s.values.push_back(share_of(v));
    check_count(part.at(metric), s.values.size(), " values", seeds);
    if (const auto intervals = find_part(method.find("intervals"), keys)) {
      for (const Json& i : intervals->items()) s.examples.push_back(interval_of(i));
      check_count(*intervals, s.examples.size(), " intervals", seeds);
    }
    if (const auto interval = find_part(method.find("seed_intervals"), keys))
      s.seeds = interval_of(*interval);
    else if (int(seeds) >= fewest_seeds)
      s.seeds = seed_interval(s.values);
  }
  return metrics;
}

void add_settings(std::vector<std::pair<std::string, std::string>>& to, const std::string& name, const Json& value) {
  if (value.kind() != Json::Kind::object) {
    to.emplace_back(name, value.kind() == Json::Kind::text ? value.text() : value.written());
    return;
  }
  for (const auto& key : value.keys())
    if (const auto v = value.find(key)) add_settings(to, name == "settings" ? key : name + '.' + key, *v);
}

/// A task's best expert: of several seeds that of the first, whose routing is shown.
std::string oracle_of(const Json& results, const std::string& task) {
  auto choices = results.find("oracle");
  if (!choices && results.has("settings")) choices = results.at("settings").find("tasks_to_experts");
  const auto choice = choices ? choices->find(task) : std::nullopt;
  if (!choice) return {};
  return choice->kind() == Json::Kind::list ? choice->items().at(0).text() : choice->text();
}

void read_sweeps(Report& report, const Json& sweeps) {
  for (const auto& setting : sweeps.keys()) {
    ReportedSweep& sweep = report.sweeps.emplace_back();
    sweep.setting = setting;
    for (const auto& value : sweeps.at(setting).keys()) {
      auto& v = sweep.values.emplace_back();
      v.value = value;
      const Json methods = sweeps.at(setting).at(value);
      for (const auto& method : methods.keys())
        for (const auto& group : methods.at(method).keys())
          v.methods[method][group] = metrics_at(methods.at(method), {group}, report.seeds.size());
    }
    if (sweep.values.empty()) fail(sweeps.at(setting).place() + " has no values");
  }
}

void read_results(Report& report, const std::string& path) {
  const Json results = read_json(path), methods = results.at("methods");
  report.experiment = results.text("experiment", "");
  for (const Json& seed : results.at("seeds").items()) report.seeds.push_back(seed.written());
  if (report.seeds.empty()) fail(path + ": seeds is empty");
  if (methods.keys().empty()) fail(path + ": methods is empty");
  for (const auto& name : methods.keys()) {
    const Json method = methods.at(name), tasks = method.at("tasks");
    ReportedMethod& m = report.methods.emplace_back();
    m.name = name;
    for (const char* group : {"held_in", "held_out"}) {
      method.at(group);
      m.groups[group] = metrics_at(method, {group}, report.seeds.size());
    }
    for (const auto& task : tasks.keys()) m.tasks[task] = metrics_at(method, {"tasks", task}, report.seeds.size());
  }
  if (const auto tasks = results.find("tasks")) {
    for (const auto& name : tasks->keys()) {
      const Json task = tasks->at(name);
      report.tasks.push_back({name, task.text("group"), oracle_of(results, name),
                              std::size_t(task.integer("examples", 0, std::int64_t(1) << 40, 0))});
    }
  } else {
    for (const auto& [name, metrics] : report.methods[0].tasks)
      report.tasks.push_back({name, "", oracle_of(results, name), 0});
  }
  if (const auto sweeps = results.find("sweeps")) read_sweeps(report, *sweeps);
  for (const auto& key : results.keys())
    if (key != "methods" && key != "sweeps" && key != "tasks" && key != "oracle" && results.has(key))
      add_settings(report.settings, key, results.at(key));
}

/// Trainings below the folder of the first seed, or below the whole: STAGE/NAME/training*/metrics.jsonl.
void read_curves(Report& report, const fs::path& directory) {
  fs::path root = directory / ("seed-" + report.seeds[0]);
  if (!fs::is_directory(root)) root = directory;
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(root, fs::directory_options::skip_permission_denied))
    if (entry.path().filename() == "metrics.jsonl" &&
        entry.path().parent_path().filename().string().starts_with("training"))
      files.push_back(entry.path());
  std::map<std::string, std::vector<Curve>> stages;
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    const fs::path training = file.parent_path(), owner = fs::relative(training.parent_path(), root);
    std::string stage = owner.has_parent_path() ? owner.parent_path().string() : owner.string();
    if (stage == ".") stage = "training";
    if (training.filename() == "training-gate") stage += ", gates";
    Curve& curve = stages[stage].emplace_back();
    curve.name = owner.filename().string();
    for (const Json& line : read_jsonl(file.string())) curve.metrics.push_back(Metrics::parse(line));
  }
  for (auto& [name, curves] : stages) report.stages.push_back({name, std::move(curves)});
}

void check_routing(const Report& report, const std::string& path) {
  const auto& experts = report.routing->experts;
  for (const ReportedTask& t : report.tasks)
    if (!t.oracle.empty() && std::find(experts.begin(), experts.end(), t.oracle) == experts.end())
      fail(path + ": no expert is named " + t.oracle + ", which results.json has as the best one of " + t.name +
           "; do the two files belong together?");
}

std::string text_of(const fs::path& path) {
  const auto file = MappedFile::open(path.string());
  const std::string text(reinterpret_cast<const char*>(file->data()), file->size());
  if (!is_utf8(text)) fail(path.string() + " is not UTF-8; convert it, such as with iconv");
  return text;
}

}  // namespace

Report read_report(const std::string& directory) {
  const fs::path folder = directory;
  if (!fs::exists(folder)) fail(directory + " does not exist");
  if (!fs::is_directory(folder)) fail(directory + " is no directory; a report is made of what lies in one");
  if (!fs::exists(folder / "results.json"))
    fail(directory + " holds no results.json; anser reproduce and anser eval --output write one");
  Report report;
  read_results(report, (folder / "results.json").string());
  if (const fs::path routing = folder / "routing.json"; fs::exists(routing)) {
    report.routing = read_routing(routing.string());
    check_routing(report, routing.string());
  }
  read_curves(report, folder);
  if (fs::exists(folder / "commands.txt")) report.commands = text_of(folder / "commands.txt");
  return report;
}

std::string write_report(const std::string& directory) {
  const std::string path = (fs::path(directory) / "report.html").string();
  write_file(path, report_page(read_report(directory)));
  return path;
}

void add_report(Command& program) {
  auto directory = std::make_shared<std::string>();
  Command& c = program.add_subcommand(
      "report",
      "Writes DIR/report.html, a page of an experiment's results: without scripts, it loads nothing. It is made from "
      "DIR/results.json (of reproduce, or of eval --output DIR) and what else lies there: routing.json (of trace "
      "--tasks), commands.txt, and the trainings' metrics.jsonl.");
  c.add_option("DIR", *directory, "Where these files lie")->required()->type_name("");
  add_examples(c,
               {"anser eval --model t5 --pool experts --routers phatgoose,uniform,none --tasks tasks --output out",
                "anser trace --model t5 --pool experts --tasks tasks --output out/routing.json", "anser report out"});
  c.callback([=] { print(write_report(*directory) + '\n'); });
}

}  // namespace anser::cli
