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

#include "router_options.hpp"

namespace anser::cli {

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

inline bool is_joint(const std::string& router) {
  bool joint = false;
  each_joint_router({}, [&](const char* name, const char*, const auto&) { joint = joint || router == name; });
  return joint;
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
