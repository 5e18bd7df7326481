// anser reproduce smear: what each of its methods trains and measures, at either scale.
#include "reproduce_smear.hpp"

#include <anser/io/json.hpp>

#include "text.hpp"
#include "trainer.hpp"

namespace anser::cli {
namespace {

bool is_among(const Words& wanted, const JointMethod& m) { return wanted.empty() || contains(wanted, m.name); }

std::string scores_file(const JointMethod& m) { return std::string("scores/") + m.name + ".json"; }

}  // namespace

void add_joint_methods(std::vector<Step>& steps, SeedSteps& s, const JointTrainings& t, const Words& wanted) {
  int nth = 0;
  for (const JointMethod& m : joint_methods) {
    ++nth;
    if (!is_among(wanted, m)) continue;
    Words pool;
    std::vector<std::size_t> after = t.after;
    if (m.router != std::string("none")) {
      const std::string own = std::string("pools/") + m.name;
      const int experts = m.one ? 1 : t.experts, width = m.wide ? t.experts * t.bottleneck : t.bottleneck;
      Words writes{own + "/router.json", own + "/router.safetensors", own + "/training"};
      for (int e = 0; e < experts; ++e)
        for (const char* file : {"/adapter_config.json", "/adapter_model.safetensors", "/expert.json"})
          writes.push_back(own + '/' + name_of_expert(e, experts) + file);
      pool = {"--pool", s.path(own)};
      Words words{"train",         "joint",
                  "--model",       t.model,
                  "--router",      m.router,
                  "--module",      "adapter",
                  "--experts",     std::to_string(experts),
                  "--bottleneck",  std::to_string(width),
                  "--learn-along", ".*layer_norm.*",
                  "--seed",        s.training_seed(nth),
                  "--output",      s.path(own)};
      Words reads = t.learned;
      if (m.name == std::string("tag") && !t.tasks_to_experts.empty()) {
        words = together({words, {"--tasks-to-experts", t.tasks_to_experts}});
        reads.push_back(t.tasks_to_experts);
      }
      const std::size_t trained =
          s.add(own, together({words, t.train, {"--data"}, t.data}), t.after, writes, t.seconds);
      steps[trained].folders = {s.path(own)};
      steps[trained].resumes = true;
      steps[trained].reads = std::move(reads);
      after.push_back(trained);
    }
    const std::size_t measured =
        s.add(std::string("scores/") + m.name,
              together({t.measure, {"--routers", m.router, "--output", s.path(scores_file(m))}, pool}),
              std::move(after), {scores_file(m)}, 1);
    steps[measured].reads = t.asked;
  }
}

Results read_joint_methods(const ReproduceOptions& o, const Words& wanted) {
  const auto seeds = seeds_of(o);
  std::string tasks;
  std::vector<std::pair<std::string, MethodScores>> scores;
  for (const auto seed : seeds)
    for (const JointMethod& m : joint_methods) {
      if (!is_among(wanted, m)) continue;
      const std::string file = o.output + "/seed-" + std::to_string(seed) + '/' + scores_file(m);
      const auto of_method = measured_scores(read_json(file)).at(m.router);
      if (tasks.empty()) tasks = tasks_text(of_method);
      scores.emplace_back(m.name, summarise(of_method, 2000, seed));
    }
  Results results = begin_results(seeds, "smear", tasks, o.scale);
  for (auto& [method, of_method] : scores) results.add(method, std::move(of_method));
  return results;
}

}  // namespace anser::cli
