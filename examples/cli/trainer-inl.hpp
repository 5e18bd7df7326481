#pragma once
#include <anser/t5/initialise.hpp>
#include <anser/train.hpp>

#include "experts.hpp"
#include "routers.hpp"
#include "text.hpp"
#include "trainer.hpp"

namespace anser::cli {

/// The optimizer by its name, with the settings that T5 is trained with.
ChosenOptimizer choose_optimizer(const TrainerOptions& o);
/// What --initial says. Throws Error where that is not names=number.
std::vector<InitialDeviation> initial_deviations(const TrainerOptions& o);
/// The files of a vocabulary and of generation's settings beside `model`, as far as they are there, and their names.
std::vector<CopiedFile> companions(const std::string& model);
/// spiece.model or tokenizer.json, whatever the file is called.
std::string vocabulary_name(const std::string& path);
/// The tasks of the lines that are trained and validated on, sorted, and for the router tag each one's expert, by
/// --tasks-to-experts or else in turn. Throws Error naming a line without "task", and an expert that will not be.
TrainedRouter trained_router(const TrainerOptions& o, const std::vector<std::string>& experts);
/// Throws Error where a folder holds experts that a new pool there would be taken together with.
void refuse_other_experts(const std::string& pool);

template <Backend B>
class TrainerOn final : public Trainer {
  using Kind = TrainerOptions::Kind;

 public:
  TrainerOn(std::unique_ptr<B> device, const TrainerOptions& o)
      : options_(o),
        device_(std::move(device)),
        files_(o.engine.model.empty() ? nullptr : ModelDirectory::open(o.engine.model)),
        tokenizer_(Tokenizer::load(o.engine.model.empty() ? o.vocabulary : o.engine.model)),
        model_(*device_, config()) {
    check(tokenizer_.size() <= model_.config().vocabulary, "the vocabulary has ", tokenizer_.size(),
          " pieces and the model ", model_.config().vocabulary,
          " (vocab_size of config.json): they do not belong together");
    if (files_)
      model_.load(*files_);
    else
      initialise(model_, Random::of(o.training.seed, Draws::weights), initial_deviations(o));
    learn();
    training_.emplace(
        fit(), feed(o.data, o.mixing), validation(),
        [this](const Context<B>& cx, const TokenBatch& texts, const Batch<B>& batch) {
          LossOptions loss = options_.loss;
          loss.consistency = consistent_;
          if (!batch.training) loss.smoothing = 0;
          Batch<B> known = batch;
          known.task = tasks_of(texts);
          return batch_loss(cx, model_, texts, known, loss);
        },
        identified(o.training));
    facts_.done = training_->steps();
  }

  TrainingFacts facts() const override { return facts_; }
  bool run(const Watch& watch, const std::function<void(const std::string&)>& plan) override {
    return training_->run(watch, [&](const MemoryPlan& p) {
      const std::size_t available = available_memory(*device_);
      plan(describe(p, available));
      refuse_where_too_much(p, available);
    });
  }
  const std::vector<Metric>& metrics() const override { return training_->metrics(); }

  long long finish() override {
    const TrainerOptions& o = options_;
    const long long step = o.keep_last ? training_->steps() : training_->take_best();
    std::string data;
    for (const auto& file : o.data) data += (data.empty() ? "" : ", ") + file;
    if (o.kind == Kind::full) {
      if (o.engine.model.empty())
        write_model(o.output, model_, read_json(o.config), {{o.vocabulary, vocabulary_name(o.vocabulary)}});
      else
        write_model(o.output, model_, files_->config(), companions(o.engine.model));
    } else if (o.kind == Kind::gate) {
      write_gates(o.output, gate_tensors(training_->parameters(), names_[0]),
                  {{"training_data", data}, {"steps", std::to_string(step)}});
    } else if (o.kind == Kind::joint) {
      std::string names;
      for (const std::string& name : names_) names += name + '\n';
      for (const std::string& name : names_) write_one(o.output + '/' + name, name, name, data, step);
      write_safetensors(o.output + "/router.safetensors", router_tensors(training_->parameters(), names_),
                        {{"experts", names}});
      write_trained_router(o.output, router_, step);
    } else {
      write_one(o.output, names_[0], o.name, data, step);
    }
    return step;
  }

 private:
  TrainingOptions identified(TrainingOptions o) const {
    o.trained = files_ ? "the model with the hash " + files_->hash() : "a model that begins with random weights";
    if (!router_.tasks.empty()) o.trained += ", tasks";
    for (std::size_t t = 0; t < router_.tasks.size(); ++t)
      o.trained += ' ' + quote(router_.tasks[t]) + (router_.name == "tag" ? " by " + router_.experts[t] : "");
    return o;
  }
  /// `expert`: its name among the parameters.
  void write_one(const std::string& directory, const std::string& expert, const std::string& name,
                 const std::string& data, long long step) const {
    const TrainerOptions& o = options_;
    std::error_code problem;
    std::filesystem::create_directories(directory, problem);
    check(!problem, directory, ": the folder cannot be made: ", problem.message(), "; name another output");
    write_record(directory, {name, o.engine.model, files_->hash(), data, step});
    with_module([&](const auto& module) {
      write_expert(directory, description(module), expert_tensors(training_->parameters(), expert));
    });
  }
  LoraDescription description(const Lora& module) const {
    LoraDescription d;
    d.rank = module.rank;
    d.alpha = module.alpha;
    d.targets = targets();
    d.base_model = options_.engine.model;
    return d;
  }
  Ia3Description description(const Ia3& module) const {
    return {targets(), Targets::parse(module.feedforward).endings, options_.engine.model};
  }
  AdapterDescription description(const Adapter& module) const { return {module.activation, options_.engine.model}; }

