#pragma once
#include "optimizer.hpp"

namespace anser {
namespace kernel {

/// x = keep x - rate m / (sqrt(v) root + eps), after m and v have moved towards g and g^2.
template <class R>
struct AdamWStep {
  Matrix<R> value, first, second;
  Matrix<const R> gradient;
  int n;
  R factor, keep, rate, root, beta1, beta2, eps;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    R* x = value[r];
    R* m = first[r];
    R* v = second[r];
    const R* g = gradient[r];
    const R by = factor, kept = keep, lr = rate, over = root, b1 = beta1, b2 = beta2, e = eps;
    ANSER_SIMD()
    for (int j = team.rank(); j < n; j += team.size()) {
      const R u = by * g[j];
      m[j] += (1 - b1) * (u - m[j]);
      v[j] = b2 * v[j] + (1 - b2) * (u * u);
      x[j] = kept * x[j] - lr * m[j] / (std::sqrt(v[j]) * over + e);
    }
  }
};

}  // namespace kernel

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019), as PyTorch's torch.optim.AdamW: bias-corrected, eps
/// outside the root.
struct AdamW {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 0;
  template <Backend B>
  struct On;
};

template <Backend B>
struct AdamW::On {
  using R = typename B::real;
  AdamW options;
  std::vector<Parameter<B>> parameters;
  std::vector<Real<B>> first, second;  // running means of the gradient and of its square
  long long steps = 0;

  On(AdamW o, std::vector<Parameter<B>> p) : options(o), parameters(std::move(p)) {
    for (const auto& q : parameters) {
      first.push_back(zeros_like(q.value));
      second.push_back(zeros_like(q.value));
    }
  }
  static void visit(auto& self, auto&& f) {
    for (std::size_t i = 0; i < self.parameters.size(); ++i) {
      f(self.parameters[i].name + ".first", self.first[i]);
      f(self.parameters[i].name + ".second", self.second[i]);
    }
  }

  void step(double rate, double factor = 1) {
    ++steps;
    const double t = double(steps);
    const double unbias1 = 1 - std::pow(options.beta1, t), unbias2 = 1 - std::pow(options.beta2, t);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const Real<B>& x = parameters[i].value;
      if (!x.has_grad()) continue;
      const double own = rate * parameters[i].rate;
      run(x.device(), x.rows(), std::size_t(x.cols()),
          kernel::AdamWStep<R>{x.matrix(), first[i].matrix(), second[i].matrix(), x.grad_matrix(), x.cols(), R(factor),
                               R(1 - own * options.weight_decay), R(own / unbias1), R(1 / std::sqrt(unbias2)),
                               R(options.beta1), R(options.beta2), R(options.eps)});
    }
  }
};

}  // namespace anser
