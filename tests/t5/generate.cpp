#include "generate.hpp"

#include <anser/cpu.hpp>

namespace anser::test {

BOOST_AUTO_TEST_SUITE(generate_hpp)

using B = Cpu<float>;

BOOST_AUTO_TEST_CASE(greedy_and_beams_equal_hugging_face) {
  int compared = 0;
  for (const std::string name : {"v1_0", "v1_0_dkv", "v1_1"}) {
    const auto model = golden_model<B>(name);
    model->pack();
    compared += check_generations(*model, name + "/golden.json", Golden(name + "/golden.safetensors"));
  }
  BOOST_CHECK_GE(compared, 3 * 2 * 10);
}

BOOST_AUTO_TEST_CASE(sampling_depends_on_the_seed_alone) {
  const auto model = golden_model<B>("v1_1");
  model->pack();
  auto run = [&](std::uint64_t seed, Sampling sampling) {
    auto session = model->encode({model->device()}, Tokens::pad({{5, 6, 7, 1}, {9, 8, 1}}, 0));
    Generation o;
    o.max_new_tokens = 12;
    o.sampling = sampling;
    o.seed = seed;
    std::vector<std::vector<std::int32_t>> out;
    for (auto& g : generate(*model, session, o)) out.push_back(g.tokens);
    return out;
  };
  BOOST_CHECK(run(1, {}) == run(1, {}));
  bool differs = false;
  for (std::uint64_t seed = 2; seed < 8; ++seed) differs = differs || run(seed, {}) != run(1, {});
  BOOST_CHECK(differs);
  // Nothing left to chance: the most likely token, as greedy decoding takes it.
  auto session = model->encode({model->device()}, Tokens::pad({{5, 6, 7, 1}, {9, 8, 1}}, 0));
  Generation greedy;
  greedy.max_new_tokens = 12;
  const auto best = generate(*model, session, greedy);
  const auto one = run(3, {.temperature = 1, .top_k = 1});
  for (std::size_t b = 0; b < best.size(); ++b) BOOST_CHECK(one[b] == best[b].tokens);
}

BOOST_AUTO_TEST_CASE(beams_of_a_batch_are_those_of_its_examples) {
  const auto model = golden_model<B>("v1_1");
  model->pack();
  const std::vector<std::vector<std::int32_t>> rows{{5, 6, 7, 1}, {9, 8, 1}, {11, 23, 57, 90, 3, 1}};
  Generation o;
  o.max_new_tokens = 16;
  o.beam.beams = 3;
  auto together = model->encode({model->device()}, Tokens::pad(rows, 0));
  const auto batch = generate(*model, together, o);
  for (std::size_t b = 0; b < rows.size(); ++b) {
    auto alone = model->encode({model->device()}, Tokens::pad({rows[b]}, 0));
    BOOST_CHECK(generate(*model, alone, o)[0].tokens == batch[b].tokens);
  }
}

BOOST_AUTO_TEST_CASE(settings_without_meaning_are_refused) {
  const auto model = golden_model<B>("v1_1");
  auto session = model->encode({model->device()}, Tokens::pad({{5, 1}}, 0));
  Generation o;
  o.max_new_tokens = 0;
  BOOST_CHECK_EXCEPTION(generate(*model, session, o), Error, says("--max-new-tokens"));
  o.max_new_tokens = 4;
  o.beam.beams = 2;
  o.sampling = Sampling{};
  BOOST_CHECK_EXCEPTION(generate(*model, session, o), Error, says("sampling and beam search"));
  o.sampling.reset();
  generate(*model, session, o);
  BOOST_CHECK_EXCEPTION(generate(*model, session, o), Error, says("has decoded already"));
}

BOOST_AUTO_TEST_CASE(weights_that_are_no_numbers_are_an_error) {
  const auto model = golden_model<B>("v1_1");
  model->pack();
  walk(*model, [](const std::string& name, auto& t) {
    if (name != "decoder.final_layer_norm.weight") return;
    using T = typename std::remove_cvref_t<decltype(t)>::value_type;
    const std::vector<T> broken(t.shape().size(), T(NAN));
    t = std::remove_cvref_t<decltype(t)>(t.device(), t.shape(), broken);
  });
  auto session = model->encode({model->device()}, Tokens::pad({{5, 1}}, 0));
  BOOST_CHECK_EXCEPTION(generate(*model, session, {}), NotFinite, says("not finite"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
