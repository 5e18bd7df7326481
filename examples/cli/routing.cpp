#include "routing.hpp"

#include <anser/core/error.hpp>
#include <anser/io/json.hpp>

#include "charts.hpp"
#include "jsonl.hpp"

namespace anser::cli {
namespace {

/// Enough digits to draw, and the same on every run.
std::string number(double v) { return fixed(v, 5); }

std::string site_text(const TracedSite& s) {
  const auto whole = [](int e) { return std::to_string(e); };
  return "{\"site\": " + quote(s.site) + ", \"stack\": \"" + s.stack +
         "\", \"reads_source\": " + (s.reads_source ? "true" : "false") +
         ", \"experts\": " + json_list(s.experts, [&](const auto& row) { return json_list(row, whole); }) +
         ", \"weights\": " + json_list(s.weights, [&](const auto& row) { return json_list(row, number); }) + '}';
}

std::string input_text(const std::string& task, const TracedInput& i) {
  return "    {\"task\": " + quote(task) + ", \"input\": " + quote(i.text) + ", \"target\": " + quote(i.target) +
         ",\n     \"read\": " + json_list(i.read, quote) + ", \"written\": " + json_list(i.written, quote) +
         ",\n     \"sites\": " + json_list(i.sites, site_text) + '}';
}

/// Numbers of experts and their weights, of each token.
template <class T, class F>
std::vector<std::vector<T>> rows_of(const Json& json, std::size_t tokens, F&& value) {
  std::vector<std::vector<T>> rows;
  for (const Json& row : json.items()) {
    rows.emplace_back();
    for (const Json& v : row.items()) rows.back().push_back(value(v));
  }
  if (rows.size() != tokens)
    fail(json.place() + " is of " + std::to_string(rows.size()) + " tokens, and the input has " +
         std::to_string(tokens));
  return rows;
}

TracedInput input_of(const Json& json, std::size_t experts) {
  TracedInput i;
  i.text = json.text("input");
  i.target = json.text("target");
  i.read = json.at("read").texts();
  i.written = json.at("written").texts();
  for (const Json& site : json.at("sites").items()) {
    TracedSite s{site.text("stack"), site.text("site"), site.boolean("reads_source"), {}, {}};
    const std::size_t tokens = (s.reads_source ? i.read : i.written).size();
    s.experts = rows_of<int>(site.at("experts"), tokens,
                             [&](const Json& v) { return int(v.integer(0, std::int64_t(experts) - 1)); });
    s.weights = rows_of<float>(site.at("weights"), tokens, [](const Json& v) { return float(v.real()); });
    for (std::size_t t = 0; t < tokens; ++t)
      if (s.experts[t].size() != s.weights[t].size())
        fail(site.place() + ": token " + std::to_string(t) + " has not a weight for each of its experts");
    i.sites.push_back(std::move(s));
  }
  return i;
}

}  // namespace

std::string routing_text(const Routing& r) {
  std::string tasks, inputs;
  for (const auto& t : r.tasks) {
    std::string sites;
    for (const auto& [site, weights] : t.sites)
      sites += (sites.empty() ? "\n      " : ",\n      ") + quote(site) + ": " + json_list(weights, number);
    tasks += (tasks.empty() ? "\n    " : ",\n    ") + quote(t.name) + ": {\"examples\": " + std::to_string(t.examples) +
             ", \"sites\": {" + sites + "}}";
  }
  for (const auto& [task, input] : r.inputs) inputs += (inputs.empty() ? "\n" : ",\n") + input_text(task, input);
  return "{\n  \"router\": " + quote(r.router) + ",\n  \"experts\": " + json_list(r.experts, quote) +
         ",\n  \"tasks\": {" + tasks + "},\n  \"inputs\": [" + inputs + "]\n}\n";
}

Routing read_routing(const std::string& path) {
  const Json file = read_json(path);
  Routing r{file.text("router"), file.at("experts").texts(), {}, {}};
  if (r.experts.empty()) fail(path + " names no experts");
  const Json tasks = file.at("tasks");
  for (const auto& name : tasks.keys()) {
    const Json task = tasks.at(name), sites = task.at("sites");
    r.tasks.push_back({name, std::size_t(task.integer("examples", 1, std::int64_t(1) << 40)), {}});
    for (const auto& site : sites.keys()) {
      std::vector<double> weights;
      for (const Json& v : sites.at(site).items()) weights.push_back(v.real());
      if (weights.size() != r.experts.size())
        fail(sites.at(site).place() + " has " + std::to_string(weights.size()) + " weights, not one for each of the " +
             std::to_string(r.experts.size()) + " experts");
      r.tasks.back().sites.emplace_back(site, std::move(weights));
    }
  }
  for (const Json& i : file.at("inputs").items()) r.inputs.emplace_back(i.text("task"), input_of(i, r.experts.size()));
  return r;
}

}  // namespace anser::cli
