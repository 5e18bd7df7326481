#pragma once
#include <span>

#include "module/concept.hpp"
#include "nn/expert.hpp"
#include "ops/repeat.hpp"
#include "router/concept.hpp"

namespace anser {
namespace detail {
template <class M, class R, class B>
concept composable = requires(const typename M::template On<B>& m, const typename R::template On<B>& r,
                              const Context<B>& cx, const Host<B>& host, const Tensor<B>& x, const Batch<B>& b) {
  m.forward(cx, host, x, r.route(cx, x, b));
};
/// Whether a router that reads tensors of one kind of expert meets a module of another.
template <class RouterOn, class ModuleOn>
consteval bool reads_other_experts() {
  if constexpr (requires { RouterOn::reads == ModuleOn::kind; }) return RouterOn::reads != ModuleOn::kind;
  return false;
}
/// Whether a router chooses the parts of an expert apart, and the module's experts have no such parts.
template <class RouterOn, class ModuleOn>
consteval bool splits_what_is_whole() {
  if constexpr (requires { RouterOn::parts > ModuleOn::parts; }) return RouterOn::parts > ModuleOn::parts;
  return false;
}
template <class On>
concept loads = requires(On& m, const Site& site, std::span<const Expert> experts) {
  m.load(site, experts);
};
}  // namespace detail

/// Whether the two can be combined: the module has a forward for what the router says, and what the router reads.
template <class Module, class R>
concept Combines =
    detail::composable<Module, R, AnyBackend> &&
    !detail::reads_other_experts<typename R::template On<AnyBackend>, typename Module::template On<AnyBackend>>() &&
    !detail::splits_what_is_whole<typename R::template On<AnyBackend>, typename Module::template On<AnyBackend>>();

/// Where host, module and router meet. What the router returns decides whether outputs are mixed or parameters
/// averaged.
template <Backend B, class Module, class R>
class Routed final : public SiteExperts<B> {
  static_assert(explain_router<R>());
  static_assert(!Router<R> || detail::composable<Module, R, AnyBackend>,
                "routed: this module cannot be combined the way this router asks (docs/routed.md#combinations)");
  static_assert(!detail::reads_other_experts<typename R::template On<B>, typename Module::template On<B>>(),
                "routed: this router reads tensors that experts of this module do not have "
                "(docs/routed.md#combinations)");
  static_assert(!detail::splits_what_is_whole<typename R::template On<B>, typename Module::template On<B>>(),
                "routed: this router chooses parts of experts apart; this module has one part "
                "(docs/routed.md#combinations)");
  using ModuleOn = typename Module::template On<B>;
  using RouterOn = typename R::template On<B>;

 public:
  Routed(B& device, Module m, R r, const Site& site, std::span<const Expert> experts)
      : site_(site), module_(device, m, site), router_(device, r, site) {
    if constexpr (detail::loads<ModuleOn>) module_.load(site, experts);
    if constexpr (detail::prepares<RouterOn>) router_.prepare(site, experts);
  }

  Real<B> forward(const Context<B>& cx, const Host<B>& host, const Tensor<B>& x, const Scores<B>& scores,
                  const Batch<B>& batch) const override {
    const auto routing = decide(cx, x, scores, batch);
    if (batch.trace && routing.expert) {
      const int times = x.rows() / routing.expert.rows();
      const Context<B> untaped{cx.device};
      batch.trace->push_back({site_, batch.step, repeat_rows(untaped, routing.expert, times),
                              repeat_rows(untaped, routing.weight, times)});
    }
    return module_.forward(cx, host, x, routing);
  }

  bool changes_input() const override {
    if constexpr (requires { module_.changes_input(); }) return module_.changes_input();
    return false;
  }
  Tensor<B> rows() const override {
    if constexpr (detail::scores_rows<RouterOn, B>) return router_.rows();
    return {};
  }
  std::shared_ptr<const void> plan(const Context<B>& cx, const Batch<B>& batch) const override {
    if constexpr (detail::plans<RouterOn, B>)
      return std::make_shared<const decltype(router_.plan(cx, batch))>(router_.plan(cx, batch));
    return nullptr;
  }
  void visit(const typename SiteExperts<B>::Leaf& leaf) override {
    ModuleOn::visit(module_, leaf);
    RouterOn::visit(router_, leaf);
  }
  ModuleOn& module() { return module_; }
  RouterOn& router() { return router_; }

 private:
  auto decide(const Context<B>& cx, const Tensor<B>& x, const Scores<B>& scores, const Batch<B>& batch) const {
    if constexpr (detail::plans<RouterOn, B>) {
      using Plan = decltype(router_.plan(cx, batch));
      if (batch.plans && std::size_t(site_.index) < batch.plans->size() && (*batch.plans)[std::size_t(site_.index)])
        return *static_cast<const Plan*>((*batch.plans)[std::size_t(site_.index)].get());
    }
    if constexpr (detail::scores_rows<RouterOn, B>)
      if (scores.raw && !cx.tape) return router_.route(cx, scores, batch);
    return router_.route(cx, x, batch);
  }

  Site site_;
  ModuleOn module_;
  RouterOn router_;
};

}  // namespace anser
