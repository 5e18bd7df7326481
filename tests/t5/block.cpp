#include <anser/t5/block.hpp>

#include "../nn/fill.hpp"
#include "../ops/host.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(block_hpp)

T5Config small() {
  T5Config c;
  c.d_model = 6;
  c.d_kv = 4;
  c.heads = 2;
  c.d_ff = 8;
  return c;
}

/// Gives back its host's output, `times` fold.
template <Backend B>
struct Louder : SiteExperts<B> {
  double times = 1;
  explicit Louder(double t) : times(t) {}
  Real<B> forward(const Context<B>& cx, const Host<B>& host, const Tensor<B>& x, const Scores<B>&,
                  const Batch<B>&) const override {
    return scale(cx, host(x), times);
  }
  void visit(const typename SiteExperts<B>::Leaf&) override {}
};

using B = Cpu<double>;

BOOST_AUTO_TEST_CASE(parameters_and_groups_have_hugging_faces_names) {
  for (Stack stack : {Stack::encoder, Stack::decoder}) {
    Block<B> block(device<B>(), small(), stack);
    const bool decoder = stack == Stack::decoder;
    std::vector<std::string> parameters, linears;
    walk(block, [&](const std::string& n, auto&) {
      if (n.find("layer_norm") == n.npos) parameters.push_back(n);
    });
    int encoder_rows = 0;
    block.each_group([&](const char* place, LinearGroup<B>& g, Stack rows) {
      for (const auto& m : g.members()) {
        linears.push_back(std::string(place) + '.' + m.name + ".weight");
        encoder_rows += rows == Stack::encoder;
      }
    });
    BOOST_TEST(linears == parameters, boost::test_tools::per_element());
    BOOST_TEST(encoder_rows == (decoder ? 2 : int(linears.size())));  // cross-attention's k and v
    BOOST_TEST(block.sublayers() == (decoder ? 3 : 2));
  }
}

// x + f(norm(x)), layer by layer: silencing each sub-layer's output leaves x, one alone leaves the other two out.
BOOST_AUTO_TEST_CASE(experts_after_a_sublayer_change_what_joins_the_stream) {
  B& on = device<B>();
  const Context<B> cx{on};
  Block<B> block(on, small(), Stack::decoder);
  fill<B>(block);
  const auto x = tensor<B>(on, {6, 6}, numbers(36, 1));
  const auto encoded = tensor<B>(on, {4, 6}, numbers(24, 2));
  Batch<B> batch, source;
  batch.examples = source.examples = 2;
  batch.tokens = 3;
  source.tokens = 2;
  LayerState<B> state;
  state.keys_values = block.read(cx, encoded, source);
  const auto run = [&] { return block.forward(cx, x, {}, &state, false, batch, &source).host(); };
  const auto plain = run();
  for (int n : {0, 1, 2}) block.adapter(n) = std::make_unique<Louder<B>>(1);
  BOOST_TEST((run() == plain));
  for (int n : {0, 1, 2}) block.adapter(n) = std::make_unique<Louder<B>>(0);
  BOOST_TEST((run() == x.host()));
  block.adapter(2) = nullptr;  // feed-forward alone: linear in nothing, but unlike both
  const auto last = run();
  BOOST_TEST((last != plain && last != x.host()));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
