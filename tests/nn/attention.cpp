#include <anser/nn/attention.hpp>
#include <anser/ops/position.hpp>

#include "../ops/host.hpp"
#include "fill.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(attention_hpp)

constexpr int width = 6, heads = 2, examples = 2, tokens = 5;

using Checked = std::tuple<Cpu<double>, Squad<double>, Cpu<float>>;

template <Backend B>
Tensor<B> rows(int n, std::uint64_t stream) {
  return tensor<B, typename B::element>(device<B>(), {n, width}, numbers(std::size_t(n * width), stream));
}
template <Backend B>
Batch<B> batch_of(int b, int t) {
  Batch<B> batch;
  batch.examples = b;
  batch.tokens = t;
  return batch;
}
/// Rows b * of + t .. + n of every example b.
std::vector<double> steps(const std::vector<double>& all, int of, int t, int n) {
  std::vector<double> some;
  for (int b = 0; b < examples; ++b) {
    const auto p = part(all, width, b * of + t, n, 0, width);
    some.insert(some.end(), p.begin(), p.end());
  }
  return some;
}

BOOST_AUTO_TEST_CASE_TEMPLATE(step_by_step_with_a_cache_equals_all_at_once, B, Checked) {
  B& on = device<B>();
  const Context<B> cx{on};
  SelfAttention<B> layer(on, width, heads, 4);
  fill<B>(layer);
  const auto table = tensor<B>(on, {8, heads}, numbers(16, 3));
  const Buckets buckets{8, 16, false};
  const auto x = numbers(examples * tokens * width, 1);
  const auto whole =
      doubles(layer
                  .forward(cx, rows<B>(examples * tokens, 1), relative_bias(cx, table, buckets, tokens, tokens, 0),
                           true, nullptr, batch_of<B>(examples, tokens))
                  .host());
  KeyValueCache<B> cache;
  for (int at = 0, n = 2; at < tokens; at += n, n = 1) {  // two tokens first, then one by one
    const auto next = tensor<B, typename B::element>(on, {examples * n, width}, steps(x, tokens, at, n));
    const auto y = layer.forward(cx, next, relative_bias(cx, table, buckets, n, at + n, at), true, &cache,
                                 batch_of<B>(examples, n));
    check_near(doubles(y.host()), steps(whole, tokens, at, n), 10 * Tolerance<B>::value, "a step");
  }
  BOOST_TEST(cache.k.length() == tokens);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_comes_later_or_is_padding_changes_nothing, B, Checked) {
  B& on = device<B>();
  const Context<B> cx{on};
  SelfAttention<B> layer(on, width, heads, 4);
  fill<B>(layer);
  auto batch = batch_of<B>(examples, tokens);
  const auto first = [&](const std::vector<double>& x, bool causal) {
    const auto in = tensor<B, typename B::element>(on, {examples * tokens, width}, x);
    return steps(doubles(layer.forward(cx, in, {}, causal, nullptr, batch).host()), tokens, 0, 3);
  };
  const auto x = numbers(examples * tokens * width, 1);
  auto changed = x;
  for (int b = 0; b < examples; ++b)
    for (int i = 3 * width; i < tokens * width; ++i) changed[std::size_t(b * tokens * width + i)] *= -1;
  BOOST_TEST((first(x, true) == first(changed, true)));
  BOOST_TEST((first(x, false) != first(changed, false)));
  batch.mask = indices(on, {examples, tokens}, {1, 1, 1, 0, 0, 1, 1, 1, 0, 0});
  BOOST_TEST((first(x, false) == first(changed, false)));
}

// Three beams of each example are three tokens to cross-attention: the same as each beam with its own copy of the keys.
BOOST_AUTO_TEST_CASE_TEMPLATE(beams_read_the_keys_of_their_example, B, Checked) {
  constexpr int beams = 3, source_tokens = 4;
  B& on = device<B>();
  const Context<B> cx{on};
  CrossAttention<B> layer(on, width, heads, 4);
  fill<B>(layer);
  auto source = batch_of<B>(examples, source_tokens);
  source.mask = indices(on, {examples, source_tokens}, {1, 1, 1, 1, 1, 1, 0, 0});
  const auto encoded = numbers(examples * source_tokens * width, 1), x = numbers(examples * beams * width, 2);
  const auto keys = layer.remember(cx, rows<B>(examples * source_tokens, 1), source);
  const auto together =
      doubles(layer.forward(cx, rows<B>(examples * beams, 2), keys, batch_of<B>(examples * beams, 1), source).host());
  for (int i = 0; i < examples * beams; ++i) {
    const int b = i / beams;
    auto alone = batch_of<B>(1, source_tokens);
    alone.mask = source.mask.slice(b, 1);
    const auto own = tensor<B, typename B::element>(on, {source_tokens, width},
                                                    part(encoded, width, b * source_tokens, source_tokens, 0, width));
    const auto query = tensor<B, typename B::element>(on, {1, width}, part(x, width, i, 1, 0, width));
    const auto y = layer.forward(cx, query, layer.remember(cx, own, alone), batch_of<B>(1, 1), alone);
    check_near(part(together, width, i, 1, 0, width), doubles(y.host()), 10 * Tolerance<B>::value, "a beam");
  }
}

BOOST_AUTO_TEST_CASE(linears_are_named_as_hugging_face_names_them) {
  SelfAttention<Cpu<float>> self(device<Cpu<float>>(), width, heads, 4);
  CrossAttention<Cpu<float>> cross(device<Cpu<float>>(), width, heads, 4);
  const std::vector<std::string> expected{"q.weight", "k.weight", "v.weight", "o.weight"};
  std::vector<std::string> names;
  const auto note = [&](const std::string& n, auto&) { names.push_back(n); };
  walk(self, note);
  BOOST_TEST((names == expected));
  names.clear();
  walk(cross, note);
  BOOST_TEST((names == expected));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
