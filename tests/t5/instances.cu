// The T5s that anser::cuda holds, against the same golden files as those of the host.
#include <anser/cuda.hpp>
#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "attach.hpp"
#include "generate.hpp"
#include "model.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(instances_hpp)

using Backends = std::tuple<Cuda<float>, Cuda<bf16>>;
const std::vector<std::string> variants{"v1_0", "v1_0_dkv", "v1_1", "v1_1_buckets", "v1_1_tied", "v5_v1_1"};

BOOST_AUTO_TEST_CASE_TEMPLATE(every_variant_equals_hugging_face, B, Backends) {
  for (const auto& name : variants)
    for (bool packed : {true, false}) check_model<B>(name, packed);
}

BOOST_AUTO_TEST_CASE(gradients_equal_pytorch) {
  for (const auto& name : variants)
    if (Golden(name + "/golden.safetensors").has("padded.loss")) check_gradients<Cuda<float>>(name, 1e-4);
}

BOOST_AUTO_TEST_CASE(incremental_decoding_equals_full_decoding) {
  for (const auto& name : variants)
    for (const std::string set : {"single", "padded"}) check_incremental<Cuda<float>>(name, set, 1e-5);
}

BOOST_AUTO_TEST_CASE(greedy_and_beams_equal_hugging_face) {
  for (const std::string name : {"v1_0", "v1_1"}) {
    const auto model = golden_model<Cuda<float>>(name);
    model->pack();
    BOOST_CHECK_GT(check_generations(*model, name + "/golden.json", Golden(name + "/golden.safetensors")), 0);
  }
}

BOOST_AUTO_TEST_CASE(pools_equal_the_transcription) {
  for (bool packed : {true, false}) {
    for (auto [pool, file, k] : {std::tuple{"even", "even.k1", 1}, {"mixed", "mixed.k2", 2}, {"big", "big.k2", 2}}) {
      const auto [agree, rows] = check_pool<Cuda<float>>(pool, file, PhatGoose{k}, packed, 1e-5, 1e-3);
      BOOST_CHECK_EQUAL(agree, rows);
    }
    check_pool<Cuda<float>>("mixed", "mixed.uniform", Uniform{}, packed, 1e-5, 0);
  }
}

BOOST_AUTO_TEST_CASE(lora_and_its_gradients_equal_peft) {
  check_lora<Cuda<float>>();
  check_lora_gradients<Cuda<float>>();
}
BOOST_AUTO_TEST_CASE(gates_learn_as_in_the_transcription) { check_gate_gradients<Cuda<float>>(); }
BOOST_AUTO_TEST_CASE(choices_equal_hugging_face) { check_choices<Cuda<float>>(); }

BOOST_AUTO_TEST_CASE(pools_in_bf16_are_near) {
  check_pool<Cuda<bf16>>("even", "even.uniform", Uniform{}, true, 1e-2, 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
