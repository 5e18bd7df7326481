#include <anser/backend/squad.hpp>
#include <anser/bert.hpp>

#include "files.hpp"

namespace anser::test {

using Backends = std::tuple<Cpu<float>, Cpu<double>, Squad<double>, Cpu<bf16>>;

struct GoldenTexts {
  std::vector<std::string> texts;
  std::vector<double> embeddings;
};
GoldenTexts golden_texts() {
  return {read_json(golden("bert/golden.json")).at("texts").texts(),
          Golden("bert/golden.safetensors").values("embeddings")};
}

BOOST_AUTO_TEST_SUITE(bert_model)

BOOST_AUTO_TEST_CASE_TEMPLATE(embeddings_of_sentence_transformers, B, Backends) {
  const auto g = golden_texts();
  const SentenceEncoder<B> encoder(device<B>(), golden("bert/model"));
  BOOST_TEST(encoder.width() == 32);
  for (const int batch : {1, 7, 100}) {
    const auto found = encoder.embed(g.texts, batch);
    const std::vector<double> y(found.begin(), found.end());
    BOOST_TEST_REQUIRE(y.size() == g.embeddings.size());
    double worst = 0;
    for (std::size_t i = 0; i < y.size(); ++i) worst = std::fmax(worst, std::fabs(y[i] - g.embeddings[i]));
    BOOST_CHECK_MESSAGE(worst <= parity<B>, "batch " << batch << ": off by " << worst);
  }
  BOOST_TEST(encoder.embed({}).empty());
}

BOOST_AUTO_TEST_CASE(weights_below_a_prefix_and_without_the_division) {
  using B = Cpu<float>;
  const ChangedEncoder changed("modules.json", "", "");
  std::ofstream(changed.path() + "/modules.json")
      << R"([{"type": "a.Transformer", "path": ""}, {"type": "b.Pooling", "path": "1_Pooling"}])";
  {
    const auto file = Safetensors::open(golden("bert/model/model.safetensors"));
    std::vector<NamedTensor> tensors;
    for (const auto& name : file->names()) tensors.emplace_back("bert." + name, *file->find(name));
    write_safetensors(changed.path() + "/model.safetensors", tensors);
  }
  const SentenceEncoder<B> encoder(device<B>(), changed.path());
  const auto g = golden_texts();
  auto y = encoder.embed({g.texts[0]});
  double square = 0, longest = 0;
  for (float v : y) square += double(v) * double(v);
  BOOST_TEST(std::fabs(square - 1) > 0.01);
  for (std::size_t j = 0; j < y.size(); ++j)
    longest = std::fmax(longest, std::fabs(double(y[j]) / std::sqrt(square) - g.embeddings[j]));
  BOOST_TEST(longest < 1e-4);
}

BOOST_AUTO_TEST_CASE(tokens_that_are_none) {
  using B = Cpu<float>;
  const SentenceEncoder<B> encoder(device<B>(), golden("bert/model"));
  const Context<B> cx{device<B>()};
  const auto& model = encoder.model();
  BOOST_CHECK_EXCEPTION(model.embed(cx, Tokens{}), Error, says("BERT: no tokens"));
  BOOST_CHECK_EXCEPTION(model.embed(cx, Tokens::pad({{3, 5000}}, 0)), Error, says("the id 5000 is not among"));
  BOOST_CHECK_EXCEPTION(model.embed(cx, Tokens::pad({std::vector<std::int32_t>(25, 3)}, 0)), Error,
                        says("25 tokens, and the model has 24 positions"));
  BOOST_CHECK_EXCEPTION(model.embed(cx, Tokens{1, 2, {3}, {}}), Error, says("do not fill 1 x 2"));
}

BOOST_AUTO_TEST_CASE(weights_that_are_missing) {
  using B = Cpu<float>;
  const ChangedEncoder changed("config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3");
  BOOST_CHECK_EXCEPTION(SentenceEncoder<B>(device<B>(), changed.path()), Error, says("encoder.layer.2."));
}

BOOST_AUTO_TEST_CASE(texts_of_instances) {
  BOOST_TEST(retrieval_text("The sky is", {"red", "blue"}) == "Answer Choices: red, blue, Instance: The sky is");
  BOOST_TEST(retrieval_text("The sky is", {}) == "Answer Choices: None, Instance: The sky is");
}

BOOST_AUTO_TEST_CASE(batches_of_like_lengths) {
  const auto runs = sort_into_batches({3, 9, 5, 9, 1}, 2);
  const std::vector<std::vector<std::size_t>> expected{{1, 3}, {2, 0}, {4}};
  BOOST_TEST_REQUIRE(runs.size() == expected.size());
  for (std::size_t i = 0; i < runs.size(); ++i) BOOST_TEST(runs[i] == expected[i], boost::test_tools::per_element());
  BOOST_TEST(sort_into_batches({}, 2).empty());
  BOOST_CHECK_EXCEPTION(sort_into_batches({1}, 0), Error, says("a batch of 0 texts"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