  template <class F>
  void with_module(F&& f) const {
    const TrainerOptions& o = options_;
    if (o.module == "ia3")
      f(Ia3{});
    else if (o.module == "adapter")
      f(Adapter{o.bottleneck, activation(), !o.no_norm});
    else
      f(Lora{o.rank, o.alpha});
  }
  Activation activation() const {
    const auto known = std::find(std::begin(activation_names), std::end(activation_names), options_.activation);
    return Activation(known - std::begin(activation_names));
  }
  Targets targets() const {
    if (!options_.targets.empty()) return Targets::parse(options_.targets);
    return Targets::parse(options_.module == "ia3" ? "k,v,wo" : "q,k,v,o,wi,wi_0,wi_1,wo");
  }
  T5Config config() const {
    T5Config c = files_ ? read_config(*files_) : read_config(read_json(options_.config));
    if (options_.dropout >= 0) c.dropout = options_.dropout;
    return c;
  }

  /// Attaches what is trained, and says what learns; what is frozen is packed.
  void learn() {
    const TrainerOptions& o = options_;
    walk(model_, [&](const std::string&, const auto& t) { facts_.parameters += t.shape().size(); });
    if (o.kind == Kind::full) {
      parameters_ = learn_only<B>(Pattern(o.learn), weights_of(model_));
    } else {
      attach_experts();
      parameters_ = learn_only<B>(Pattern(o.kind == Kind::gate ? ".*\\.gate\\..*" : ".*"), experts_of(model_));
      bool matrices = false;
      if (!o.learn_along.empty())
        for (auto& p : learn_only<B>(Pattern(o.learn_along), weights_of(model_))) {
          matrices = matrices || p.value.shape().rank() > 1;
          parameters_.push_back(std::move(p));
        }
      if (!matrices) model_.pack();
    }
    for (auto& p : parameters_) {
      facts_.learned += p.value.shape().size();
      if (p.name.find(".router.") != p.name.npos) p.rate = router_rate_;
    }
  }
  void attach_experts() {
    if (options_.kind == Kind::gate)
      attach_gate();
    else
      with_module([&](const auto& module) { attach_new(module); });
  }
  void attach_gate() {
    const TrainerOptions& o = options_;
    std::vector<Expert> experts{load_expert(o.expert, &facts_.warnings)};
    Expert& e = experts[0];
    check_against(e, linears(model_));
    const auto record = read_record(o.expert);
    if (record && !record->base_hash.empty() && record->base_hash != files_->hash())
      facts_.warnings.push_back(o.expert + " was trained on another model than " + o.engine.model);
    std::error_code ignored;
    const auto pool = std::filesystem::absolute(o.expert, ignored).lexically_normal().parent_path();
    if (std::filesystem::exists(pool / "router.safetensors", ignored))
      facts_.warnings.push_back((pool / "router.safetensors").string() +
                                ": weights of the model that learned along with a pool are not heard while a gate is "
                                "trained");
    e.gates = nullptr;  // they begin at zeros, whatever was there
    e.name = "expert";  // folders may be renamed between a stop and going on
    names_.push_back(e.name);
    if (e.kind == "IA3")
      attach<B, Ia3, SigmoidGate>(model_, experts);
    else if (e.kind == "ANSER_ADAPTER")
      attach<B, Adapter, SigmoidGate>(model_, experts);
    else
      attach<B, Lora, SigmoidGate>(model_, experts);
  }
  template <class Module>
  void attach_new(const Module& module) {
    const TrainerOptions& o = options_;
    const bool joint = o.kind == Kind::joint;
    const int n = joint ? o.experts : 1;
    if (joint && !o.training.resume) refuse_other_experts(o.output);
    const auto sites = std::is_same_v<Module, Adapter> ? sublayers_of(model_) : sites_of(model_, targets());
    std::vector<Expert> experts;
    for (int e = 0; e < n; ++e) {
      experts.push_back(create_expert(joint ? name_of_expert(e, n) : "expert", sites, module,
                                      Random::of(o.training.seed, Draws::experts).fork(std::uint64_t(e))));
      names_.push_back(experts.back().name);
    }
    bool attached = false;
    if (joint) {
      router_ = trained_router(o, names_);
      JointOptions told{o.training.seed, int(router_.tasks.size()), {}};
      for (const std::string& name : router_.name == "tag" ? router_.experts : std::vector<std::string>{})
        told.expert_of_task.push_back(int(std::find(names_.begin(), names_.end(), name) - names_.begin()));
      each_joint_router(told, [&](const std::string& name, const char*, auto router) {
        if (name != router_.name) return;
        attach_joint(std::span<const Expert>(experts), module, router);
        attached = true;
      });
    }
    if (!attached) attach<B, Module, Uniform>(model_, experts);
  }
  template <class Module, class Router>
  void attach_joint(std::span<const Expert> experts, const Module& module, const Router& router) {
    if constexpr (Combines<Module, Router>) {
      if constexpr (requires { router.rate; }) router_rate_ = router.rate;
      if constexpr (requires { Router::consistent; }) consistent_ = Router::consistent;
      check(!(requires { Router::deferred; } && options_.training.checkpointing), "--router ", router_.name,
            " closes its losses after the model's, where blocks do not run again; train without --checkpointing");
      check(!consistent_ || !options_.loss.choice, "--router ", router_.name, " makes two passes a step, which --loss ",
            options_.loss_name, " has no use for; take --loss lm");
      attach(model_, experts, module, router);
    } else {
      fail("--router ", router_.name, " cannot be combined with --module ", options_.module,
           ": its experts do not have what the router asks for (docs/routed.md#combinations)");
    }
  }
  /// Numbers of the examples' tasks, for a router that is told them. A batch that memory is planned with has none.
  std::vector<int> tasks_of(const TokenBatch& texts) const {
    std::vector<int> numbers;
    if (names_tasks(router_.name))
      for (const std::string& task : texts.tasks)
        numbers.push_back(task.empty() ? 0
                                       : int(std::lower_bound(router_.tasks.begin(), router_.tasks.end(), task) -
                                             router_.tasks.begin()));
    return numbers;
  }
  /// What is computed together; fit() sees to it that it divides the batch, so that all parts count alike.
  int micro_batch() const { return std::min(options_.micro_batch, options_.batch); }
  Fit<B, ChosenOptimizer> fit() const {
    const TrainerOptions& o = options_;
    Schedule s{Schedule::named(o.schedule), o.rate, 0, o.training.steps, o.final_rate};
    s.warmup = (long long)(o.warmup < 1 ? std::llround(o.warmup * double(o.training.steps)) : std::llround(o.warmup));
    Fit<B, ChosenOptimizer> f(choose_optimizer(o), parameters_, s);
    check(o.batch % micro_batch() == 0, "--micro-batch ", micro_batch(), " does not divide --batch ", o.batch);
    f.accumulate = o.batch / micro_batch();
    f.clip = o.clip;
    return f;
  }
  Feed feed(const std::vector<std::string>& files, const Mixing& mixing) const {
    Batching batching;
    batching.examples = micro_batch();
    batching.tokens = options_.micro_tokens;
    const auto encode = [this](const std::string& text) { return tokenizer_.encode(text); };
    TextLimits limits = options_.limits;
    limits.on_cut = [told = cut_](const std::string& place, std::size_t tokens, int kept) {
      if (std::exchange(*told, true)) return;
      warn(concat(place, ": a text of ", tokens, " tokens is cut to ", kept,
                  " (--max-input, --max-target); others that are cut are not told of"));
    };
    if (!options_.plain_text) return Feed(files, mixing, batching, limits, encode);
    return Feed(corrupted_texts(files, limits, encode, options_.spans, find_sentinels(tokenizer_)), mixing, batching);
  }
  std::vector<TokenBatch> validation() {
    const TrainerOptions& o = options_;
    if (o.training.validate_every <= 0) return {};
    const auto most = std::size_t(o.validation_examples);
    auto batches = o.validation.empty() ? feed(o.data, o.mixing).held_out(most) : feed({o.validation}, {}).whole(most);
    for (const auto& b : batches) facts_.validation += b.inputs.size();
    return batches;
  }

  TrainerOptions options_;
  std::unique_ptr<B> device_;
  std::shared_ptr<const ModelDirectory> files_;
  Tokenizer tokenizer_;
  T5Model<B> model_;
  TrainingFacts facts_;
  std::vector<std::string> names_;  // of the experts
  TrainedRouter router_;            // joint
  double router_rate_ = 1;          // of the learning rate
  bool consistent_ = false;         // two passes a step
  std::vector<Parameter<B>> parameters_;
  std::shared_ptr<bool> cut_ = std::make_shared<bool>(false);  // whether a text that is cut was told of
  std::optional<Training<B, ChosenOptimizer>> training_;
};

/// The trainer for a storage type by its name.
template <template <class> class Device, class... A>
std::unique_ptr<Trainer> make_trainer_of(const TrainerOptions& o, A... device_arguments) {
  if (o.engine.dtype == "bf16")
    return std::make_unique<TrainerOn<Device<bf16>>>(std::make_unique<Device<bf16>>(device_arguments...), o);
  return std::make_unique<TrainerOn<Device<float>>>(std::make_unique<Device<float>>(device_arguments...), o);
}

}  // namespace anser::cli
