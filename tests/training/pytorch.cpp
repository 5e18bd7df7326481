// Fifty steps against PyTorch, PEFT, transformers' Adafactor and the transcription of PHATGOOSE's gates.
#include <anser/cpu.hpp>
#include <anser/train/adafactor.hpp>
#include <anser/train/adamw.hpp>
#include <anser/train/fit.hpp>

#include "../golden.hpp"

namespace anser::test {
namespace {

using B = Cpu<float>;

/// experts_of, named as the golden files name them: <site>.lora_A.weight, and <site> for a gate.
auto named_experts_of(T5Model<B>& model) {
  return [&model](const auto& leaf) {
    experts_of(model)([&](const std::string& name, Real<B>& t) {
      const auto gate = name.rfind(".gate."), lora = name.rfind(".lora_");
      leaf(gate != name.npos ? name.substr(0, gate) : name.substr(0, lora + 7) + ".weight", t);
    });
  };
}

template <class O, class Walk>
void check_training(const std::string& name, T5Model<B>& model, Walk walk_all, const std::string& pattern, O options) {
  const Golden g("train/" + name + ".safetensors"), data("train/batches.safetensors");
  const auto info = read_json(golden("train/" + name + ".json"));
  const auto parameters = learn_only<B>(Pattern(pattern), walk_all);
  Schedule schedule{Schedule::Kind::linear, info.real("rate"), info.integer("warmup", 0, 1000),
                    info.integer("steps", 1, 1000)};
  Fit<B, O> fit(options, parameters, schedule);
  fit.clip = info.real("clip");
  std::vector<double> losses, norms;
  for (int step = 0; step < schedule.steps; ++step) {
    const std::string batch = "batch." + std::to_string(step % 4);
    const auto report = fit.step([&](const Context<B>& cx, int) {
      auto session = model.encode(cx, data.tokens(batch, "input_ids"));
      return mean_loss(cx, model, session, data.tokens(batch, "labels"));
    });
    losses.push_back(report.loss);
    norms.push_back(report.norm);
  }
  check_close(losses, g.values("losses"), 1e-4, name + " losses");
  check_close(norms, g.values("norms"), 1e-4, name + " norms");
  std::size_t compared = 0;
  for (const auto& p : parameters) {
    check_close(doubles(p.value.host()), g.values("parameter." + p.name), 1e-4, name + ' ' + p.name);
    ++compared;
  }
  BOOST_CHECK_EQUAL(compared + 2, g.names().size());
}

AdamW settings(double eps) { return {.eps = eps, .weight_decay = 0.01}; }

}  // namespace

BOOST_AUTO_TEST_CASE(full_training_equals_pytorch) {
  const auto gated = golden_model<B>("v1_1"), plain = golden_model<B>("v1_0");
  check_training("full", *gated, weights_of(*gated), ".*", settings(1e-6));
  check_training("full_v1_0", *plain, weights_of(*plain), ".*", settings(1e-3));
}

BOOST_AUTO_TEST_CASE(adafactor_equals_transformers) {
  const auto model = golden_model<B>("v1_1");
  check_training("adafactor", *model, weights_of(*model), ".*",
                 Adafactor{.scale_parameter = false, .relative_step = false});
}

// Packed weights serve forward and backward; plain ones do too.
BOOST_AUTO_TEST_CASE(lora_equals_peft) {
  const std::vector<Expert> one{load_expert(golden("lora/all"))};
  for (const bool packed : {true, false}) {
    const auto model = golden_model<B>("v1_1");
    attach<B, Lora, Uniform>(*model, one);
    experts_of (*model)([](const std::string&, Real<B>& t) {
      auto v = t.host();
      for (float& x : v) x *= 0.1f;
      t.assign(v);
    });
    if (packed) model->pack();
    check_training("lora", *model, named_experts_of(*model), ".*", settings(1e-3));
  }
}

BOOST_AUTO_TEST_CASE(gates_equal_the_transcription) {
  auto one = load_pool(golden("pool/even")).experts;
  one = {one[3]};
  one[0].gates = nullptr;  // they start at zero
  const auto model = golden_model<B>("v1_1");
  attach<B, Lora, SigmoidGate>(*model, one);
  model->pack();
  check_training("gate", *model, named_experts_of(*model), R"(.*\.(q|k|v|o|wi_0|wi_1|wo))", settings(1e-3));
}

}  // namespace anser::test
