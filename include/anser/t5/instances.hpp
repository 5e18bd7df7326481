#pragma once
#include "../module/adapter.hpp"
#include "../module/ia3.hpp"
#include "../module/lora.hpp"
#include "../router/ada_mix.hpp"
#include "../router/dselect_k.hpp"
#include "../router/ensemble.hpp"
#include "../router/given.hpp"
#include "../router/hash.hpp"
#include "../router/latent_skills.hpp"
#include "../router/mean_input.hpp"
#include "../router/none.hpp"
#include "../router/phatgoose.hpp"
#include "../router/random.hpp"
#include "../router/reinforce.hpp"
#include "../router/sigmoid_gate.hpp"
#include "../router/smear.hpp"
#include "../router/spectr.hpp"
#include "../router/st_gumbel.hpp"
#include "../router/tag.hpp"
#include "../router/top1.hpp"
#include "../router/uniform.hpp"
#include "../router/weights.hpp"
#include "attach.hpp"
#include "generate.hpp"
#include "initialise.hpp"
#include "score.hpp"

/// What a compiled library holds of T5 for one backend. `prefix` is `extern` where it is declared (anser/cpu.hpp,
/// anser/cuda.hpp) and empty in the one source that defines it.
#define ANSER_T5_INSTANCES(prefix, B)                                                                                  \
  prefix template class T5Model<B>;                                                                                    \
  prefix template void initialise<B>(T5Model<B>&, Random, const std::vector<InitialDeviation>&);                       \
  prefix template std::vector<Generated> generate<B>(const T5Model<B>&, Session<B>&, const Generation&);               \
  prefix template Real<B> token_losses<B>(const Context<B>&, const T5Model<B>&, Session<B>&, const Tokens&, double,    \
                                          Real<B>*);                                                                   \
  prefix template Real<B> mean_loss<B>(const Context<B>&, const T5Model<B>&, Session<B>&, const Tokens&, double);      \
  prefix template std::vector<std::vector<double>> score_choices<B>(                                                   \
      const T5Model<B>&, const Context<B>&, const Tokens&, const std::vector<std::vector<std::vector<std::int32_t>>>&, \
      const Batch<B>&);

#define ANSER_ROUTED_INSTANCE(prefix, B, Module, Router) \
  prefix template void attach<B, Module, Router>(T5Model<B>&, std::span<const Expert>, Module, Router);

#define ANSER_MODULE_INSTANCES(prefix, B, Module)        \
  ANSER_ROUTED_INSTANCE(prefix, B, Module, DSelectK)     \
  ANSER_ROUTED_INSTANCE(prefix, B, Module, Ensemble)     \
  ANSER_ROUTED_INSTANCE(prefix, B, Module, Given)        \
  ANSER_ROUTED_INSTANCE(prefix, B, Module, Hash)         \
  ANSER_ROUTED_INSTANCE(prefix, B, Module, LatentSkills) \
  ANSER_ROUTED_INSTANCE(prefix, B, Module, MeanInput)    \
  ANSER_ROUTED_INSTANCE(prefix, B, Module, None)         \
  ANSER_ROUTED_INSTANCE(prefix, B, Module, PhatGoose)    \
  ANSER_ROUTED_INSTANCE(prefix, B, Module, RandomRouter) \
  ANSER_ROUTED_INSTANCE(prefix, B, Module, Reinforce)    \
  ANSER_ROUTED_INSTANCE(prefix, B, Module, SigmoidGate)  \
  ANSER_ROUTED_INSTANCE(prefix, B, Module, Smear)        \
  ANSER_ROUTED_INSTANCE(prefix, B, Module, StGumbel)     \
  ANSER_ROUTED_INSTANCE(prefix, B, Module, Tag)          \
  ANSER_ROUTED_INSTANCE(prefix, B, Module, Top1)         \
  ANSER_ROUTED_INSTANCE(prefix, B, Module, Uniform)      \
  ANSER_ROUTED_INSTANCE(prefix, B, Module, Weights)

#define ANSER_ROUTED_INSTANCES(prefix, B)        \
  ANSER_MODULE_INSTANCES(prefix, B, Lora)        \
  ANSER_ROUTED_INSTANCE(prefix, B, Lora, AdaMix) \
  ANSER_ROUTED_INSTANCE(prefix, B, Lora, SpectR) \
  ANSER_MODULE_INSTANCES(prefix, B, Ia3)         \
  ANSER_MODULE_INSTANCES(prefix, B, Adapter)     \
  ANSER_ROUTED_INSTANCE(prefix, B, Adapter, AdaMix)
