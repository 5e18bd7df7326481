#include <anser/cpu.hpp>
#include <anser/t5/initialise.hpp>
#include <map>
#include <set>

#include "../gradient.hpp"

namespace anser::test {
namespace {

T5Config sizes(bool gated, bool tied) {
  T5Config c{.vocabulary = 500, .d_model = 64, .d_kv = 16, .d_ff = 144, .layers = 2};
  c.decoder_layers = 2;
  c.heads = 9;
  c.gated = gated;
  c.tied = tied;
  return c;
}

/// By the end of its name, what transformers draws a tensor of these sizes from.
const std::map<std::string, double> deviations{
    {"shared.weight", 1},
    {"lm_head.weight", 1},
    {"q.weight", 1 / 32.},  // (64 * 16)^-0.5
    {"k.weight", 1 / 8.},
    {"v.weight", 1 / 8.},
    {"o.weight", 1 / 12.},  // (9 * 16)^-0.5
    {"wi.weight", 1 / 8.},
    {"wi_0.weight", 1 / 8.},
    {"wi_1.weight", 1 / 8.},
    {"wo.weight", 1 / 12.},
    {"relative_attention_bias.weight", 1 / 8.},
};

template <class B>
std::map<std::string, std::vector<double>> weights(T5Model<B>& model) {
  std::map<std::string, std::vector<double>> all;
  walk(model, [&](const std::string& name, auto& t) { all[name] = doubles(t.host()); });
  return all;
}

template <class B>
void check_spread(bool gated, bool tied) {
  T5Model<B> model(device<B>(), sizes(gated, tied));
  initialise(model, Random{6});
  const auto all = weights(model);
  BOOST_TEST(all.contains("lm_head.weight") == !tied);
  std::set<std::vector<double>> beginnings;
  for (const auto& [name, numbers] : all) {
    if (name.ends_with("layer_norm.weight")) {
      for (const double x : numbers) BOOST_TEST(x == 1);
      continue;
    }
    const auto found = std::find_if(deviations.begin(), deviations.end(),
                                    [&](const auto& d) { return name == d.first || name.ends_with('.' + d.first); });
    BOOST_REQUIRE_MESSAGE(found != deviations.end(), name);
    double mean = 0, square = 0;
    for (const double x : numbers) {
      mean += x / double(numbers.size());
      square += x * x / double(numbers.size());
    }
    const double deviation = found->second, error = 5 / std::sqrt(double(numbers.size()));  // five standard errors
    BOOST_TEST(std::fabs(mean) < error * deviation, name << " has the mean " << mean);
    BOOST_TEST(std::fabs(std::sqrt(square) / deviation - 1) < error, name << " spreads by " << std::sqrt(square));
    std::vector<double> beginning(numbers.begin(), numbers.begin() + 8);
    for (double& x : beginning) x = std::round(8 * x / deviation);
    BOOST_TEST(beginnings.insert(beginning).second);  // no two tensors alike
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(weights_spread_as_those_of_transformers) {
  check_spread<Cpu<float>>(false, true);
  check_spread<Cpu<float>>(true, false);
  check_spread<Cpu<bf16>>(true, false);
}

BOOST_AUTO_TEST_CASE(deviations_of_ones_own) {
  using B = Cpu<float>;
  T5Model<B> a(device<B>(), sizes(true, false)), b(device<B>(), sizes(true, false));
  initialise(a, Random{6});
  initialise(b, Random{6}, {{Pattern("shared.weight"), 0.25}, {Pattern(".*(weight)"), 3}, {Pattern(".*"), 7}});
  const auto usual = weights(a), own = weights(b);
  for (const auto& [name, numbers] : usual) {
    const double usually = initial_deviation(a.config(), name), now = name == "shared.weight" ? 0.25 : 3;
    if (usually > 0)
      check_near(
          own.at(name),
          [&] {
            auto scaled = numbers;
            for (double& x : scaled) x *= now / usually;
            return scaled;
          }(),
          1e-5, name);
  }
}

BOOST_AUTO_TEST_CASE(a_model_is_a_function_of_its_random) {
  using B = Cpu<float>;
  T5Model<B> a(device<B>(), sizes(false, true)), b(device<B>(), sizes(false, true));
  initialise(a, Random{6});
  initialise(b, Random{7});
  BOOST_TEST((weights(a) != weights(b)));
  b.pack();
  initialise(b, Random{6});  // unpacks, and replaces
  BOOST_TEST((weights(a) == weights(b)));
}

}  // namespace anser::test
