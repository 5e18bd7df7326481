#include "router_options.hpp"

#include <anser/core/error.hpp>
#include <anser/io/json.hpp>
#include <anser/io/output_file.hpp>
#include <charconv>
#include <filesystem>

#include "text.hpp"

namespace anser::cli {
namespace {

/// An object's entries, in the file's order.
Json read_object(const std::string& path, const char* form) {
  const Json json = read_json(path);
  check(json.kind() == Json::Kind::object, path, ": it must be an object such as ", form);
  return json;
}

}  // namespace

std::string setting(const RouterOptions& o, const std::string& key) {
  std::string value;
  for (const auto& word : o.settings)
    if (word.starts_with(key + '=')) value = word.substr(key.size() + 1);
  return value;
}
double setting(const RouterOptions& o, const std::string& key, double otherwise) {
  const std::string text = setting(o, key);
  if (text.empty()) return otherwise;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), otherwise);
  check(problem == std::errc() && end == text.data() + text.size() && otherwise >= 1e-9 && otherwise < 1e9,
        "--router-option ", key, '=', text, ": it must be a number above 0");
  return otherwise;
}

RouterOptions resolve(RouterOptions o) {
  const auto needs = [&](const char* router, const std::string& value, const char* option) {
    check(o.name != router || !value.empty(), "the router ", router, " needs ", option);
    check(o.name == router || value.empty(), option, " is a setting of the router ", router, ", and not of ", o.name);
  };
  needs("single", o.expert, "--expert");
  needs(o.name == "lorahub" ? "lorahub" : "weights", o.weights, "--weights");
  needs("oracle", o.tasks, "--tasks-to-experts");
  const std::string known = o.name == "arrow" || o.name == "spectr" ? "temperature"
                            : o.name == "retrieval"                 ? "encoder"
                                                                    : "";
  for (const auto& word : o.settings) {
    check(!known.empty() && word.starts_with(known + '='), "--router-option ", word, ": the router ", o.name,
          known.empty() ? " has no such settings" : " has the one setting " + known);
    check(word.size() > known.size() + 1, "--router-option ", word, ": a value is missing behind =");
  }
  check(
      o.name != "retrieval" || !setting(o, "encoder").empty(),
      "the router retrieval needs --router-option encoder=DIR, the sentence encoder that embedded the experts' texts");
  if (!o.weights.empty()) {
    const Json file = read_object(o.weights, "{\"expert\": 0.5}");
    for (const auto& name : file.keys()) o.mix.emplace_back(name, file.real(name));
    check(!o.mix.empty(), o.weights, ": no weights");
  }
  if (!o.tasks.empty()) o.expert_of_task = read_tasks_to_experts(o.tasks);
  return o;
}

std::map<std::string, std::string> read_tasks_to_experts(const std::string& path) {
  std::map<std::string, std::string> experts;
  const Json file = read_object(path, "{\"task\": \"expert\"}");
  for (const auto& task : file.keys()) experts[task] = file.text(task);
  return experts;
}

std::vector<std::string> assign_experts(const std::string& path, const std::vector<std::string>& tasks,
                                        const std::vector<std::string>& experts) {
  std::vector<std::string> assigned;
  if (path.empty()) {
    for (std::size_t t = 0; t < tasks.size(); ++t) assigned.push_back(experts[t % experts.size()]);
    return assigned;
  }
  const auto given = read_tasks_to_experts(path);
  for (const auto& task : tasks) {
    const auto at = given.find(task);
    check(at != given.end(), path, ": the task ", quote(task), " is not in it");
    check(contains(experts, at->second), path, ": there will be no expert ", at->second, "; they are called ",
          experts.front(), " to ", experts.back());
    assigned.push_back(at->second);
  }
  return assigned;
}

TrainedRouter read_trained_router(const std::string& pool) {
  TrainedRouter router;
  const std::string path = pool + "/router.json";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return router;
  const Json file = read_object(path, "{\"router\": \"smear\"}");
  router.name = file.text("router");
  const std::string seed = file.text("seed", "0");
  const auto [end, problem] = std::from_chars(seed.data(), seed.data() + seed.size(), router.seed);
  check(problem == std::errc() && end == seed.data() + seed.size(), path, ": the seed ", quote(seed), " is no number");
  router.tasks = file.texts("tasks");
  router.experts = file.texts("experts");
  return router;
}

void write_trained_router(const std::string& pool, const TrainedRouter& router, long long steps) {
  const auto list = [](const std::vector<std::string>& words) {
    std::string text;
    for (const auto& w : words) text += (text.empty() ? "" : ", ") + quote(w);
    return '[' + text + ']';
  };
  std::string text = concat("{\n  \"router\": ", quote(router.name), ",\n  \"steps\": ", steps, ",\n  \"seed\": \"",
                            router.seed, "\"");
  if (!router.tasks.empty()) text += ",\n  \"tasks\": " + list(router.tasks);
  if (!router.experts.empty()) text += ",\n  \"experts\": " + list(router.experts);
  write_file(pool + "/router.json", text + "\n}\n");
}

}  // namespace anser::cli
