#pragma once
#include <span>

#include "../nn/expert.hpp"
#include "../nn/layer.hpp"
#include "../nn/routing.hpp"

namespace anser {
namespace detail {
template <class P, class B>
concept has_on = requires {
  sizeof(typename P::template On<B>);
};
template <class P, class B>
concept has_constructor = std::constructible_from<typename P::template On<B>, B&, P, const Site&>;
template <class P, class B>
concept has_visit = Layer<typename P::template On<B>>;
template <class P, class B>
concept has_route = requires(const typename P::template On<B>& r, const Context<B>& cx, const Tensor<B>& x,
                             const Batch<B>& b) {
  r.route(cx, x, b);
};
template <class P, class B>
concept routes = requires(const typename P::template On<B>& r, const Context<B>& cx, const Tensor<B>& x,
                          const Batch<B>& b) {
  { r.route(cx, x, b) } -> Routing<B>;
};
/// Optional: read what a pool brings for this router, once, when a site is built.
template <class On>
concept prepares = requires(On& r, const Site& site, std::span<const Expert> experts) {
  r.prepare(site, experts);
};
/// Optional: rows to stack under the host's weight at inference, and a route that starts from their scores.
template <class On, class B>
concept scores_rows = requires(const On& r, const Context<B>& cx, const Scores<B>& s, const Batch<B>& b) {
  r.rows();
  { r.route(cx, s, b) } -> Routing<B>;
};
/// Optional: one decision per input, after the encoder; route is then not asked.
template <class On, class B>
concept plans = requires(const On& r, const Context<B>& cx, const Batch<B>& b) {
  { r.plan(cx, b) } -> Routing<B>;
};
/// Whether there is a member of that name at all, fitting or not. (Overloaded or templated ones are not seen.)
template <class On>
concept names_prepare = requires {
  &On::prepare;
};
template <class On>
concept names_rows = requires {
  &On::rows;
};
template <class On>
concept names_plan = requires {
  &On::plan;
};
}  // namespace detail

/// A router is a plain struct of options whose On<B> holds its parameters at one site and decides who is heard.
template <class P, class B = AnyBackend>
concept Router =
    detail::has_on<P, B> && detail::has_constructor<P, B> && detail::has_visit<P, B> && detail::routes<P, B>;

/// The same concept said slowly: the first unmet need is the first error printed.
template <class P, class B = AnyBackend>
consteval bool explain_router() {
  if constexpr (!detail::has_on<P, B>)
    static_assert(detail::has_on<P, B>, "router: add `template <anser::Backend B> struct On` (docs/router.md#on)");
  else if constexpr (!detail::has_constructor<P, B>)
    static_assert(detail::has_constructor<P, B>,
                  "router: On<B> needs a constructor On(B&, Options, const anser::Site&) (docs/router.md#constructor)");
  else if constexpr (!detail::has_visit<P, B>)
    static_assert(detail::has_visit<P, B>,
                  "router: On<B> needs static visit(self, f) naming its parameters (docs/router.md#visit)");
  else if constexpr (!detail::has_route<P, B>)
    static_assert(detail::has_route<P, B>, "router: On<B> needs route(cx, x, batch) const (docs/router.md#route)");
  else if constexpr (!detail::routes<P, B>)
    static_assert(detail::routes<P, B>,
                  "router: route must return OutputRouting<B> or ParameterRouting<B> (docs/router.md#routing)");
  else {
    using On = typename P::template On<B>;
    static_assert(detail::prepares<On> || !detail::names_prepare<On>,
                  "router: prepare is called as prepare(const anser::Site&, std::span<const anser::Expert>) "
                  "(docs/router.md#prepare)");
    static_assert(detail::scores_rows<On, B> || !detail::names_rows<On>,
                  "router: rows() const needs route(cx, const anser::Scores<B>&, batch) const beside it "
                  "(docs/router.md#rows)");
    static_assert(detail::plans<On, B> || !detail::names_plan<On>,
                  "router: plan(cx, batch) const must return a routing (docs/router.md#plan)");
  }
  return true;
}

}  // namespace anser
