#pragma once
// Optimizers against PyTorch's and transformers', given the same gradients.
#include <tuple>

#include <anser/train/optimizer.hpp>
#include "../golden.hpp"

namespace anser::test {

/// The golden start, and after the first and the last step the golden parameters.
template <Backend B, class O>
void check_optimizer(const std::string& name, O options, double rate) {
  static_assert(Optimizer<O, B>);
  const Golden g("train/optimizers.safetensors");
  std::vector<Parameter<B>> parameters;
  for (const std::string p : {"matrix", "wide", "vector", "row"})
    parameters.push_back({p, tensor<B>(device<B>(), g.stored("start." + p).shape, g.values("start." + p), true)});
  typename O::template On<B> optimizer(options, parameters);
  constexpr int steps = 6;
  const double factor = 0.25;  // as if of four batches summed
  for (int i = 0; i < steps; ++i) {
    for (const auto& p : parameters) {
      auto gradient = g.values(concat("gradient.", i, '.', p.name));
      std::vector<typename B::real> scaled;
      for (const double v : gradient) scaled.push_back(typename B::real(v / factor));
      p.value.device().upload(p.value.grad(), scaled.data(), scaled.size() * sizeof(scaled[0]));
    }
    optimizer.step(rate, factor);
    if (i == 0 || i + 1 == steps)
      for (const auto& p : parameters)
        check_close(doubles(p.value.host()), g.values(concat(name, '.', i, '.', p.name)), 1e-6,
                    concat(name, " after step ", i, ", ", p.name));
  }
  BOOST_CHECK_EQUAL(optimizer.steps, steps);

  // What no loss reached stays, and what is remembered has a name of its own.
  release_gradients(parameters);
  const auto before = parameters[0].value.host();
  optimizer.step(rate);
  BOOST_CHECK(parameters[0].value.host() == before);
  std::set<std::string> names;
  std::size_t visited = 0;
  O::template On<B>::visit(optimizer, [&](const std::string& n, const auto&) { names.insert(n), ++visited; });
  BOOST_CHECK_EQUAL(names.size(), visited);
}

}  // namespace anser::test
