#include <anser/router/dselect_k.hpp>

#include "../ops/host.hpp"
#include "joint.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(dselect_k_hpp)

constexpr int examples = 5;

double smooth_step(double x) { return x <= -0.5 ? 0 : x >= 0.5 ? 1 : -2 * x * x * x + 1.5 * x + 0.5; }
/// The transcription: per example LayerNorm, bits, and of each candidate the product over its bits.
std::vector<double> selected(const std::vector<double>& x, const std::vector<double>& bits, int m, int e) {
  std::vector<double> all;
  for (int b = 0; b < examples; ++b) {
    double mean = 0, square = 0;
    std::vector<double> row(x.begin() + b * joint_width, x.begin() + (b + 1) * joint_width), step;
    for (const double v : row) mean += v / joint_width;
    for (const double v : row) square += (v - mean) * (v - mean) / joint_width;
    for (int i = 0; i < m; ++i) {
      double dot = 0;
      for (int j = 0; j < joint_width; ++j)
        dot += (row[std::size_t(j)] - mean) / std::sqrt(square + 1e-5) * bits[std::size_t(i * joint_width + j)];
      step.push_back(smooth_step(dot));
    }
    for (int j = 0; j < e; ++j) {
      double p = 1;
      for (int i = 0; i < m; ++i) p *= j >> (m - 1 - i) & 1 ? step[std::size_t(i)] : 1 - step[std::size_t(i)];
      all.push_back(p);
    }
  }
  return all;
}

/// Rows small enough that no bit is decided.
std::vector<Input> undecided() {
  std::vector<Input> in{input({examples, joint_width}, 1), input({2, joint_width}, 2)};
  for (double& v : in[1].values) v /= 16;
  return in;
}
template <Backend D>
DSelectK::On<D> with(const Context<D>& cx, const Inputs<D>& t) {
  auto on = joint_router(cx.device, DSelectK{});
  on.bits = t[1];
  return on;
}

BOOST_AUTO_TEST_CASE_TEMPLATE(bits_spell_an_expert, B, Backends) {
  const auto in = undecided();
  check_op<B>(
      in,
      [&]<class D>(const Context<D>& cx, const Inputs<D>& t) {
        const auto r = with(cx, t).route(cx, cast<typename D::element>(cx, t[0]), joint_batch<D>(examples));
        BOOST_TEST((r.expert.host()[1] == 2));  // candidates are 0, 2 and 3
        return r.weight;
      },
      selected(in[0].values, in[1].values, 2, 3));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_loss_pushes_towards_one, B, Backends) {
  const auto in = undecided();
  const auto p = selected(in[0].values, in[1].values, 2, 3);
  double expected = 0;
  for (std::size_t b = 0; b < examples; ++b) {
    double total = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      expected -= p[3 * b + j] * std::log(p[3 * b + j] + 1e-6);
      total += p[3 * b + j] + 1e-6;
    }
    expected += 1 / total;  // three are no power of 2
  }
  check_op<B>(in,
              [&]<class D>(const Context<D>& cx, const Inputs<D>& t) {
                Losses<D> losses;
                auto batch = joint_batch<D>(examples, true);
                batch.losses = &losses;
                with(cx, t).route(cx, cast<typename D::element>(cx, t[0]), batch);
                BOOST_TEST_REQUIRE(losses.scalar.size() == 1u);
                BOOST_TEST(losses.deferred.empty());
                return losses.scalar[0];
              },
              {0.1 * expected / examples});
}

BOOST_AUTO_TEST_CASE(one_expert_needs_no_bits) {
  using B = Cpu<float>;
  DSelectK::On<B> on(device<B>(), {}, joint_site());
  on.prepare(joint_site(), lora_pool({joint_site()}, {0, 2}));
  const auto r = on.route({device<B>()}, joint_rows(device<B>(), 2), joint_batch<B>(2));
  BOOST_TEST((r.expert.host() == std::vector<std::int32_t>{1, 1}));
  BOOST_TEST((r.weight.host() == std::vector<float>{1, 1}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
