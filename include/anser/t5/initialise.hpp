#pragma once
#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "../core/pattern.hpp"
#include "../core/random.hpp"
#include "model.hpp"

namespace anser {
namespace kernel {

/// y[r][j] ~ N(0, deviation^2); every number has its own counter.
template <class R>
struct Normal {
  Matrix<R> y;
  int n;
  R deviation;
  Random random;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    for (int j = team.rank(); j < n; j += team.size())
      y[r][j] = deviation * R(random.normal(std::uint64_t(r) * std::uint64_t(n) + std::uint64_t(j)));
  }
};

}  // namespace kernel

/// How far a weight spreads before it has learned, as transformers' T5 begins (T5PreTrainedModel._init_weights, factor
/// 1): embedding and head 1, linears (their inputs)^-0.5, the bias table d_model^-0.5; a query's weights are smaller by
/// d_kv^-0.5 more, since scores are not divided by it. 0 stands for a norm's weights, which begin at 1.
inline double initial_deviation(const T5Config& c, std::string_view name) {
  if (name.ends_with("layer_norm.weight")) return 0;
  if (name == "shared.weight" || name == "lm_head.weight") return 1;
  if (name.ends_with(".q.weight")) return 1 / std::sqrt(double(c.d_model) * c.d_kv);
  if (name.ends_with(".o.weight")) return 1 / std::sqrt(double(c.heads) * c.d_kv);
  if (name.ends_with(".wo.weight")) return 1 / std::sqrt(double(c.d_ff));
  return 1 / std::sqrt(double(c.d_model));
}

/// The weights of these names begin with a deviation of one's own.
struct InitialDeviation {
  Pattern names;
  double deviation;  // above 0
};

/// Random weights for a training from scratch; of `own` the first whose names match goes before initial_deviation. The
/// draw of a tensor depends on `random` and its place among the model's names alone. Replaces what was loaded.
template <Backend B>
void initialise(T5Model<B>& model, Random random, const std::vector<InitialDeviation>& own = {}) {
  using R = typename B::real;
  model.unpack();
  std::uint64_t place = 0;
  walk(model, [&](const std::string& name, auto& tensor) {
    using T = typename std::remove_cvref_t<decltype(tensor)>::value_type;
    const auto chosen = std::find_if(own.begin(), own.end(), [&](const auto& o) { return o.names.match(name); });
    const double deviation = chosen == own.end() ? initial_deviation(model.config(), name) : chosen->deviation;
    const Random draws = random.fork(place++);
    std::vector<T> numbers(tensor.shape().size(), T(1.f));
    if (deviation > 0) {
      const Real<B> drawn(model.device(), tensor.shape());
      run(model.device(), drawn.rows(), 64 * std::size_t(drawn.cols()),
          kernel::Normal<R>{drawn.matrix(), drawn.cols(), R(deviation), draws});
      const auto host = drawn.host();
      for (std::size_t i = 0; i < host.size(); ++i) numbers[i] = T(float(host[i]));
    }
    tensor.assign(numbers);
  });
}

}  // namespace anser
