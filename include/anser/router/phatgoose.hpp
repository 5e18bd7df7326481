#pragma once
#include <cmath>
#include <vector>

#include "../ops/matmul.hpp"
#include "../ops/norm.hpp"
#include "../ops/top_k.hpp"
#include "concept.hpp"

namespace anser {

/// Post-hoc token gating (Muqeeth et al. 2024, section 3): ln(u) . ln(v_e) / sqrt(d), softmax over the site's experts,
/// the k largest kept and divided by (their sum + 1e-6). Per token and per site.
struct PhatGoose {
  int top_k = 2;
  template <Backend B>
  struct On;
};

template <Backend B>
struct PhatGoose::On {
  using R = typename B::real;
  PhatGoose options;
  B* device;
  Real<B> gates;      // [candidates, d_in], standardised; derived from the pool's gates, so not visited
  Tensor<B> stacked;  // the same in the type that GEMM takes
  Real<B> row_sum;    // of `stacked`: rounding keeps the rows from summing to 0
  Index<B> candidate;

  On(B& device_, PhatGoose o, const Site&) : options(o), device(&device_) {}
  static void visit(auto&, auto&&) {}

  /// Reads and standardises the gates. Throws Error naming the experts that have none.
  void prepare(const Site& site, std::span<const Expert> experts) {
    std::vector<R> rows, sums;
    std::vector<typename B::element> rounded;
    std::vector<std::int32_t> who;
    std::string missing;
    for (std::size_t e = 0; e < experts.size(); ++e) {
      if (!experts[e].has(site.name)) continue;
      const auto gate = experts[e].gates ? experts[e].gates->find(site.name) : std::nullopt;
      if (!gate) {
        missing += (missing.empty() ? "" : ", ") + experts[e].name;
        continue;
      }
      check(gate->shape == Shape{site.in}, gate->origin, " has the shape ", gate->shape, "; the site reads ", site.in);
      append(*gate, rows, rounded, sums);
      who.push_back(std::int32_t(e));
    }
    check(missing.empty(), "the router phatgoose needs a gate for ", site.name, "; these experts have none: ", missing,
          "; train them with `anser train gate`, or choose another router");
    if (who.empty()) return;
    const int n = int(who.size());
    gates = Real<B>(*device, {n, site.in}, rows);
    stacked = Tensor<B>(*device, {n, site.in}, rounded);
    row_sum = Real<B>(*device, {n}, sums);
    candidate = Index<B>(*device, {n}, who);
  }

  OutputRouting<B> route(const Context<B>& cx, const Tensor<B>& x, const Batch<B>&) const {
    if (!gates) return {};
    const auto chosen = anser::top_k(cx, matmul_t(cx, standardise(cx, x), gates), select(x.cols()));
    return {chosen.expert, chosen.weight};
  }

  /// At inference: the gates are rows under the host's weight, and ln(u) . ln(v) = (u - mean(u)) . ln(v) / std(u).
  Tensor<B> rows() const { return stacked; }
  OutputRouting<B> route(const Context<B>& cx, const Scores<B>& scores, const Batch<B>&) const {
    auto o = select(gates.cols());
    o.statistics = scores.statistics;
    o.row_sum = row_sum;
    const auto chosen = anser::top_k(cx, scores.raw, o);
    return {chosen.expert, chosen.weight};
  }

 private:
  TopKOptions<B> select(int width) const {
    TopKOptions<B> o;
    o.k = options.top_k;
    o.scale = 1 / std::sqrt(double(width));
    o.candidate = candidate;
    return o;
  }
  /// ln(v) with v's own eps of 1e-5: gates start at 0.
  static void append(const Stored& gate, std::vector<R>& rows, std::vector<typename B::element>& rounded,
                     std::vector<R>& sums) {
    std::vector<double> v(gate.shape.size());
    convert(gate, v.data());
    double mean = 0, variance = 0, sum = 0;
    for (double x : v) mean += x / double(v.size());
    for (double x : v) variance += (x - mean) * (x - mean) / double(v.size());
    check(std::isfinite(variance), gate.origin, " holds a number that is not finite; train this gate again");
    const double inverse = 1 / std::sqrt(variance + 1e-5);
    for (double x : v) {
      rows.push_back(R((x - mean) * inverse));
      rounded.push_back(typename B::element(R((x - mean) * inverse)));
      sum += double(R(rounded.back()));
    }
    sums.push_back(R(sum));
  }
};
static_assert(Router<PhatGoose>);

}  // namespace anser
