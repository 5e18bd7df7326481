#include "experts.hpp"

#include <anser/bert.hpp>
#include <anser/cpu.hpp>
#include <anser/io/peft_config.hpp>
#include <anser/nn/retrieval.hpp>

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

std::string names_of(const Pool& pool) {
  std::vector<std::string> names;
  for (const Expert& e : pool.experts) names.push_back(e.name);
  return list_names(names);
}

namespace {
void check_tensors(const Source& source, const std::vector<std::string>& unused) {
  for (const auto& name : source.names()) {
    if (contains(unused, name)) continue;
    const auto t = source.find(name);
    check_finite(*t);
    if (t->evict) t->evict();
  }
}
}  // namespace

void blame(const std::string& found, const Source& model, const std::vector<std::string>& unused,
           std::span<const Expert> heard, const std::string& dtype) {
  try {
    check_tensors(model, unused);
    for (const Expert& e : heard) check_tensors(*e.tensors, {});  // what routers read they check as they load it
  } catch (const Error& error) {
    throw NotFinite(concat(found, ": ", error.what()));
  }
  throw NotFinite(concat(found, ", and all that the files hold is: a product overflowed; ",
                         dtype == "f32" ? "" : "try --dtype f32, or ",
                         "look whether an expert's scale (lora_alpha over r), its weight in --weights or a tensor "
                         "(`anser inspect --values`) is far too large"));
}

namespace {

std::vector<int> by_task(const std::vector<Json>& records, const Pool& pool, const RouterOptions& o) {
  std::vector<int> experts;
  for (const Json& record : records) {
    const std::string task = record.text("task");
    const auto named = o.expert_of_task.find(task);
    check(named != o.expert_of_task.end(), record.place(), ": the task ", quote(task), " is not in ", o.tasks);
    const auto at = std::find_if(pool.experts.begin(), pool.experts.end(),
                                 [&](const Expert& e) { return e.name == named->second; });
    check(at != pool.experts.end(), o.tasks, ": the pool has no expert ", named->second, ", which is to serve ",
          quote(task));
    experts.push_back(int(at - pool.experts.begin()));
  }
  return experts;
}

std::vector<int> numbers_of_tasks(const std::vector<Json>& records, const Pool& pool) {
  const auto known = read_trained_router(pool.origin).tasks;
  std::vector<int> numbers;
  for (const Json& record : records) {
    const std::string task = record.text("task");
    const auto at = std::find(known.begin(), known.end(), task);
    if (at == known.end()) {
      std::string all;
      for (const auto& name : known) all += (all.empty() ? "" : ", ") + name;
      fail(record.place(), ": the task ", quote(task), " is none of those that the router was trained on: ", all);
    }
    numbers.push_back(int(at - known.begin()));
  }
  return numbers;
}

std::vector<int> by_embedding(const std::vector<Json>& records, const Pool& pool, const RouterOptions& o, int threads) {
  const RetrievalIndex index(pool.experts);
  std::vector<std::string> texts;
  for (const Json& r : records) texts.push_back(retrieval_text(r.text("input"), r.texts("choices")));
  Cpu<float> device(threads);
  const SentenceEncoder<Cpu<float>> encoder(device, setting(o, "encoder"));
  check(encoder.width() == index.width(), setting(o, "encoder"), " makes vectors of ", encoder.width(),
        " numbers, and those of ", pool.origin, " have ", index.width(), "; name the encoder that made them");
  const auto rows = encoder.embed(texts);
  std::vector<int> experts;
  for (std::size_t i = 0; i < texts.size(); ++i)
    experts.push_back(
        index.nearest(std::span(rows).subspan(i * std::size_t(index.width()), std::size_t(index.width()))));
  return experts;
}

}  // namespace

JointOptions joint_options(const std::string& router, const Pool& pool) {
  if (router != "hash" && !names_tasks(router)) return {};
  const TrainedRouter trained = read_trained_router(pool.origin);
  check(trained.name == router, pool.origin, ": the router ", router,
        " is trained together with its pool (`anser train ", "joint --router ", router, "`), and this pool was ",
        trained.name.empty() ? "not trained with any" : "trained with " + trained.name);
  JointOptions o{trained.seed, int(trained.tasks.size()), {}};
  check(router == "hash" || o.tasks > 0, pool.origin, "/router.json names no tasks");
  if (router == "hash") {
    std::vector<std::string> names;
    for (const Expert& e : pool.experts) names.push_back(e.name);
    check(names == trained.experts, pool.origin,
          ": the router hash was trained with other experts than those that are "
          "in the pool now, or they were renamed");
  }
  if (router != "tag") return o;
  check(trained.experts.size() == trained.tasks.size(), pool.origin, "/router.json names ", trained.experts.size(),
        " experts for ", trained.tasks.size(), " tasks");
  for (const std::string& name : trained.experts) {
    const auto at =
        std::find_if(pool.experts.begin(), pool.experts.end(), [&](const Expert& e) { return e.name == name; });
    check(at != pool.experts.end(), pool.origin, ": the expert ", name,
          ", which router.json names, is not in the pool");
    o.expert_of_task.push_back(int(at - pool.experts.begin()));
  }
  return o;
}

std::vector<int> experts_for(const std::vector<Json>& records, const Pool& pool, const RouterOptions& o, int threads) {
  if (o.name == "oracle") return by_task(records, pool, resolve(o));
  if (names_tasks(o.name)) return numbers_of_tasks(records, pool);
  if (o.name == "retrieval") return by_embedding(records, pool, resolve(o), threads);
  return {};
}

std::vector<int> pick(const std::vector<int>& experts, const std::vector<std::size_t>& records) {
  std::vector<int> picked;
  if (!experts.empty())
    for (const std::size_t i : records) picked.push_back(experts[i]);
  return picked;
}

}  // namespace anser::cli
