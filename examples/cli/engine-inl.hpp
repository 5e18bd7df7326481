#pragma once
#include <algorithm>
#include <anser/t5.hpp>
#include <cmath>
#include <span>

#include "engine.hpp"
#include "experts.hpp"
#include "routers.hpp"

namespace anser::cli {

template <Backend B>
class EngineOn final : public Engine {
 public:
  EngineOn(std::unique_ptr<B> device, const EngineOptions& o)
      : device_(std::move(device)),
        files_(ModelDirectory::open(o.model)),
        model_(*device_, read_config(*files_)),
        dtype_(o.dtype) {
    surplus_ = model_.load(*files_);
    if (!o.pool.empty()) {
      pool_ = load_pool(o.pool, {o.skip_broken, files_->hash(), o.router.allow, o.router.deny});
      check_against(pool_, linears(model_));
      hear(o.router);
    }
    if (!surplus_.empty())
      pool_.warnings.insert(pool_.warnings.begin(),
                            concat(files_->origin(), ": ", surplus_.size(), " tensors are no part of a T5 and are not ",
                                   "used, such as ", surplus_[0], "; is config.json of the same model?"));
    model_.pack();
  }

  const T5Config& config() const override { return model_.config(); }
  const Pool& pool() const override { return pool_; }

  void route(const RouterOptions& o) override {
    check(!pool_.experts.empty(), "the router ", o.name, " needs a --pool of experts");
    model_.unpack();
    model_.load(*files_);  // weights that learned along with a pool are not heard without it
    hear(o);
    model_.pack();
  }

  std::vector<Generated> generate(const Tokens& input, const Generation& o, std::vector<int> given) override {
    const auto batch = of_examples(std::move(given));
    return or_blame(heard(), [&] {
      auto session = model_.encode({*device_}, input, batch);
      return anser::generate(model_, session, o);
    });
  }

  std::vector<std::vector<double>> score(const Tokens& input,
                                         const std::vector<std::vector<std::vector<std::int32_t>>>& choices,
                                         std::vector<int> given) override {
    const auto batch = of_examples(std::move(given));
    return or_blame(heard(), [&] { return score_choices(model_, Context<B>{*device_}, input, choices, batch); });
  }

  std::vector<std::vector<std::int32_t>> force(const Tokens& input,
                                               const std::vector<std::vector<std::int32_t>>& targets,
                                               std::vector<int> given) override {
    Tokens labels = Tokens::pad(targets, config().pad);
    labels.mask.clear();  // what stands behind a target is seen by nobody
    const Context<B> cx{*device_};
    auto session = model_.encode(cx, input, of_examples(std::move(given)));
    const auto logits = floats(model_.decode(cx, session, shift_right(labels, config().start, config().pad), false));
    or_blame(heard(), [&] { check_numbers(logits); });
    std::vector<std::vector<std::int32_t>> likeliest;
    auto row = logits.begin();
    for (const auto& target : targets) {
      likeliest.emplace_back();
      for (int j = 0; j < labels.tokens; ++j, row += config().vocabulary)
        if (std::size_t(j) < target.size())
          likeliest.back().push_back(std::int32_t(std::max_element(row, row + config().vocabulary) - row));
    }
    return likeliest;
  }

  ForwardResult forward(const Tokens& input, const Tokens& decoder_input, bool routing,
                        std::vector<int> given) override {
    const Context<B> cx{*device_};
    std::vector<TraceEntry<B>> trace;
    auto batch = of_examples(std::move(given));
    if (routing) batch.trace = &trace;
    auto session = model_.encode(cx, input, batch);
    ForwardResult r;
    r.logits = floats(model_.decode(cx, session, decoder_input, false));
    r.encoded = floats(session.source.encoded);
    std::stable_sort(trace.begin(), trace.end(),
                     [](const auto& a, const auto& b) { return a.site.index < b.site.index; });
    for (const auto& t : trace)
      r.routing.push_back({t.site.name, t.site.stack, t.site.rows, t.expert.cols(), t.expert.host(), floats(t.weight)});
    or_blame(heard(), [&] {
      check_numbers(r.logits);
      for (const auto& d : r.routing) check_numbers(d.weight);
    });
    return r;
  }

  void weigh(const std::vector<double>& weights) override {
    check(weights.size() == pool_.experts.size(), weights.size(), " weights for ", pool_.experts.size(), " experts");
    if (!weighed_) {
      Weights all;
      for (const Expert& e : pool_.experts) all.weights.emplace_back(e.name, 1.0);
      with_module(pool_.kind,
                  [&](auto module) { attach(model_, std::span<const Expert>(pool_.experts), module, all); });
      model_.pack();
      weighed_ = true;
    }
    with_module(pool_.kind, [&](auto module) { set_weights(module, weights); });
  }

  void leave_out(int expert) override {
    check(!is_joint(router_.name), "the router ", router_.name,
          " is trained with its pool as a whole, so no expert of it can be left out");
    auto experts = pool_.experts;
    if (expert >= 0) experts[std::size_t(expert)].sites.clear();
    attach_by_name(router_, experts);
    model_.pack();
  }

  std::vector<MeanRow> mean_inputs(const Expert& expert, const std::vector<TeacherForced>& batches,
                                   const std::function<void(const TeacherForced&)>& done) override {
    with_module(expert.kind,
                [&](auto module) { attach(model_, std::span<const Expert>(&expert, 1), module, MeanInput{}); });
    model_.pack();
    const Context<B> cx{*device_};
    for (const TeacherForced& b : batches) {
      auto session = model_.encode(cx, b.input);
      model_.decode(cx, session, b.decoder_input, false);
      done(b);
    }
    std::vector<MeanRow> rows;
    experts_of(model_)([&](const std::string& name, Real<B>& t) {
      if (const auto at = name.rfind(".activation."); at != name.npos) {
        rows.push_back({name.substr(0, at), floats(t)});
        or_blame({&expert, 1}, [&] { check_numbers(rows.back().mean, "a site's mean input"); });
      }
    });
    return rows;
  }

