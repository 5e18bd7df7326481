#include "model.hpp"

#include <anser/cpu.hpp>

namespace anser::test {

BOOST_AUTO_TEST_SUITE(model_hpp)

const std::vector<std::string> variants{"v1_0", "v1_0_dkv", "v1_1", "v1_1_buckets", "v1_1_tied", "v5", "v5_v1_1"};

BOOST_AUTO_TEST_CASE(every_variant_equals_hugging_face) {
  for (const auto& name : variants) {
    check_model<Cpu<float>>(name, true);
    check_model<Cpu<float>>(name, false);
  }
}
BOOST_AUTO_TEST_CASE(every_file_format_equals_hugging_face) {
  for (const std::string name : {"v1_1_sharded", "v1_1_f16", "v1_1_bf16"}) check_model<Cpu<float>>(name, true);
}
BOOST_AUTO_TEST_CASE(bf16_is_near) {
  for (const auto& name : variants) check_model<Cpu<bf16>>(name, true);
}
BOOST_AUTO_TEST_CASE(gradients_equal_pytorch) {
  for (const auto& name : variants)
    if (Golden(name + "/golden.safetensors").has("padded.loss")) check_gradients<Cpu<float>>(name, 1e-4);
}
BOOST_AUTO_TEST_CASE(incremental_decoding_equals_full_decoding) {
  for (const auto& name : variants)
    for (const std::string set : {"single", "padded", "left", "long"}) check_incremental<Cpu<float>>(name, set, 1e-5);
}

/// The loss of a fixed batch while training, and where asked its gradients.
template <Backend B>
double training_loss(const T5Model<B>& model, std::uint64_t seed, Tape* tape = nullptr, bool training = true) {
  const Golden g("v1_0/golden.safetensors");
  Batch<B> batch;
  batch.training = training;
  batch.random = {seed, 0};
  const Context<B> cx{model.device(), tape};
  auto session = model.encode(cx, g.tokens("padded", "input_ids"), batch);
  const auto loss = mean_loss(cx, model, session, g.tokens("padded", "decoder_input_ids"));
  if (tape) tape->backward<B>(loss);
  return double(loss.host()[0]);
}

BOOST_AUTO_TEST_CASE(dropout_acts_while_training_and_is_drawn_by_seed) {
  using B = Cpu<double>;
  const auto model = golden_model<B>("v1_0");
  const double still = training_loss(*model, 1, nullptr, false);
  BOOST_CHECK_EQUAL(still, training_loss(*model, 2, nullptr, false));
  BOOST_CHECK_EQUAL(training_loss(*model, 1), training_loss(*model, 1));
  BOOST_CHECK_NE(training_loss(*model, 1), training_loss(*model, 2));
  double mean = 0;
  for (int seed = 0; seed < 16; ++seed) mean += training_loss(*model, std::uint64_t(seed)) / 16;
  BOOST_CHECK_NE(mean, still);
  BOOST_TEST(std::fabs(mean - still) < 0.2 * still);

  // The gradient is that of the same draws, in every layer.
  std::vector<std::pair<std::string, Real<B>>> learning;
  walk(*model, [&](const std::string& name, auto& w) {
    if (name.ends_with("relative_attention_bias.weight") || name.ends_with("block.1.layer.0.layer_norm.weight") ||
        name == "encoder.block.0.layer.0.SelfAttention.v.weight") {
      w.require_grad();
      learning.emplace_back(name, w);
    }
  });
  BOOST_REQUIRE_EQUAL(learning.size(), 5u);
  Tape tape;
  training_loss(*model, 3, &tape);
  for (const auto& [name, w] : learning) {
    const auto gradient = w.host_grad();
    const std::size_t i = gradient.size() / 3;
    double& x = w.data()[i];
    const double at = x;
    auto moved = [&](double by) { return x = at + by, training_loss(*model, 3); };
    const double slope = (8 * (moved(1e-4) - moved(-1e-4)) - (moved(2e-4) - moved(-2e-4))) / 12e-4;
    x = at;
    BOOST_TEST(std::fabs(slope - gradient[i]) < 1e-7 + 1e-5 * std::fabs(slope),
               name << ' ' << slope << ' ' << gradient[i]);
  }
}

BOOST_AUTO_TEST_CASE(bad_tokens_are_named) {
  const auto model = golden_model<Cpu<float>>("v1_1");
  const Context<Cpu<float>> cx{model->device()};
  BOOST_CHECK_EXCEPTION(model->encode(cx, {1, 2, {3, 999}, {}}), Error,
                        says("input: the id 999 in row 0 is not among the model's, 0 to "));
  BOOST_CHECK_EXCEPTION(model->encode(cx, {1, 2, {3, -1}, {}}), Error, says("the id -1"));
  BOOST_CHECK_EXCEPTION(model->encode(cx, {1, 2, {3, 4}, {0, 0}}), Error, says("row 0 is all padding"));
  BOOST_CHECK_EXCEPTION(model->encode(cx, {1, 2, {3, 4}, {2, 1}}), Error, says("the mask holds 2"));
  BOOST_CHECK_EXCEPTION(model->encode(cx, {0, 0, {}, {}}), Error, says("no tokens"));
  auto session = model->encode(cx, {2, 1, {3, 4}, {}});
  BOOST_CHECK_EXCEPTION(model->decode(cx, session, {3, 1, {0, 0, 0}, {}}, true), Error,
                        says("3 hypotheses for 2 examples"));
  BOOST_CHECK_EXCEPTION(model->decode(cx, session, {2, 1, {0, 0}, {1, 1}}, true), Error, says("a cache takes no mask"));
  model->decode(cx, session, {4, 1, {0, 0, 0, 0}, {}}, true);
  BOOST_CHECK_EXCEPTION(model->select(cx, session, {0, 2, 2, 3}), Error, says("hypothesis 1 cannot go on from 2"));
  BOOST_CHECK_EXCEPTION(model->select(cx, session, {0, 1, 2}), Error, says("select"));
}

BOOST_AUTO_TEST_CASE(missing_and_misshapen_tensors_are_named) {
  auto files = ModelDirectory::open(golden("v1_1"));
  auto config = read_config(*files);
  config.d_ff += 1;
  T5Model<Cpu<float>> other(device<Cpu<float>>(), config);
  BOOST_CHECK_EXCEPTION(other.load(*files), Error, says("DenseReluDense.wi_0.weight has the shape"));
  config.d_ff -= 1;
  config.layers += 1;
  T5Model<Cpu<float>> deeper(device<Cpu<float>>(), config);
  BOOST_CHECK_EXCEPTION(deeper.load(*files), Error, says("is missing"));
  struct Whole : Source {  // every weight whole numbers
    const Source* of;
    std::optional<Stored> find(std::string_view name) const override {
      auto s = of->find(name);
      if (s) s->dtype = DType::i32;
      return s;
    }
    std::vector<std::string> names() const override { return of->names(); }
    std::string origin() const override { return of->origin(); }
  } whole;
  whole.of = files.get();
  T5Model<Cpu<float>> same(device<Cpu<float>>(), read_config(*files));
  BOOST_CHECK_EXCEPTION(same.load(whole), Error, says("holds I32; a weight is F32, F16, BF16 or F64"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
