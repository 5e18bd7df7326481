// anser reproduce phatgoose --scale full: the paper's comparison on a model, a pool and tasks that a user brings.
#include <anser/io/pool.hpp>

#include <algorithm>

#include "jsonl.hpp"
#include "reproduce_phatgoose.hpp"
#include "seed_steps.hpp"
#include "text.hpp"

namespace anser::cli {
namespace {

/// Whether every expert has a file of its own beside its weights.
template <class Part>
bool all_have(const Pool& pool, Part Expert::*part) {
  return std::all_of(pool.experts.begin(), pool.experts.end(), [&](const Expert& e) { return bool(e.*part); });
}

}  // namespace

void reproduce_phatgoose_full(const ReproduceOptions& o, const PhatGooseFullOptions& f) {
  check_given({{"--model", f.model}, {"--pool", f.pool}, {"--tasks", f.tasks}},
              "it measures a pool of yours on tasks of yours");
  check(o.seeds.size() == 1,
        "--scale full trains nothing: one of --seeds draws the bootstrap samples, more say nothing");
  check_apart(o.output, {f.model, f.pool, f.tasks});
  const Pool pool = load_pool(f.pool);
  const std::string model = absolute_path(f.model), experts = absolute_path(f.pool), tasks = absolute_path(f.tasks);
  std::vector<std::string> names, order, left_out;
  for (const Expert& e : pool.experts) {
    names.push_back(e.name);
    check(e.name.find(',') == e.name.npos, e.origin, ": its name has a comma, which separates names; give it another");
  }

  std::vector<Step> steps;
  const auto measure = [&](const std::string& name, const Words& what, const Words& reads) {
    order.push_back(name);
    Step step{"scores/" + name,
              together({measure_words(f),
                        {"--pool", experts, "--top-k", std::to_string(f.top_k), "--output", "scores/" + name + ".json"},
                        what}),
              {},
              {"scores/" + name + ".json"},
              60};
    step.reads = together({{model, experts, tasks}, reads});
    steps.push_back(std::move(step));
  };
  const auto by_router = [&](const std::string& router, bool possible, const std::string& needs) {
    if (possible)
      measure(router, {"--routers", router}, {});
    else
      left_out.push_back(router + " (" + needs + ")");
  };
  by_router("none", true, "");
  by_router("uniform", true, "");
  by_router("phatgoose", all_have(pool, &Expert::gates), "not every expert has gates; anser train gate makes them");
  by_router("average-activation", all_have(pool, &Expert::activations),
            "not every expert has mean activations; anser pool activations makes them");
  by_router("arrow", pool.kind == "LORA", "for LoRA alone");
  by_router("spectr", pool.kind == "LORA", "for LoRA alone");
  if (f.encoder.empty())
    left_out.push_back("retrieval (no --encoder)");
  else if (!all_have(pool, &Expert::embeddings))
    left_out.push_back("retrieval (not every expert has embeddings; anser pool embeddings makes them)");
  else
    measure("retrieval", {"--routers", "retrieval", "--router-option", "encoder=" + absolute_path(f.encoder)},
            {absolute_path(f.encoder)});
  if (f.without_single) left_out.push_back("single, oracle (--without-single)");
  const std::vector<std::string> methods = order;
  if (!f.without_single)
    for (const auto& name : names) measure("single-" + name, {"--single", name}, {});
  for (const auto& text : left_out) tell("left out: " + text);
  run_steps(o, "phatgoose at full scale", steps, 1);

  std::map<std::string, std::vector<TaskScores>> scores;
  for (const auto& name : order)
    for (auto& [method, of_method] : measured_scores(read_json(o.output + "/scores/" + name + ".json")))
      scores[method] = std::move(of_method);
  const auto seed = seeds_of(o)[0];
  Results results = begin_results({seed}, "phatgoose", tasks_text(scores.at("none")), "full");
  results.note("settings", settings_text(f, {{"pool", quote(last_folder(experts))},
                                             {"experts", json_list(names)},
                                             {"top_k", std::to_string(f.top_k)}}));
  results.note("left_out", json_list(left_out));
  std::vector<std::string> shown = methods;
  if (!f.without_single) {
    const Choice choice = choose_best(scores, names);
    results.note("best_individual", json_list({choice.best}));
    std::string oracle;
    for (const auto& [task, expert] : choice.oracle)
      oracle += (oracle.empty() ? "    " : ",\n    ") + quote(task) + ": " + json_list({expert});
    results.note("oracle", "{\n" + oracle + "\n  }");
    shown.insert(shown.begin() + 1, {"single", "oracle"});
  }
  for (const auto& method : shown) results.add(method, summarise(scores.at(method), 2000, seed));
  finish(o, steps, results, tables_text(results, "PHATGOOSE"));
}

}  // namespace anser::cli
