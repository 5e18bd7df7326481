#include <anser/nn/feed_forward.hpp>

#include "../ops/host.hpp"
#include "fill.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(feed_forward_hpp)

constexpr int rows = 3, width = 4, inner = 6;

std::vector<double> weight(int n, std::uint64_t stream) {
  auto v = numbers(std::size_t(n), stream);
  for (double& x : v) x *= 0.25;
  return v;
}

BOOST_AUTO_TEST_CASE_TEMPLATE(both_forms, B, Backends) {
  const std::vector<Input> in{input({rows, width}, 1)};
  for (bool gated : {false, true}) {
    auto h = product_t(in[0].values, weight(inner * width, 40), rows, inner, width);
    if (gated) {
      const auto other = product_t(in[0].values, weight(inner * width, 41), rows, inner, width);
      for (std::size_t i = 0; i < h.size(); ++i)
        h[i] *= other[i] * 0.5 * (1 + std::tanh(std::sqrt(2 / M_PI) * (h[i] + 0.044715 * h[i] * h[i] * h[i])));
    } else {
      for (double& v : h) v = std::fmax(v, 0);
    }
    check_op<B>(
        in,
        [&]<class D>(const Context<D>& cx, const Inputs<D>& t) {
          FeedForward<D> layer(cx.device, width, inner, gated);
          fill<D>(layer);
          return layer.forward(cx, cast<typename D::element>(cx, t[0]), {});
        },
        product_t(h, weight(inner * width, gated ? 42 : 41), rows, width, inner));
  }
}

BOOST_AUTO_TEST_CASE(linears_are_named_as_hugging_face_names_them) {
  for (bool gated : {false, true}) {
    FeedForward<Cpu<float>> layer(device<Cpu<float>>(), width, inner, gated);
    std::vector<std::string> names;
    walk(layer, [&](const std::string& n, auto&) { names.push_back(n); });
    BOOST_TEST((names == (gated ? std::vector<std::string>{"wi_0.weight", "wi_1.weight", "wo.weight"}
                                : std::vector<std::string>{"wi.weight", "wo.weight"})));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
