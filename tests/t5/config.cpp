#include <unistd.h>

#include <fstream>

#include "../golden.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(config_hpp)

void refuse(const std::function<void(T5Config&)>& change, const std::string& words) {
  T5Config c;
  change(c);
  BOOST_CHECK_EXCEPTION(c.validate("config.json"), Error, says("config.json: " + words));
}

BOOST_AUTO_TEST_CASE(numbers_that_no_t5_has_are_named) {
  BOOST_CHECK_NO_THROW(T5Config{}.validate("config.json"));
  refuse([](T5Config& c) { c.d_model = 0; }, "d_model is 0; a T5 has between 1 and 16,777,216");
  refuse([](T5Config& c) { c.heads = -8; }, "num_heads is -8");
  refuse([](T5Config& c) { c.vocabulary = 1 << 25; }, "vocab_size is 33554432");
  refuse([](T5Config& c) { c.d_ff = 0; }, "d_ff is 0");
  refuse([](T5Config& c) { c.d_kv = 0; }, "d_kv is 0");
  refuse([](T5Config& c) { c.layers = 5000; }, "more than 4,096 layers");
  refuse([](T5Config& c) { c.decoder_layers = 0; }, "num_decoder_layers is 0");
  refuse([](T5Config& c) { c.heads = c.d_kv = 1 << 20; }, "num_heads times d_kv");
  refuse([](T5Config& c) { c.buckets = 3; }, "relative attention with 3 buckets");
  refuse([](T5Config& c) { c.max_distance = 16; },
         "relative attention with 32 buckets up to distance 16 has no meaning");
  refuse([](T5Config& c) { c.pad = 32128; }, "pad_token_id 32128 is not below vocab_size 32128");
  refuse([](T5Config& c) { c.eos = -1; }, "eos_token_id -1");
  refuse([](T5Config& c) { c.start = 40000; }, "decoder_start_token_id 40000");
  refuse([](T5Config& c) { c.eps = 0; }, "layer_norm_epsilon is 0");
  refuse([](T5Config& c) { c.dropout = 1; }, "dropout_rate is 1");
}

/// A golden model's directory with its config.json changed: the first `from` becomes `to`.
class Changed {
 public:
  Changed(const std::string& from, const std::string& to, const std::string& generation = "")
      : path_(std::filesystem::temp_directory_path() / ("anser_config_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path_);
    std::ifstream in(golden("v1_1/config.json"));
    std::string text{std::istreambuf_iterator<char>(in), {}};
    const std::size_t at = text.find(from);
    BOOST_TEST_REQUIRE(at != text.npos, from << " is not in config.json");
    std::ofstream(path_ / "config.json") << text.replace(at, from.size(), to);
    if (!generation.empty()) std::ofstream(path_ / "generation_config.json") << generation;
    std::filesystem::copy_file(golden("v1_1/model.safetensors"), path_ / "model.safetensors",
                               std::filesystem::copy_options::overwrite_existing);
  }
  ~Changed() { std::filesystem::remove_all(path_); }
  T5Config read() const { return read_config(*ModelDirectory::open(path_.string())); }

 private:
  std::filesystem::path path_;
};

BOOST_AUTO_TEST_CASE(files_that_are_no_t5_are_named) {
  const auto broken = [](const std::string& from, const std::string& to, const std::string& words) {
    const Changed c(from, to);
    BOOST_CHECK_EXCEPTION(c.read(), Error, says(words));
  };
  broken("\"gated-gelu\"", "\"gated-silu\"", "feed_forward_proj is gated-silu; relu (v1.0) and gated-gelu");
  broken("\"model_type\": \"t5\"", "\"model_type\": \"bart\"", "model_type is bart; this library runs t5 and mt5");
  broken("\"gelu_new\"", "\"silu\"", "dense_act_fn is silu; with feed_forward_proj gated-gelu only gelu_new");
  broken("\"d_model\": ", "\"d_model\": -", "d_model");
  broken("\"num_layers\": ", "\"layers\": ", "num_layers");
  broken("\"d_ff\": ", "\"d_ff\": 0.5, \"x\": ", "d_ff");
  broken("\"vocab_size\": ", "\"vocab_size\": true, \"x\": ", "vocab_size");
}

BOOST_AUTO_TEST_CASE(tokens_of_the_generation_config_come_first) {
  const auto start = [](const std::string& generation) {
    return Changed("\"d_ff\": ", "\"d_ff\": ", generation).read();
  };
  BOOST_TEST(start("").start == 0);
  BOOST_TEST(start("{\"decoder_start_token_id\": 7, \"eos_token_id\": 5}").start == 7);
  BOOST_TEST(start("{\"eos_token_id\": 5}").eos == 5);
  BOOST_TEST(start("{\"eos_token_id\": [5, 6], \"pad_token_id\": null}").eos == 1);
  BOOST_CHECK_EXCEPTION(start("{\"eos_token_id\": -5}"), Error, says("generation_config.json: eos_token_id"));
  BOOST_CHECK_EXCEPTION(start("{\"eos_token_id\": 5000}"), Error, says("eos"));
}

BOOST_AUTO_TEST_CASE(variants_are_told_apart) {
  const auto of = [](const std::string& name) { return read_config(*ModelDirectory::open(golden(name))); };
  BOOST_TEST(!of("v1_0").gated);
  BOOST_TEST(of("v1_0").tied);
  BOOST_TEST(of("v1_0").scaled_output);
  BOOST_TEST(of("v1_1").gated);
  BOOST_TEST(!of("v1_1").tied);
  BOOST_TEST(!of("v1_1").scaled_output);
  const auto dkv = of("v1_0_dkv");
  BOOST_TEST(dkv.heads * dkv.d_kv != dkv.d_model);
  // transformers 5 says whether outputs are scaled, whatever is tied
  BOOST_TEST(of("v5").scaled_output);
  BOOST_TEST(!of("v5_v1_1").scaled_output);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
