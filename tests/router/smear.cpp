#include <anser/module/lora.hpp>
#include <anser/router/smear.hpp>

#include "../module/pool.hpp"
#include "../ops/host.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(smear_hpp)

constexpr int width = 6, examples = 2, tokens = 3;

std::vector<double> layer_norm(std::vector<double> x, const std::vector<double>& by, const std::vector<double>& plus) {
  const std::size_t n = by.size();
  for (std::size_t r = 0; r < x.size() / n; ++r) {
    double mean = 0, square = 0;
    for (std::size_t j = 0; j < n; ++j) mean += x[r * n + j] / double(n);
    for (std::size_t j = 0; j < n; ++j) square += (x[r * n + j] - mean) * (x[r * n + j] - mean) / double(n);
    for (std::size_t j = 0; j < n; ++j)
      x[r * n + j] = (x[r * n + j] - mean) / std::sqrt(square + 1e-5) * by[j] + plus[j];
  }
  return x;
}
/// The transcription: the mean, two LayerNorms, a softmax. `read` [examples, width], `e` experts.
std::vector<double> probabilities(const std::vector<Input>& in, const std::vector<double>& read, int e) {
  auto p = product_t(layer_norm(read, in[2].values, in[3].values), layer_norm(in[1].values, in[4].values, in[5].values),
                     examples, e, width);
  for (std::size_t b = 0; b < examples; ++b) {
    double s = 0;
    for (std::size_t j = 0; j < std::size_t(e); ++j)
      s += p[b * std::size_t(e) + j] = std::exp(p[b * std::size_t(e) + j]);
    for (std::size_t j = 0; j < std::size_t(e); ++j) p[b * std::size_t(e) + j] /= s;
  }
  return p;
}

/// x, the router's rows, and its two norms' scales and biases.
std::vector<Input> inputs(int candidates) {
  return {input({examples * tokens, width}, 1),
          input({candidates, width}, 2),
          input({1, width}, 3),
          input({1, width}, 4),
          input({1, width}, 5),
          input({1, width}, 6)};
}
template <Backend D>
Smear::On<D> with(const Context<D>& cx, const Site& site, const Inputs<D>& t, Smear o = {}) {
  Smear::On<D> on(cx.device, o, site);
  on.prepare(site, lora_pool({site}, {2, 0, 2, 2}));
  auto& s = on.scores;
  s.weight = t[1], s.scale = t[2], s.bias = t[3], s.row_scale = t[4], s.row_bias = t[5];
  return on;
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_encoder_reads_its_inputs_the_decoder_the_encoder, B, Backends) {
  const std::vector<std::int32_t> mask{1, 1, 0, 1, 1, 1};
  const auto in = inputs(3);
  std::vector<double> read(examples * width);
  for (std::size_t i = 0; i < in[0].values.size(); ++i)
    if (mask[i / width])
      read[i / (tokens * width) * width + i % width] += in[0].values[i] / (i < tokens * width ? 2 : 3);
  for (const bool decoder : {false, true}) {
    Site site = linear_site(decoder ? 9 : width, 3, 4);
    site.stack = decoder ? Stack::decoder : Stack::encoder;
    site.d_model = width;
    check_op<B>(
        in,
        [&]<class D>(const Context<D>& cx, const Inputs<D>& t) {
          const auto on = with(cx, site, t);
          Batch<D> batch;
          batch.examples = examples;
          batch.tokens = tokens;
          batch.mask = batch.encoder_mask = indices(cx.device, {examples, tokens}, mask);
          batch.encoded = t[0];
          const auto r = decoder ? on.plan(cx, batch) : on.route(cx, cast<typename D::element>(cx, t[0]), batch);
          BOOST_TEST((r.expert.host() == std::vector<std::int32_t>{0, 2, 3, 0, 2, 3}));  // expert 1 is not here
          return r.weight;
        },
        probabilities(in, read, 3));
  }
}

using B = Cpu<float>;

BOOST_AUTO_TEST_CASE(new_routers_hear_all_alike) {
  const Site site = linear_site(width, 3, 4);
  Smear::On<B> on(device<B>(), {}, site), other(device<B>(), {.seed = 1}, site);
  for (auto* o : {&on, &other}) o->prepare(site, lora_pool({site}, {1, 1, 1, 1}));
  BOOST_TEST((on.scores.weight.host() != other.scores.weight.host()));
  Batch<B> batch;
  const auto r = on.route({device<B>()}, tensor<B>(device<B>(), {1, width}, numbers(width, 1)), batch);
  for (const float w : r.weight.host()) BOOST_CHECK_SMALL(w - 0.25f, 0.05f);
  std::vector<std::string> names;
  Smear::On<B>::visit(on, [&](const std::string& n, const Real<B>&) { names.push_back(n); });
  BOOST_TEST((names == std::vector<std::string>{"router.weight", "router.input_norm.weight", "router.input_norm.bias",
                                                "router.row_norm.weight", "router.row_norm.bias"}));
  Smear::On<B> nobody(device<B>(), {}, site);
  nobody.prepare(site, lora_pool({site}, {0, 0}));
  BOOST_TEST(!nobody.route({device<B>()}, tensor<B>(device<B>(), {1, width}, numbers(width, 1)), batch).expert);
}

BOOST_AUTO_TEST_CASE(training_drops_experts) {
  const Site site = linear_site(width, 3, 4);
  Smear::On<B> on(device<B>(), {.dropout = 0.3}, site);
  on.prepare(site, lora_pool({site}, {1, 1, 1, 1}));
  const auto x = tensor<B>(device<B>(), {400, width}, numbers(400 * width, 1));
  Batch<B> batch;
  batch.examples = 400;
  batch.training = true;
  batch.random = Random{3, 1};
  const auto p = on.route({device<B>()}, x, batch).weight.host();
  int dropped = 0, whole = 0;
  for (std::size_t b = 0; b < 400; ++b) {
    double s = 0;
    int out = 0;
    for (std::size_t e = 0; e < 4; ++e) s += p[4 * b + e], out += p[4 * b + e] == 0;
    BOOST_CHECK_SMALL(s - 1, 1e-5);
    dropped += out;
    whole += out == 0;
  }
  BOOST_TEST((dropped > 380 && dropped < 580), dropped << " of 1600");  // 0.3, less the rows that lose all four
  BOOST_TEST(whole > 40);
  batch.training = false;
  for (const float w : on.route({device<B>()}, x, batch).weight.host()) BOOST_TEST(w > 0.1f);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
