#include <anser/io/peft_config.hpp>
#include <boost/test/unit_test.hpp>

#include "temporary.hpp"

namespace {

std::vector<std::string> warnings;

anser::PeftConfig read(const std::string& text) {
  const io_test::Folder folder;
  warnings.clear();
  return anser::read_peft_config(folder.write("adapter_config.json", text), warnings);
}

/// A LoRA configuration with these fields beside the necessary ones.
anser::PeftConfig lora(const std::string& fields) {
  return read(R"({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q", "v"])" +
              (fields.empty() ? "" : ", " + fields) + "}");
}

const std::string encoder_q = "encoder.block.0.layer.0.SelfAttention.q";

BOOST_AUTO_TEST_SUITE(peft_config)

BOOST_AUTO_TEST_CASE(scales_of_lora_and_rslora) {
  BOOST_TEST(lora("").scale_at(encoder_q, 4) == 2.0);
  BOOST_TEST(lora(R"("use_rslora": true)").scale_at(encoder_q, 4) == 4.0);
  BOOST_TEST(lora(R"("use_rslora": true)").scale_at(encoder_q, 16) == 2.0);
  BOOST_TEST(read(R"({"peft_type": "LORA", "lora_alpha": 0.5})").scale_at(encoder_q, 8) == 0.0625);
}

// The answers are PEFT 0.18's get_pattern_key.
BOOST_AUTO_TEST_CASE(exceptions_are_patterns_of_endings_and_the_first_counts) {
  const auto c = lora(R"("alpha_pattern": {"SelfAttention.v": 40, "block\\.0\\.layer\\.[01]\\.SelfAttention\\.q": 2,
      "v": 12, "^encoder.block.3.layer.0.SelfAttention.q": 3, "elfAttention.q": 5, "k|o": 6},
      "rank_pattern": {"encoder.*": 2, "q": 16})");
  const auto alpha = [&](const std::string& path) { return c.scale_at(path, 1); };
  BOOST_TEST(alpha("decoder.block.1.layer.0.SelfAttention.v") == 40);
  BOOST_TEST(alpha("decoder.block.1.layer.1.EncDecAttention.v") == 12);
  BOOST_TEST(alpha(encoder_q) == 2);
  BOOST_TEST(alpha("encoder.block.1.layer.0.SelfAttention.q") == 8);
  BOOST_TEST(alpha("encoder.block.3.layer.0.SelfAttention.q") == 3);
  BOOST_TEST(alpha("encoder.block.3.layer.0.SelfAttention.o") == 6);
  BOOST_TEST(alpha("encoder.block.3.layer.1.DenseReluDense.wo") == 8);
  BOOST_TEST(c.rank_at(encoder_q) == 2);
  BOOST_TEST(c.rank_at("decoder.block.1.layer.0.SelfAttention.q") == 16);
  BOOST_TEST(c.rank_at("decoder.block.1.layer.0.SelfAttention.v") == 4);
}

BOOST_AUTO_TEST_CASE(targets_in_all_their_forms) {
  BOOST_TEST(lora("").targets.match(encoder_q));
  BOOST_TEST(!lora(R"("exclude_modules": ["SelfAttention.q"])").targets.match(encoder_q));
  BOOST_TEST(!lora(R"("exclude_modules": "enc.*")").targets.match(encoder_q));
  BOOST_TEST(lora(R"("layers_to_transform": 0)").targets.match(encoder_q));
  BOOST_TEST(!lora(R"("layers_to_transform": [1, 2], "layers_pattern": "block")").targets.match(encoder_q));
  BOOST_TEST(lora(R"("layers_to_transform": [])").targets.match(encoder_q));
  BOOST_TEST(read(R"({"peft_type": "LORA", "target_modules": ".*\\.[qv]"})").targets.match(encoder_q));
  BOOST_TEST(!read(R"({"peft_type": "LORA", "target_modules": "q"})").targets.match(encoder_q));
  BOOST_TEST(read(R"({"peft_type": "LORA", "target_modules": "all-linear"})").targets.match(encoder_q));
  BOOST_TEST(read(R"({"peft_type": "LORA"})").targets.match(encoder_q));  // T5's default in PEFT: q, v
  const auto ia3 = read(R"({"peft_type": "IA3", "target_modules": ["k", "wo"], "feedforward_modules": ["wo"]})");
  BOOST_TEST(ia3.targets.match("encoder.block.0.layer.1.DenseReluDense.wo"));
  BOOST_TEST(ia3.feedforward.match("encoder.block.0.layer.1.DenseReluDense.wo"));
  BOOST_TEST(!ia3.feedforward.match("encoder.block.0.layer.0.SelfAttention.k"));
}

