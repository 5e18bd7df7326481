#include <anser/nn/rms_norm.hpp>

#include "../ops/host.hpp"
#include "fill.hpp"

namespace anser::test {

BOOST_AUTO_TEST_CASE_TEMPLATE(a_norm_scales_by_its_weight_and_keeps_its_eps, B, Backends) {
  B& on = device<B>();
  for (double eps : {1e-6, 0.5}) {
    RmsNorm<B> norm{Real<B>(on, {4}), eps};
    fill<B>(norm, 40, 1);
    const auto x = numbers(8, 1), w = numbers(4, 40);
    std::vector<double> expected(8);
    for (std::size_t r = 0; r < 2; ++r) {
      double square = 0;
      for (std::size_t j = 0; j < 4; ++j) square += x[4 * r + j] * x[4 * r + j] / 4;
      for (std::size_t j = 0; j < 4; ++j) expected[4 * r + j] = x[4 * r + j] / std::sqrt(square + eps) * w[j];
    }
    check_near(doubles(norm.forward({on}, tensor<B>(on, {2, 4}, x)).host()), expected, Tolerance<B>::value, "norm");
  }
}

}  // namespace anser::test
