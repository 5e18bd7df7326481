#pragma once
#include <anser/router/none.hpp>
#include <anser/router/phatgoose.hpp>
#include <anser/router/sigmoid_gate.hpp>
#include <anser/router/smear.hpp>
#include <anser/router/uniform.hpp>

namespace anser::cli {

/// What the options of the command line say about routing.
struct RouterOptions {
  std::string name = "phatgoose";
  int top_k = 2;
};

/// Every router that the program knows: f(name, what it does, the policy). A new router is one line here.
template <class F>
void each_router(const RouterOptions& o, F&& f) {
  f("none", "nobody is heard: the base model, whatever the pool", None{});
  f("uniform", "merged experts: all of them with equal weights", Uniform{});
  f("phatgoose", "per token and site the --top-k experts whose gates fit best", PhatGoose{.top_k = o.top_k});
  f("smear", "per input and site all experts merged into one, as trained with `anser train joint`", Smear{});
  f("sigmoid-gate", "a pool of one expert, weighted by its own gate as in gate training", SigmoidGate{});
}

}  // namespace anser::cli