BOOST_AUTO_TEST_CASE(what_changes_the_mathematics_is_refused_by_name) {
  for (const char* field :
       {R"("use_dora": true)", R"("bias": "all")", R"("modules_to_save": ["lm_head"])",
        R"("layer_replication": [[0, 2]])", R"("fan_in_fan_out": true)", R"("lora_bias": true)",
        R"("trainable_token_indices": [1])", R"("target_parameters": ["w"])", R"("alora_invocation_tokens": [3])",
        R"("arrow_config": {"top_k": 2})", R"("use_qalora": true)", R"("megatron_config": {"a": 1})",
        R"("init_lora_weights": "pissa_niter_4")", R"("init_lora_weights": "olora")", R"("init_lora_weights": "corda")",
        R"("init_lora_weights": "loftq")"}) {
    const std::string name = std::string(field).substr(1, std::string(field).find('"', 1) - 1);
    CHECK_SAYS(lora(field), "adapter_config.json: " + name, "is not supported");
  }
  CHECK_SAYS(read(R"({"peft_type": "IA3", "modules_to_save": ["lm_head"]})"), "modules_to_save");
  CHECK_SAYS(read(R"({"peft_type": "PREFIX_TUNING"})"), "PREFIX_TUNING", "LORA, IA3 and ANSER_ADAPTER");
  CHECK_SAYS(read(R"({"r": 8})"), "the key \"peft_type\" is missing");
}

BOOST_AUTO_TEST_CASE(what_only_initialises_or_describes_is_accepted_in_silence) {
  lora(R"("use_dora": false, "bias": "none", "modules_to_save": null, "layer_replication": [], "fan_in_fan_out": false,
       "trainable_token_indices": null, "init_lora_weights": "gaussian", "loftq_config": {}, "lora_dropout": 0.1,
       "eva_config": {"rho": 2}, "task_type": "SEQ_2_SEQ_LM", "megatron_core": "megatron.core", "revision": "main",
       "peft_version": "0.18.1", "inference_mode": true, "qalora_group_size": 16, "auto_mapping": null)");
  BOOST_TEST(warnings.empty());
  lora(R"("init_lora_weights": false)");
  BOOST_TEST(warnings.empty());
}

BOOST_AUTO_TEST_CASE(unknown_fields_are_warned_of_unless_they_say_nothing) {
  lora(R"("novelty": null, "other": false, "more": [])");
  BOOST_TEST(warnings.empty());
  lora(R"("novelty": {"a": 1})");
  BOOST_REQUIRE(warnings.size() == 1u);
  BOOST_TEST(io_test::says(warnings[0], {"adapter_config.json", "novelty", "{\"a\": 1}"}), warnings[0]);
}

BOOST_AUTO_TEST_CASE(wrong_types_are_refused_by_place) {
  CHECK_SAYS(read(R"({"peft_type": "LORA", "r": 0})"), "r must be an integer from 1");
  CHECK_SAYS(read(R"({"peft_type": "LORA", "r": "8"})"), "r must be an integer");
  CHECK_SAYS(read(R"({"peft_type": "LORA", "lora_alpha": [1]})"), "lora_alpha must be a number");
  CHECK_SAYS(lora(R"("rank_pattern": {"q": 2.5})"), "rank_pattern.q must be an integer");
  CHECK_SAYS(lora(R"("alpha_pattern": [1])"), "alpha_pattern must be an object");
  CHECK_SAYS(lora(R"("alpha_pattern": {"(q": 1})"), "alpha_pattern: the pattern", "( without its )");
  CHECK_SAYS(lora(R"("exclude_modules": "*q")"), "exclude_modules: the pattern", "nothing to repeat");
  CHECK_SAYS(lora(R"("exclude_modules": 3)"), "exclude_modules must be a list");
  CHECK_SAYS(lora(R"("layers_to_transform": "1")"), "layers_to_transform must be an integer");
  CHECK_SAYS(lora(R"("layers_to_transform": 1, "layers_pattern": "blo(ck")"), "layers_pattern", "( without its )");
  CHECK_SAYS(read("[]"), "must hold an object");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
