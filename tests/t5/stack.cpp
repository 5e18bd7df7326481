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

/// Experts that change nothing, and say what they were asked.
struct Talking : SiteExperts<B> {
  bool defers = false;
  explicit Talking(bool d) : defers(d) {}
  Real<B> forward(const Context<B>& cx, const Host<B>& host, const Tensor<B>& x, const Scores<B>&,
                  const Batch<B>& batch) const override {
    const auto y = host(x);
    if (batch.losses && !defers) batch.losses->scalar.push_back(sum(cx, multiply(cx, y, scale(cx, y, 0.125))));
    if (batch.losses && defers)
      batch.losses->deferred.push_back([y](const Context<B>& on, const Real<B>&) { return sum(on, y); });
    if (batch.trace) batch.trace->push_back({});
    return y;
  }
  void visit(const Leaf&) override {}
};

void talk(TransformerStack<B>& stack, bool defers) {
  for (auto& block : stack.blocks())
    block.each_group([&](const char* path, LinearGroup<B>& g, Stack) {
      if (std::string(path).ends_with("SelfAttention")) g.members()[0].experts = std::make_unique<Talking>(defers);
    });
}

// Bit for bit, with dropout, with losses that routers add, and with a trace that is written once; sessions may be gone.
BOOST_AUTO_TEST_CASE(checkpointing_changes_no_gradient) {
  B& on = device<B>();
  for (Stack kind : {Stack::encoder, Stack::decoder}) {
    const bool decoder = kind == Stack::decoder;
    TransformerStack<B> stack(on, small(3), kind);
    fill<B>(stack);
    talk(stack, false);
    walk(stack, [](const std::string&, auto& t) { t.require_grad(); });
    std::vector<std::vector<double>> seen[2];
    std::size_t steps[2];
    for (const bool checkpointing : {false, true}) {
      const auto x = tensor<B>(on, {8, 6}, numbers(48, 1), true), encoded = tensor<B>(on, {4, 6}, numbers(24, 3), true);
      Tape tape;
      const Context<B> cx{on, &tape};
      std::vector<TraceEntry<B>> trace;
      Losses<B> losses;
      Real<B> loss;
      {
        Batch<B> batch, source;
        batch.examples = source.examples = 2;
        batch.tokens = 4;
        source.tokens = 2;
        batch.dropout = 0.25f;
        batch.checkpointing = checkpointing;
        batch.trace = &trace;
        batch.losses = &losses;
        batch.mask = indices<B>(on, {2, 4}, {1, 1, 1, 1, 1, 1, 1, 0});
        source.mask = indices<B>(on, {2, 2}, {1, 1, 1, 0});
        const std::vector<std::shared_ptr<const void>> plans(4);
        batch.plans = &plans;
        std::vector<LayerState<B>> states(3);
        if (decoder)
          for (std::size_t i = 0; i < 3; ++i) states[i].keys_values = stack.blocks()[i].read(cx, encoded, source);
        const auto y =
            stack.forward(cx, x, batch, decoder ? &source : nullptr, decoder ? &states : nullptr, false, nullptr);
        loss = sum(cx, multiply(cx, y, y));
      }
      BOOST_TEST(trace.size() == 6u);
      BOOST_TEST_REQUIRE(losses.scalar.size() == 6u);
      for (const auto& l : losses.scalar) loss = add(cx, loss, l);
      steps[checkpointing] = tape.size();
      auto& mine = seen[checkpointing];
      mine.push_back(doubles(loss.host()));
      tape.backward<B>(loss);
      BOOST_TEST(trace.size() == 6u);
      BOOST_TEST(losses.scalar.size() == 6u);
      mine.push_back(doubles(x.host_grad()));
      mine.push_back(doubles(encoded.host_grad()));
      walk(stack, [&](const std::string&, auto& t) {
        mine.push_back(doubles(t.host_grad()));
        t.release_grad();
      });
    }
    BOOST_TEST((seen[0] == seen[1]));
    for (std::size_t i = 0; i < seen[0].size(); ++i)
      if (decoder || i != 2) BOOST_TEST(distance(seen[0][i], std::vector<double>(seen[0][i].size())) > 0);
    BOOST_TEST(steps[1] < steps[0] / 2);
  }
}

BOOST_AUTO_TEST_CASE(checkpointing_refuses_deferred_losses) {
  B& on = device<B>();
  TransformerStack<B> stack(on, small(1), Stack::encoder);
  fill<B>(stack);
  talk(stack, true);
  Losses<B> losses;
  Batch<B> batch;
  batch.tokens = 4;
  batch.losses = &losses;
  batch.checkpointing = true;
  Tape tape;
  const auto x = tensor<B>(on, {4, 6}, numbers(24, 1), true);
  BOOST_CHECK_EXCEPTION(stack.forward({on, &tape}, x, batch, nullptr, nullptr, false, nullptr), Error,
                        [](const Error& e) { return std::string(e.what()).starts_with("checkpointing: a router"); });
  batch.checkpointing = false;
  stack.forward({on, &tape}, x, batch, nullptr, nullptr, false, nullptr);
  BOOST_TEST(losses.deferred.size() == 2u);
  batch.checkpointing = true;  // without a tape nothing is checkpointed
  stack.forward({on}, x, batch, nullptr, nullptr, false, nullptr);
  BOOST_TEST(losses.deferred.size() == 4u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
