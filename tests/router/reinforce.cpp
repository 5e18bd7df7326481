#include <anser/router/reinforce.hpp>
#include <anser/router/top1.hpp>

#include "../ops/host.hpp"
#include "joint.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(reinforce_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(in_evaluation_the_most_probable, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto x = joint_rows(device<B>(), 5);
  const auto r = joint_router(device<B>(), Reinforce{.seed = 5}).route(cx, x, joint_batch<B>(5));
  BOOST_TEST(
      (r.expert.host() == joint_router(device<B>(), Top1{.seed = 5}).route(cx, x, joint_batch<B>(5)).expert.host()));
  for (const auto w : r.weight.host()) BOOST_TEST(double(w) == 1);
}

// New scores are nearly equal, so that all are drawn alike.
BOOST_AUTO_TEST_CASE_TEMPLATE(while_training_one_is_drawn, B, Backends) {
  constexpr int examples = 600;
  const auto on = joint_router(device<B>(), Reinforce{});
  std::vector<int> count(4);
  for (const auto e :
       on.route({device<B>()}, joint_rows(device<B>(), examples), joint_batch<B>(examples, true)).expert.host())
    ++count.at(std::size_t(e));
  BOOST_TEST(count[1] == 0);
  for (const int e : {0, 2, 3}) BOOST_TEST(std::abs(count[std::size_t(e)] - 200) < 60);  // five standard deviations
}

/// The scores' rows, their norm's scale, and the baseline's two linears.
std::vector<Input> learned() {
  std::vector<Input> in{input({3, joint_width}, 2), input({1, joint_width}, 3), input({2, joint_width}, 4),
                        input({1, 2}, 5),           input({1, 2}, 6),           input({1, 1}, 7)};
  return in;
}

// The whole deferred loss, its gradients against finite differences: the advantage and the baseline's input are
// constants to it, so differences are taken of each part alone.
BOOST_AUTO_TEST_CASE_TEMPLATE(what_is_deferred, B, Backends) {
  constexpr int examples = 3;
  const std::vector<double> loss{4, 0.25, -1};
  const std::vector<double> x = numbers(std::size_t(examples * joint_width), 1);
  const auto deferred = [&]<class D>(const Context<D>& cx, const Inputs<D>& t, Reinforce o, OutputRouting<D>* said) {
    auto on = joint_router(cx.device, o);
    on.scores.weight = t[0], on.scores.row_scale = t[1];
    on.down = t[2], on.down_bias = t[3], on.up = t[4], on.up_bias = t[5];
    Losses<D> losses;
    auto batch = joint_batch<D>(examples, true);
    batch.losses = &losses;
    const auto r = on.route(cx, tensor<D, typename D::element>(cx.device, {examples, joint_width}, x), batch);
    if (said) *said = r;
    BOOST_TEST_REQUIRE(losses.deferred.size() == 1u);
    BOOST_TEST(losses.scalar.empty());
    return losses.deferred[0](cx, tensor<D>(cx.device, {examples, 1}, loss));
  };
  // The transcription.
  const auto in = learned();
  Inputs<B> t;
  for (const Input& i : in) t.push_back(tensor<B>(device<B>(), i.shape, i.values));
  OutputRouting<B> said;
  deferred(Context<B>{device<B>()}, t, Reinforce{}, &said);
  const auto drawn = said.expert.host();
  const auto standardised = [](std::vector<double> v) {
    for (std::size_t r = 0; r < v.size(); r += joint_width) {
      double mean = 0, square = 0;
      for (std::size_t j = r; j < r + joint_width; ++j) mean += v[j] / joint_width;
      for (std::size_t j = r; j < r + joint_width; ++j) square += (v[j] - mean) * (v[j] - mean) / joint_width;
      for (std::size_t j = r; j < r + joint_width; ++j) v[j] = (v[j] - mean) / std::sqrt(square + 1e-5);
    }
    return v;
  };
  const auto read = standardised(x);
  auto rows = standardised(in[0].values);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] *= in[1].values[i % joint_width];
  const auto scores = product_t(read, rows, examples, 3, joint_width);
  auto inner = product_t(read, in[2].values, examples, 2, joint_width);
  for (std::size_t i = 0; i < inner.size(); ++i) inner[i] += in[3].values[i % 2];
  auto foretold = product_t(inner, in[4].values, examples, 1, 2);
  double policy = 0, error = 0, entropy = 0;
  for (std::size_t b = 0; b < examples; ++b) {
    double total = 0;
    for (std::size_t j = 0; j < 3; ++j) total += std::exp(scores[3 * b + j]);
    const std::size_t column = drawn[b] == 0 ? 0 : std::size_t(drawn[b] - 1);  // candidates are 0, 2 and 3
    const double apart = loss[b] - (foretold[b] + in[5].values[0]);
    policy += (scores[3 * b + column] - std::log(total)) * apart / examples;
    error += (std::fabs(apart) < 1 ? apart * apart / 2 : std::fabs(apart) - 0.5) / examples;
    for (std::size_t j = 0; j < 3; ++j)
      entropy -= std::exp(scores[3 * b + j]) / total * (scores[3 * b + j] - std::log(total)) / examples;
  }
  const auto each = [&](Reinforce o, std::vector<Input> inputs, double value) {
    check_op<B>(inputs,
                [&]<class D>(const Context<D>& cx, const Inputs<D>& v) {
                  return deferred(cx, v, o, (OutputRouting<D>*)nullptr);
                },
                {value});
  };
  auto router = in, baseline = in;
  for (std::size_t i = 0; i < in.size(); ++i) (i < 2 ? baseline : router)[i].learns = false;
  each({.policy = 1, .value = 0, .entropy = 0}, router, policy);
  each({.policy = 0, .value = 0, .entropy = 1}, router, entropy);
  each({.policy = 0, .value = 1, .entropy = 0}, baseline, error);
  // Of what is a constant to it nothing learns.
  Tape tape;
  const Context<B> cx{device<B>(), &tape};
  for (auto& v : t) v.require_grad();
  tape.backward<B>(deferred(cx, t, {.policy = 1, .value = 0, .entropy = 0}, (OutputRouting<B>*)nullptr));
  for (std::size_t i = 2; i < t.size(); ++i)
    if (t[i].has_grad())
      for (const auto g : t[i].host_grad()) BOOST_TEST(double(g) == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
