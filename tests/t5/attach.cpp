#include "attach.hpp"

#include <anser/cpu.hpp>

#include "../real_data.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(attach_hpp)

using B = Cpu<float>;

BOOST_AUTO_TEST_CASE(phatgoose_equals_the_transcription) {
  for (bool packed : {true, false}) {
    for (auto [pool, file, k] : {std::tuple{"even", "even.k1", 1},
                                 {"even", "even.k2", 2},
                                 {"even", "even.k8", 8},
                                 {"even", "even.k8", 99},
                                 {"mixed", "mixed.k2", 2},
                                 {"big", "big.k2", 2}}) {
      const auto [agree, rows] = check_pool<B>(pool, file, PhatGoose{k}, packed, 1e-5, 1e-3);
      BOOST_TEST_MESSAGE(file << ": " << agree << " of " << rows << " decisions agree");
      BOOST_CHECK_EQUAL(agree, rows);  // all margins of these fixtures are above 1e-3
    }
  }
}

// PEFT's prototypes come from fifteen steps of power iteration in f32: 1 - |cos| with the singular vectors up to 1e-7.
BOOST_AUTO_TEST_CASE(arrow_equals_peft) {
  for (const std::string file : {"arrow.k2", "arrow.k4"})
    for (bool packed : {true, false}) {
      const auto told = read_json(golden("pool/" + file + ".json"));
      const SpectR arrow{
          .top_k = int(told.integer("k", 1, 99)), .temperature = told.real("temperature"), .arrow = true};
      const auto [agree, rows] = check_pool<B>("arrow", file, arrow, packed, 1e-4, 0);
      BOOST_CHECK_EQUAL(agree, rows);
    }
}

BOOST_AUTO_TEST_CASE(smear_equals_the_transcription) {
  check_smear<B, Adapter>("smear");
  check_smear<B, Lora>("smear_lora");
}

BOOST_AUTO_TEST_CASE(uniform_averages_products) {
  for (const std::string pool : {"even", "mixed"})
    for (bool packed : {true, false}) check_pool<B>(pool, pool + ".uniform", Uniform{}, packed, 1e-5, 0);
}

BOOST_AUTO_TEST_CASE(nobody_heard_is_the_base) {
  const auto pool = load_pool(golden("pool/even"));
  const auto model = golden_pool<B>("v1_1", pool.experts, None{}, true);
  const Golden g("v1_1/golden.safetensors");
  const Context<B> cx{model->device()};
  auto session = model->encode(cx, g.tokens("padded", "input_ids"));
  check_close(doubles(model->decode(cx, session, g.tokens("padded", "decoder_input_ids"), false).host()),
              g.values("padded.logits"), 1e-4, "none");
}

BOOST_AUTO_TEST_CASE(generation_through_a_pool_equals_the_transcription) {
  const auto pool = load_pool(golden("pool/even"));
  const auto model = golden_pool<B>("v1_1", pool.experts, PhatGoose{2}, true);
  BOOST_CHECK_GE(check_generations(*model, "pool/even.k2.json", Golden("pool/even.k2.safetensors")), 2);
}

BOOST_AUTO_TEST_CASE(decoding_step_by_step_routes_as_decoding_at_once) {
  const auto pool = load_pool(golden("pool/even"));
  const auto model = golden_pool<B>("v1_1", pool.experts, PhatGoose{2}, true);
  const Golden g("pool/even.k2.safetensors");
  const Context<B> cx{model->device()};
  const auto target = g.tokens("single", "decoder_input_ids");
  auto session = model->encode(cx, g.tokens("single", "input_ids"));
  std::vector<double> logits;
  for (int j = 0; j < target.tokens; ++j) {
    const auto l = doubles(model->decode(cx, session, {1, 1, {target.ids[std::size_t(j)]}, {}}, true).host());
    logits.insert(logits.end(), l.begin(), l.end());
  }
  check_close(logits, g.values("single.logits"), 1e-4, "incremental with a pool");
}

BOOST_AUTO_TEST_CASE(lora_equals_peft) { check_lora<B>(); }
BOOST_AUTO_TEST_CASE(gradients_of_lora_equal_peft) { check_lora_gradients<B>(); }
BOOST_AUTO_TEST_CASE(gates_learn_as_in_the_transcription) { check_gate_gradients<B>(); }

