#pragma once
#include "optimizer.hpp"

namespace anser {
namespace kernel {

/// v = momentum v + g + decay x; x -= rate v
template <class R>
struct SgdStep {
  Matrix<R> value, velocity;  // without momentum: no velocity
  Matrix<const R> gradient;
  int n;
  R rate, factor, momentum, decay;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    R* x = value[r];
    const R* g = gradient[r];
    const R lr = rate, by = factor, keep = momentum, shrink = decay;
    if (!velocity) {
      ANSER_SIMD()
      for (int j = team.rank(); j < n; j += team.size()) x[j] -= lr * (by * g[j] + shrink * x[j]);
      return;
    }
    R* v = velocity[r];
    ANSER_SIMD()
    for (int j = team.rank(); j < n; j += team.size()) {
      const R u = keep * v[j] + (by * g[j] + shrink * x[j]);
      v[j] = u;
      x[j] -= lr * u;
    }
  }
};

}  // namespace kernel

/// Stochastic gradient descent, with momentum and L2 decay as in PyTorch's torch.optim.SGD.
struct Sgd {
  double momentum = 0;
  double weight_decay = 0;
  template <Backend B>
  struct On;
};

template <Backend B>
struct Sgd::On {
  using R = typename B::real;
  Sgd options;
  std::vector<Parameter<B>> parameters;
  std::vector<Real<B>> velocity;  // empty without momentum
  long long steps = 0;

  On(Sgd o, std::vector<Parameter<B>> p) : options(o), parameters(std::move(p)) {
    if (options.momentum != 0)
      for (const auto& q : parameters) velocity.push_back(zeros_like(q.value));
  }
  static void visit(auto& self, auto&& f) {
    for (std::size_t i = 0; i < self.velocity.size(); ++i) f(self.parameters[i].name + ".velocity", self.velocity[i]);
  }

  void step(double rate, double factor = 1) {
    ++steps;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const Real<B>& x = parameters[i].value;
      if (!x.has_grad()) continue;
      run(x.device(), x.rows(), std::size_t(x.cols()),
          kernel::SgdStep<R>{x.matrix(), velocity.empty() ? Matrix<R>{} : velocity[i].matrix(), x.grad_matrix(),
                             x.cols(), R(rate * parameters[i].rate), R(factor), R(options.momentum),
                             R(options.weight_decay)});
    }
  }
};

}  // namespace anser
