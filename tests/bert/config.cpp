#include <anser/bert.hpp>

#include "../io/temporary.hpp"
#include "files.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(bert_config)

void refuse_numbers(const std::function<void(BertConfig&)>& change, const std::string& words) {
  BertConfig c;
  change(c);
  BOOST_CHECK_EXCEPTION(c.validate("config.json"), Error, says("config.json: " + words));
}

BOOST_AUTO_TEST_CASE(numbers_that_no_bert_has_are_named) {
  BOOST_CHECK_NO_THROW(BertConfig{}.validate("config.json"));
  refuse_numbers([](BertConfig& c) { c.vocabulary = 0; }, "vocab_size is 0");
  refuse_numbers([](BertConfig& c) { c.d_model = 1 << 21; }, "hidden_size is 2097152");
  refuse_numbers([](BertConfig& c) { c.d_ff = -1; }, "intermediate_size is -1");
  refuse_numbers([](BertConfig& c) { c.layers = 5000; }, "num_hidden_layers is 5000");
  refuse_numbers([](BertConfig& c) { c.heads = 7; }, "hidden_size 384 is not a multiple of num_attention_heads 7");
  refuse_numbers([](BertConfig& c) { c.positions = 1; }, "max_position_embeddings is 1");
  refuse_numbers([](BertConfig& c) { c.types = 0; }, "type_vocab_size is 0");
  refuse_numbers([](BertConfig& c) { c.eps = 0; }, "layer_norm_eps is 0");
}

BOOST_AUTO_TEST_CASE(what_the_files_say) {
  const auto files = SentenceFiles::open(golden("bert/model"));
  BOOST_TEST(files.config.d_model == 32);
  BOOST_TEST(files.config.layers == 2);
  BOOST_TEST(files.config.heads == 4);
  BOOST_TEST(files.config.d_kv() == 8);
  BOOST_TEST(files.config.eps == 1e-12);
  BOOST_TEST(files.longest == 20);
  BOOST_TEST(files.unit);
}

void refuse_file(const std::string& name, const std::string& from, const std::string& to, const std::string& words) {
  const ChangedEncoder changed(name, from, to);
  BOOST_CHECK_EXCEPTION(SentenceFiles::open(changed.path()), Error, says(words));
}

BOOST_AUTO_TEST_CASE(files_that_ask_for_what_is_not_here) {
  refuse_file("config.json", "\"bert\"", "\"roberta\"", "model_type is roberta; a sentence encoder here is a bert");
  refuse_file("config.json", "\"gelu\"", "\"relu\"", "hidden_act is relu; only gelu is known");
  refuse_file("config.json", "\"absolute\"", "\"relative_key\"", "position_embedding_type is relative_key");
  refuse_file("config.json", "\"hidden_size\": 32", "\"hidden_size\": 30", "is not a multiple of");
  refuse_file("config.json",
              "\"vocab_size\": ", "\"vocab_size\": 1, \"x\": ", "the model 1; are they of the same model");
  refuse_file("1_Pooling/config.json", "\"pooling_mode_mean_tokens\": true", "\"pooling_mode_mean_tokens\": false",
              "pooling_mode_mean_tokens is false; only the mean of the tokens is known");
  refuse_file("1_Pooling/config.json", "\"pooling_mode_cls_token\": false", "\"pooling_mode_cls_token\": true",
              "pooling_mode_cls_token is true");
  refuse_file("1_Pooling/config.json", "{", "{\"pooling_mode\": \"max\",", "pooling_mode is \"max\"; only mean");
  refuse_file("modules.json", "models.Normalize", "models.Dense", "models.Dense\" is not known here");
  refuse_file("modules.json", "models.Pooling", "models.Normalize", "models.Normalize\" is not known here");
  refuse_file("modules.json", "\"path\": \"\"", "\"path\": \"0\"", "the model is in \"0\"; name that folder");
  refuse_file("sentence_bert_config.json", "false", "true", "do_lower_case true is not supported");
  refuse_file("sentence_bert_config.json", "20", "1", "max_seq_length must be an integer from 2");
  refuse_file("model.safetensors", "", "", "model.safetensors");
}

BOOST_AUTO_TEST_CASE(files_that_may_be_absent) {
  const ChangedEncoder changed("config.json", "", " ");
  for (const char* name : {"modules.json", "sentence_bert_config.json", "tokenizer_config.json", "tokenizer.json"})
    std::filesystem::remove(changed.path() + '/' + name);
  const auto files = SentenceFiles::open(changed.path());
  BOOST_TEST(files.unit);
  BOOST_TEST(files.longest == 24);  // the positions
}

BOOST_AUTO_TEST_CASE(without_a_division_by_the_length) {
  const ChangedEncoder changed("modules.json", "", "");
  std::ofstream(changed.path() + "/modules.json")
      << R"([{"type": "a.Transformer", "path": ""}, {"type": "b.Pooling", "path": "1_Pooling"}])";
  BOOST_TEST(!SentenceFiles::open(changed.path()).unit);
  std::ofstream(changed.path() + "/modules.json") << R"([{"type": "a.Transformer", "path": ""}])";
  BOOST_CHECK_EXCEPTION(SentenceFiles::open(changed.path()), Error, says("there is no Pooling"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
