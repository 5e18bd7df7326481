// What the compiled library holds is found by the linker and equals what a program would compile for itself: the golden
// tests of this folder run it. Here: that every routed pair is there, by type.
#include <anser/cpu.hpp>
#include <anser/t5/instances.hpp>

#include "../golden.hpp"

namespace anser::test {

template <class B, class R>
void attach_and_run(R router, int experts) {
  auto pool = load_pool(golden("pool/even"));
  pool.experts.resize(std::size_t(experts));
  const auto model = golden_model<B>("v1_1");
  attach<B, Lora, R>(*model, pool.experts, {}, router);
  model->pack();
  const Context<B> cx{model->device()};
  auto session = model->encode(cx, Tokens::pad({{5, 6, 1}}, 0));
  const auto losses = token_losses(cx, *model, session, Tokens::pad({{7, 1}}, 0)).host();
  for (auto l : losses) BOOST_TEST(std::isfinite(l));
  const auto scores = score_choices(*model, cx, Tokens::pad({{5, 6, 1}}, 0), {{{7, 1}}});
  BOOST_CHECK_SMALL(scores[0][0] + (double(losses[0]) + double(losses[1])) / 2, 1e-5);
}

using Held = std::tuple<Cpu<float>, Cpu<bf16>>;

BOOST_AUTO_TEST_CASE_TEMPLATE(every_routed_pair_runs, B, Held) {
  attach_and_run<B>(None{}, 8);
  attach_and_run<B>(PhatGoose{2}, 8);
  attach_and_run<B>(Uniform{}, 8);
  attach_and_run<B>(SigmoidGate{}, 1);
}

}  // namespace anser::test