BOOST_AUTO_TEST_CASE(experts_are_read_when_they_are_used) {
  auto experts = load_pool(golden("pool/even")).experts;
  int read = 0;  // tensors whose numbers were taken
  // Bytes that lie at odd addresses cannot be used in place: reading them is a copy, and a copy gives the pages back.
  struct Odd : Source {
    std::shared_ptr<const Source> of;
    int* count;
    std::optional<Stored> find(std::string_view n) const override {
      auto s = of->find(n);
      if (!s) return s;
      auto bytes = std::make_shared<std::vector<std::byte>>(s->bytes() + 1);
      std::copy_n(s->data, s->bytes(), bytes->data() + 1);
      s->data = bytes->data() + 1;
      s->keep = bytes;
      s->evict = [c = count] { ++*c; };
      return s;
    }
    std::vector<std::string> names() const override { return of->names(); }
    std::string origin() const override { return of->origin(); }
  };
  for (auto& e : experts) {
    auto odd = std::make_shared<Odd>();
    odd->of = e.tensors;
    odd->count = &read;
    e.tensors = odd;
  }
  const auto model = golden_pool<B>("v1_1", experts, PhatGoose{1}, true);
  BOOST_CHECK_EQUAL(read, 0);
  std::vector<TraceEntry<B>> trace;
  Batch<B> batch;
  batch.trace = &trace;
  model->encode({model->device()}, Tokens::pad({{5}}, 0), batch);
  BOOST_CHECK_GT(trace.size(), 10u);
  BOOST_CHECK_EQUAL(read, 2 * int(trace.size()));  // one token, one expert a site: its A and its B
}

BOOST_AUTO_TEST_CASE(real_adapters_load_and_run, *with_real_data("adapters/t5-small-lora-cnndm")) {
  const std::string directory = real_data("adapters/t5-small-lora-cnndm");
  T5Config small;  // t5-small's numbers are the defaults
  T5Model<B> model(device<B>(), small);
  walk(model, [](const std::string& name, auto& t) {
    using T = typename std::remove_cvref_t<decltype(t)>::value_type;
    std::vector<T> v(t.shape().size());
    const Random random{7, std::hash<std::string>{}(name)};
    for (std::size_t i = 0; i < v.size(); ++i)
      v[i] = name.ends_with("norm.weight") ? T(1) : T(0.05f * random.normal(i));
    t.assign(v);
  });
  const auto input = Tokens::pad({{13959, 1566, 12, 2968, 10, 37, 629, 19, 1627, 5, 1}}, 0);
  const Tokens target{1, 3, {0, 644, 4598}, {}};
  auto logits = [&] {
    const Context<B> cx{model.device()};
    auto session = model.encode(cx, input);
    return doubles(model.decode(cx, session, target, false).host());
  };
  const auto base = logits();
  const auto pool = load_pool(directory);
  BOOST_REQUIRE_EQUAL(pool.experts.size(), 2u);
  check_against(pool, linears(model));
  for (const auto& expert : pool.experts) {
    BOOST_CHECK_EQUAL(expert.sites.size(), 36u);  // q and v of 18 attentions
    attach<B, Lora, Uniform>(model, {{expert}});
    const auto adapted = logits();
    const double change = row_distance(adapted, base, {});
    BOOST_TEST_MESSAGE(expert.name << " moves the logits by " << change);
    BOOST_CHECK(change > 1e-4 && std::isfinite(change));
  }
  attach<B, Lora, None>(model, pool.experts);
  check_close(logits(), base, 1e-6, "nobody heard");
}

BOOST_AUTO_TEST_CASE(pools_that_do_not_fit_are_named) {
  const auto pool = load_pool(golden("pool/even"));
  auto experts = pool.experts;
  experts[2].gates = nullptr;
  auto model = golden_model<B>("v1_1");
  BOOST_CHECK_EXCEPTION((attach<B, Lora, PhatGoose>(*model, experts)), Error,
                        says("these experts have none: " + experts[2].name));
  BOOST_CHECK_EXCEPTION((attach<B, Lora, SigmoidGate>(*model, experts)), Error, says("this pool has 8"));
  auto narrow = golden_model<B>("v1_0_dkv");
  BOOST_CHECK_EXCEPTION((attach<B, Lora, Uniform>(*narrow, experts)), Error, says("belong to another one"));
  experts[1].kind = "IA3";
  BOOST_CHECK_EXCEPTION((attach<B, Lora, Uniform>(*model, experts)), Error, says("the module here is LoRA"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
