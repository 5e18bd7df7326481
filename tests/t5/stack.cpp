#include <anser/t5/stack.hpp>

#include "../nn/fill.hpp"
#include "../ops/host.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(stack_hpp)

T5Config small(int layers) {
  T5Config c;
  c.d_model = 6;
  c.d_kv = 4;
  c.heads = 2;
  c.d_ff = 8;
  c.layers = c.decoder_layers = layers;
  c.buckets = 8;
  c.max_distance = 16;
  return c;
}

using B = Cpu<double>;

BOOST_AUTO_TEST_CASE(hidden_states_are_what_enters_each_layer) {
  B& on = device<B>();
  const Context<B> cx{on};
  TransformerStack<B> stack(on, small(3), Stack::encoder);
  fill<B>(stack);
  const auto x = tensor<B>(on, {8, 6}, numbers(48, 1));
  Batch<B> batch;
  batch.examples = 2;
  batch.tokens = 4;
  std::vector<Real<B>> hidden;
  const auto y = stack.forward(cx, x, batch, nullptr, nullptr, false, &hidden);
  BOOST_TEST_REQUIRE(hidden.size() == 3u);
  BOOST_TEST((hidden[0].host() == x.host()));
  // The bias table of layer 0 serves every layer: each block alone takes one hidden state to the next.
  Real<B> table;
  walk(stack, [&](const std::string& name, auto& t) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(t)>, Real<B>>)
      if (name == "block.0.layer.0.SelfAttention.relative_attention_bias.weight") table = t;
  });
  BOOST_TEST_REQUIRE(bool(table));
  const auto bias = relative_bias(cx, table, {8, 16, true}, 4, 4, 0);
  for (std::size_t i = 0; i + 1 < hidden.size(); ++i)
    BOOST_TEST((stack.blocks()[i].forward(cx, hidden[i], bias, nullptr, false, batch, nullptr).host() ==
                hidden[i + 1].host()));
  std::vector<Real<B>> none;
  BOOST_TEST((stack.forward(cx, x, batch, nullptr, nullptr, false, nullptr).host() == y.host()));
}

BOOST_AUTO_TEST_CASE(the_encoder_looks_both_ways_and_the_decoder_back) {
  B& on = device<B>();
  const Context<B> cx{on};
  for (Stack kind : {Stack::encoder, Stack::decoder}) {
    TransformerStack<B> stack(on, small(2), kind);
    fill<B>(stack);
    Batch<B> batch, source;
    batch.tokens = 4;
    source.tokens = 2;
    std::vector<LayerState<B>> states(2);
    const auto encoded = tensor<B>(on, {2, 6}, numbers(12, 3));
    if (kind == Stack::decoder)
      for (std::size_t i = 0; i < 2; ++i) states[i].keys_values = stack.blocks()[i].read(cx, encoded, source);
    const auto first = [&](double last) {
      auto v = numbers(24, 1);
      for (std::size_t i = 18; i < 24; ++i) v[i] *= last;
      const bool decoder = kind == Stack::decoder;
      const auto y = stack.forward(cx, tensor<B>(on, {4, 6}, v), batch, decoder ? &source : nullptr,
                                   decoder ? &states : nullptr, false, nullptr);
      return part(doubles(y.host()), 6, 0, 3, 0, 6);
    };
    BOOST_TEST((first(1) == first(-1)) == (kind == Stack::decoder));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