 private:
  /// Of a pool that is heard with Weights.
  template <class Module>
  void set_weights(const Module&, const std::vector<double>& weights) {
    model_.each_place([&](const Site& site, const std::unique_ptr<SiteExperts<B>>& place) {
      if (!place) return;
      std::vector<typename B::real> here;
      for (std::size_t e = 0; e < weights.size(); ++e)
        if (pool_.experts[e].has(site.name)) here.push_back(typename B::real(weights[e]));
      static_cast<Routed<B, Module, Weights>&>(*place).router().mix.weight.assign(here);
    });
  }
  /// Attaches the pool as the router decides, with what it learned.
  void hear(const RouterOptions& o) {
    router_ = resolve(o);
    router_.joint = joint_options(router_.name, pool_);
    const auto is_there = [&](const std::string& name) {
      return std::any_of(pool_.experts.begin(), pool_.experts.end(), [&](const Expert& e) { return e.name == name; });
    };
    check(router_.name != "single" || is_there(router_.expert), pool_.origin, ": --expert ", router_.expert,
          " is none of its experts; they are ", names_of(pool_));
    for (const auto& [name, weight] : router_.mix)
      check(is_there(name), router_.weights, ": the pool has no expert ", name, "; its experts are ", names_of(pool_));
    by_task_ = names_tasks(router_.name);
    attach_by_name(router_, pool_.experts);
    if (router_.name != "none") load_router(model_, pool_);
    weighed_ = false;
    if (!is_joint(router_.name)) return;
    if (const std::string with = read_trained_router(pool_.origin).name; !with.empty() && with != router_.name)
      pool_.warnings.push_back(
          concat(pool_.origin, " was trained with the router ", with, ", and ", router_.name, " decides now"));
  }
  Batch<B> of_examples(std::vector<int> given) const {
    Batch<B> batch;
    (by_task_ ? batch.task : batch.expert) = std::move(given);
    return batch;
  }
  /// Whom the router may give a token to.
  std::span<const Expert> heard() const {
    const std::span<const Expert> all(pool_.experts);
    if (weighed_ || (router_.name != "none" && router_.name != "single")) return all;
    if (router_.name == "none" || all.empty()) return {};
    const auto only = std::find_if(all.begin(), all.end(), [&](const Expert& e) { return e.name == router_.expert; });
    return all.subspan(std::size_t(only - all.begin()), 1);
  }
  /// What `compute` makes; where that is not finite, an Error that names the file at fault.
  template <class F>
  auto or_blame(std::span<const Expert> experts, F&& compute) const {
    try {
      return compute();
    } catch (const NotFinite& error) {
      const std::string found = error.what();  // up to where to look, which is known here
      blame(found.substr(0, found.find(';')), *files_, surplus_, experts, dtype_);
    }
  }
  static void check_numbers(const std::vector<float>& numbers, const char* which = "a logit or a routing weight") {
    if (!std::all_of(numbers.begin(), numbers.end(), [](float v) { return std::isfinite(v); }))
      throw NotFinite(concat(which, " is not finite"));
  }
  template <class F>
  static void with_module(const std::string& kind, F&& f) {
    if (kind == "IA3")
      f(Ia3{});
    else if (kind == "ANSER_ADAPTER")
      f(Adapter{});
    else
      f(Lora{});
  }
  void attach_by_name(const RouterOptions& o, std::span<const Expert> experts) {
    if (o.name == "none") experts = {};  // nobody is heard, so it does not matter whether they could be together
    with_module(pool_.kind, [&](auto module) { attach_with(module, o, experts); });
  }
  template <class Module>
  void attach_with(Module module, const RouterOptions& o, std::span<const Expert> experts) {
    std::string known;
    bool found = false;
    each_router(o, [&](const std::string& name, const char*, auto router) {
      known += (known.empty() ? "" : ", ") + name;
      if (name != o.name) return;
      found = true;
      attach_routed(module, router, name, experts);
    });
    check(found, "--router: there is no router ", o.name, "; known are ", known);
  }
  template <class Module, class R>
  void attach_routed(Module module, R router, const std::string& name, std::span<const Expert> experts) {
    if constexpr (Combines<Module, R>)
      attach(model_, experts, module, router);
    else
      fail("the router ", name, " cannot be combined with ", pool_.kind,
           " experts: they do not have what it asks for (docs/routed.md#combinations)");
  }
  static std::vector<float> floats(const Real<B>& x) {
    const auto v = x.host();
    return {v.begin(), v.end()};
  }

  std::unique_ptr<B> device_;
  std::shared_ptr<const ModelDirectory> files_;
  T5Model<B> model_;
  std::vector<std::string> surplus_;  // tensors of the model's files that it does not read
  std::string dtype_;
  Pool pool_;
  RouterOptions router_;
  bool weighed_ = false;  // who is heard is what weigh said
  bool by_task_ = false;  // what is given of an example is its task's number, and not an expert's place
};

/// The engine for a storage type by its name.
template <template <class> class Device, class... A>
std::unique_ptr<Engine> make_engine_of(const EngineOptions& o, A... device_arguments) {
  if (o.dtype == "bf16")
    return std::make_unique<EngineOn<Device<bf16>>>(std::make_unique<Device<bf16>>(device_arguments...), o);
  return std::make_unique<EngineOn<Device<float>>>(std::make_unique<Device<float>>(device_arguments...), o);
}

}  // namespace anser::cli
