#include <anser/backend/squad.hpp>
#include <anser/bert/layer.hpp>

#include "../nn/fill.hpp"

namespace anser::test {

using Backends = std::tuple<Cpu<double>, Squad<double>, Cpu<float>>;

BertConfig small() {
  BertConfig c;
  c.d_model = 6;
  c.d_ff = 5;
  c.heads = 2;
  c.eps = 1e-3;
  return c;
}

BOOST_AUTO_TEST_SUITE(bert_layer)

BOOST_AUTO_TEST_CASE_TEMPLATE(names_are_those_of_hugging_face, B, Backends) {
  BertLayer<B> layer(device<B>(), small());
  std::vector<std::string> names;
  walk(layer, [&](const std::string& name, auto&) { names.push_back(name); });
  const std::vector<std::string> expected{"attention.self.query.weight",
                                          "attention.self.key.weight",
                                          "attention.self.value.weight",
                                          "attention.self.query.bias",
                                          "attention.self.key.bias",
                                          "attention.self.value.bias",
                                          "attention.output.dense.weight",
                                          "attention.output.dense.bias",
                                          "attention.output.LayerNorm.weight",
                                          "attention.output.LayerNorm.bias",
                                          "intermediate.dense.weight",
                                          "intermediate.dense.bias",
                                          "output.dense.weight",
                                          "output.dense.bias",
                                          "output.LayerNorm.weight",
                                          "output.LayerNorm.bias"};
  BOOST_TEST(names == expected, boost::test_tools::per_element());
}

// A token that the mask hides is not heard by the others, and the gradient reaches the input.
BOOST_AUTO_TEST_CASE_TEMPLATE(the_mask_hides, B, Backends) {
  B& on = device<B>();
  BertLayer<B> layer(on, small());
  fill<B>(layer, 40, 0.5);
  Batch<B> batch;
  batch.examples = 1;
  batch.tokens = 4;
  batch.mask = indices<B>(on, {1, 4}, {1, 1, 0, 1});
  auto values = numbers(24, 3);
  const auto first = doubles(layer.forward({on}, tensor<B>(on, {4, 6}, values), batch).host());
  for (std::size_t j = 12; j < 18; ++j) values[j] += 1 + double(j);
  const auto second = doubles(layer.forward({on}, tensor<B>(on, {4, 6}, values), batch).host());
  check_near(part(second, 6, 0, 2, 0, 6), part(first, 6, 0, 2, 0, 6), 1e-6, "the tokens before");
  check_near(part(second, 6, 3, 1, 0, 6), part(first, 6, 3, 1, 0, 6), 1e-6, "the token behind");
  BOOST_TEST(distance(part(second, 6, 2, 1, 0, 6), part(first, 6, 2, 1, 0, 6)) > 0.01);
}

// Post-norm: each row of the result has the norm's own mean and variance.
BOOST_AUTO_TEST_CASE_TEMPLATE(the_norm_comes_last, B, Backends) {
  B& on = device<B>();
  BertLayer<B> layer(on, small());
  fill<B>(layer, 40, 0.5);
  layer.output_norm.weight = tensor<B>(on, {6}, std::vector<double>(6, 2));
  layer.output_norm.bias = tensor<B>(on, {6}, std::vector<double>(6, 3));
  Batch<B> batch;
  batch.examples = 1;
  batch.tokens = 2;
  const auto y = doubles(layer.forward({on}, tensor<B>(on, {2, 6}, numbers(12, 3)), batch).host());
  for (std::size_t r = 0; r < 2; ++r) {
    double mean = 0;
    for (std::size_t j = 0; j < 6; ++j) mean += y[6 * r + j] / 6;
    BOOST_CHECK_SMALL(mean - 3, 1e-5);
  }
}

// The whole layer's gradient, by the ops that it is composed of.
BOOST_AUTO_TEST_CASE_TEMPLATE(the_gradient_reaches_the_input, B, Backends) {
  check_op<B>(
      {input({4, 6}, 3)},
      []<class D>(const Context<D>& cx, const Inputs<D>& x) {
        BertLayer<D> layer(device<D>(), small());
        fill<D>(layer, 40, 0.5);
        Batch<D> batch;
        batch.examples = 2;
        batch.tokens = 2;
        return layer.forward(cx, x[0], batch);
      },
      [] {
        auto& on = device<Cpu<double>>();
        BertLayer<Cpu<double>> layer(on, small());
        fill<Cpu<double>>(layer, 40, 0.5);
        Batch<Cpu<double>> batch;
        batch.examples = 2;
        batch.tokens = 2;
        return doubles(layer.forward({on}, tensor<Cpu<double>>(on, {4, 6}, numbers(24, 3)), batch).host());
      }());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
