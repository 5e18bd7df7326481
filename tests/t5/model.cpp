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
