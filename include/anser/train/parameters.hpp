#pragma once
#include <cmath>
#include <string>
#include <vector>

#include "../core/pattern.hpp"
#include "../ops/elementwise.hpp"

namespace anser {
namespace kernel {

/// y[r] = sum_j x[r][j]^2
template <class R>
struct SumOfSquares {
  Matrix<const R> x;
  R* y;
  int n;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const R* row = x[r];
    R s = 0;
    ANSER_SIMD(reduction(+ : s))
    for (int j = team.rank(); j < n; j += team.size()) s += row[j] * row[j];
    s = team.sum(s);
    if (team.rank() == 0) y[r] = s;
  }
};

}  // namespace kernel

/// A tensor that learns, under its name in files.
template <Backend B>
struct Parameter {
  std::string name;
  Real<B> value;    // contiguous, with its gradient
  double rate = 1;  // of the learning rate
};

/// Of all tensors, exactly those learn whose whole names match: the others neither learn nor have gradients.
/// `walk_all(leaf)` calls leaf(name, tensor) for each. Tensors that two names share count once, under the first.
/// Throws Error where nothing matches, or a match is stored in another type than its gradients are.
template <Backend B, class Walk>
std::vector<Parameter<B>> learn_only(const Pattern& pattern, Walk walk_all) {
  std::vector<Parameter<B>> chosen;
  std::string some;
  walk_all([&](const std::string& name, auto& tensor) {
    using T = typename std::remove_cvref_t<decltype(tensor)>::value_type;
    if (some.empty()) some = name;
    for (const Parameter<B>& p : chosen)
      if constexpr (std::is_same_v<T, typename B::real>)
        if (p.value.same_storage(tensor)) return;
    if (!pattern.match(name)) {
      tensor.require_grad(false);
      tensor.release_grad();
      return;
    }
    if constexpr (std::is_same_v<T, typename B::real>) {
      tensor.require_grad();
      chosen.push_back({name, tensor});
    } else {
      fail("learn_only: ", name, " is stored in ", name_of(dtype_of<T>), " and what learns is kept in ",
           name_of(dtype_of<typename B::real>), "; train with --dtype f32, or let only experts learn");
    }
  });
  check(!chosen.empty(), "learn_only: no tensor has a name like ", pattern.text(), "; names look like ", some);
  return chosen;
}

/// The length of all gradients as one vector, in double; parameters that no loss reached count as 0.
template <Backend B>
double gradient_norm(const std::vector<Parameter<B>>& parameters) {
  using R = typename B::real;
  double total = 0;
  for (const Parameter<B>& p : parameters) {
    if (!p.value.has_grad()) continue;
    B& device = p.value.device();
    const Real<B> squares(device, {p.value.rows()});
    run(device, p.value.rows(), std::size_t(p.value.cols()),
        kernel::SumOfSquares<R>{p.value.grad_matrix(), squares.data(), p.value.cols()});
    for (const R s : squares.host()) total += double(s);
  }
  return std::sqrt(total);
}

/// What gradients are multiplied by so that their norm is at most `most`; 0 for `most` means no limit. As PyTorch's
/// clip_grad_norm_: most / (norm + 1e-6), never above 1.
inline double clip_factor(double norm, double most) { return most > 0 ? std::fmin(1.0, most / (norm + 1e-6)) : 1.0; }

template <Backend B>
void release_gradients(const std::vector<Parameter<B>>& parameters) {
  for (const Parameter<B>& p : parameters) p.value.release_grad();
}

}  // namespace anser
