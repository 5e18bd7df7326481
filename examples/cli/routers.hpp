#pragma once
#include <anser/router/ada_mix.hpp>
#include <anser/router/dselect_k.hpp>
#include <anser/router/ensemble.hpp>
#include <anser/router/given.hpp>
#include <anser/router/hash.hpp>
#include <anser/router/latent_skills.hpp>
#include <anser/router/none.hpp>
#include <anser/router/phatgoose.hpp>
#include <anser/router/random.hpp>
#include <anser/router/reinforce.hpp>
#include <anser/router/sigmoid_gate.hpp>
#include <anser/router/smear.hpp>
#include <anser/router/spectr.hpp>
#include <anser/router/st_gumbel.hpp>
#include <anser/router/tag.hpp>
#include <anser/router/top1.hpp>
#include <anser/router/uniform.hpp>
#include <anser/router/weights.hpp>
#include <map>

namespace anser::cli {

/// What routers that are trained with their pool are told.
struct JointOptions {
  std::uint64_t seed = 0;
  int tasks = 1;                    // how many the training data has
  std::vector<int> expert_of_task;  // tag: places in the pool
};

/// What `train joint` writes into a pool's router.json, besides the steps: what a router has to be told again.
struct TrainedRouter {
  std::string name;
  std::uint64_t seed = 0;
  std::vector<std::string> tasks;    // of the training data, sorted
  std::vector<std::string> experts;  // tag: each task's; hash: all
};

/// Of a pool's directory; an empty name where it was not trained with a router.
TrainedRouter read_trained_router(const std::string& pool);
void write_trained_router(const std::string& pool, const TrainedRouter& router, long long steps);

/// What the options of the command line say about routing.
struct RouterOptions {
  std::string name = "phatgoose";
  int top_k = 2;
  std::string expert;                    // single: who
  std::string weights, tasks;            // files: weights' {"expert": weight}, oracle's {"task": "expert"}
  std::vector<std::string> settings;     // --router-option key=value
  std::vector<std::string> allow, deny;  // experts that alone, or that not, are in the pool

  // What the files say, read once.
  std::vector<std::pair<std::string, double>> mix;
  std::map<std::string, std::string> expert_of_task;
  JointOptions joint;
};

/// What a setting says; empty where it is not given.
std::string setting(const RouterOptions& o, const std::string& key);
/// The number that a setting has; `otherwise` where it is not given. Throws Error where it is none above 0.
double setting(const RouterOptions& o, const std::string& key, double otherwise);

/// The object {"task": "expert"} of a file.
std::map<std::string, std::string> read_tasks_to_experts(const std::string& path);

/// Reads the router's files and checks its settings. Throws Error where a setting is missing, unknown, or not this
/// router's.
RouterOptions resolve(RouterOptions o);

/// Those that are trained together with their pool: f(name, what it does, the policy).
template <class F>
void each_joint_router(const JointOptions& o, F&& f) {
  const std::uint64_t seed = o.seed;
  f("smear", "per input and site all experts merged into one", Smear{.seed = seed});
  f("ensemble", "per input and site all experts, their outputs weighted", Ensemble{.seed = seed});
  f("top1", "per input and site the most probable expert, times its probability", Top1{.seed = seed});
  f("st-gumbel", "per input and site one expert, drawn while it trains", StGumbel{.seed = seed});
  f("hash", "per input and site the expert that a hash of the input names", Hash{.seed = seed});
  f("random", "per input and site any expert while it trains, then all alike", RandomRouter{});
  f("tag", "per input the expert of its \"task\", which every line needs", Tag{o.expert_of_task, {}});
  f("reinforce", "per input and site one expert, drawn while it trains and rewarded by the loss",
    Reinforce{.seed = seed});
  f("dselect-k", "per input and site the experts that smooth bits spell", DSelectK{.seed = seed});
  f("latent-skills", "per \"task\" and site a mix of parameters", LatentSkills{.tasks = o.tasks, .seed = seed});
  f("adamix", "random halves of experts while it trains, in two passes a step; then all averaged", AdaMix{});
}

/// Every router that the program knows: f(name, what it does, the policy). A new router is one line here.
template <class F>
void each_router(const RouterOptions& o, F&& f) {
  const double t = setting(o, "temperature", 1);
  f("none", "nobody is heard: the base model, whatever the pool", None{});
  f("single", "the one --expert NAME", Weights{{{o.expert, 1.0}}});
  f("uniform", "merged experts: all of them with equal weights", Uniform{});
  f("weights", "a fixed mix, --weights FILE.json of {\"expert\": weight}", Weights{o.mix});
  f("lorahub", "a mix that `anser pool weights` searched for on a few examples, by --weights FILE.json",
    Weights{o.mix});
  f("oracle", "per input the expert of its \"task\", by --tasks-to-experts FILE.json of {\"task\": \"expert\"}",
    Given{});
  f("retrieval",
    "per input the expert that owns the nearest stored text, by --router-option encoder=DIR and `anser pool "
    "embeddings`",
    Given{});
  f("phatgoose", "per token and site the --top-k experts whose gates fit best", PhatGoose{.top_k = o.top_k});
  f("average-activation", "likewise with the experts' mean inputs for gates",
    PhatGoose{.top_k = o.top_k, .rows = PhatGoose::Rows::activations});
  f("arrow", "per token and site the --top-k LoRA experts whose main direction the token follows most",
    SpectR{.top_k = o.top_k, .temperature = t, .arrow = true});
  f("spectr", "per token and site the --top-k LoRA experts that would add most",
    SpectR{.top_k = o.top_k, .temperature = t});
  each_joint_router(o.joint, f);
  f("sigmoid-gate", "a pool of one expert, weighted by its own gate as in gate training", SigmoidGate{});
}

}  // namespace anser::cli
