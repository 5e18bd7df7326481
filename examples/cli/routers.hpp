#pragma once
#include <anser/router/ensemble.hpp>
#include <anser/router/given.hpp>
#include <anser/router/hash.hpp>
#include <anser/router/none.hpp>
#include <anser/router/phatgoose.hpp>
#include <anser/router/random.hpp>
#include <anser/router/sigmoid_gate.hpp>
#include <anser/router/smear.hpp>
#include <anser/router/spectr.hpp>
#include <anser/router/st_gumbel.hpp>
#include <anser/router/top1.hpp>
#include <anser/router/uniform.hpp>
#include <anser/router/weights.hpp>
#include <map>

namespace anser::cli {

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
};

/// What a setting says; empty where it is not given.
std::string setting(const RouterOptions& o, const std::string& key);
/// The number that a setting has; `otherwise` where it is not given. Throws Error where it is none above 0.
double setting(const RouterOptions& o, const std::string& key, double otherwise);

/// Reads the router's files and checks its settings. Throws Error where a setting is missing, unknown, or not this
/// router's.
RouterOptions resolve(RouterOptions o);

/// Those that are trained together with their pool: f(name, what it does, the policy).
template <class F>
void each_joint_router(std::uint64_t seed, F&& f) {
  f("smear", "per input and site all experts merged into one", Smear{.seed = seed});
  f("ensemble", "per input and site all experts, their outputs weighted", Ensemble{.seed = seed});
  f("top1", "per input and site the most probable expert, times its probability", Top1{.seed = seed});
  f("st-gumbel", "per input and site one expert, drawn while it trains", StGumbel{.seed = seed});
  f("hash", "per input and site the expert that a hash of the input names", Hash{.seed = seed});
  f("random", "per input and site any expert while it trains, then all alike", RandomRouter{});
}

/// Every router that the program knows: f(name, what it does, the policy). A new router is one line here.
template <class F>
void each_router(const RouterOptions& o, F&& f) {
  const double t = setting(o, "temperature", 1);
  f("none", "nobody is heard: the base model, whatever the pool", None{});
  f("single", "the one --expert NAME", Weights{{{o.expert, 1.0}}});
  f("uniform", "merged experts: all of them with equal weights", Uniform{});
  f("weights", "a fixed mix, --weights FILE.json of {\"expert\": weight}", Weights{o.mix});
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
  each_joint_router(0, f);
  f("sigmoid-gate", "a pool of one expert, weighted by its own gate as in gate training", SigmoidGate{});
}

}  // namespace anser::cli
