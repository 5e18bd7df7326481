#pragma once
#include <vector>

#include "../ops/matmul.hpp"
#include "../ops/repeat.hpp"
#include "concept.hpp"

namespace anser {

/// How a PHATGOOSE gate is learned (Muqeeth et al. 2024, section 3.1): one frozen expert, one weight per token and
/// site: y = W u + s B A u * sigmoid(v . u). The trained v are PhatGoose's gates.
struct SigmoidGate {
  template <Backend B>
  struct On;
};

template <Backend B>
struct SigmoidGate::On {
  using R = typename B::real;
  B* device;
  Real<B> gate;       // [1, d_in], starts at zeros or at the expert's own
  Index<B> everyone;  // [1, 1]: the one expert
  std::string name;

  On(B& device_, SigmoidGate, const Site&) : device(&device_) {}
  /// Named after the expert, as gate.safetensors holds it for this site.
  static void visit(auto& self, auto&& f) {
    if (self.gate) f("gate." + self.name, self.gate);
  }

  /// Throws Error unless there is exactly one expert.
  void prepare(const Site& site, std::span<const Expert> experts) {
    check(experts.size() == 1, "the router sigmoid-gate learns the gate of one expert; this pool has ", experts.size());
    if (!experts[0].has(site.name)) return;
    name = experts[0].name;
    std::vector<R> v(std::size_t(site.in));
    if (const auto old = experts[0].gates ? experts[0].gates->find(site.name) : std::nullopt) {
      check(old->shape == Shape{site.in}, old->origin, " has the shape ", old->shape, "; the site reads ", site.in);
      convert(*old, v.data());
    }
    gate = Real<B>(*device, {1, site.in}, v, true);
    everyone = Index<B>(*device, {1, 1}, std::vector<std::int32_t>{0});
  }

  OutputRouting<B> route(const Context<B>& cx, const Tensor<B>& x, const Batch<B>&) const {
    if (!gate) return {};
    return {repeat_rows(cx, everyone, x.rows()), sigmoid(cx, matmul_t(cx, cast<R>(cx, x), gate))};
  }
};
static_assert(Router<SigmoidGate>);

}  // namespace anser
