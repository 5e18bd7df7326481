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
/// Average activation, its baseline, is the same rule with an expert's mean input for its gate.
struct PhatGoose {
  enum class Rows { gates, activations };  // of gate.safetensors, or of activations.safetensors
  int top_k = 2;
  Rows rows = Rows::gates;
  template <Backend B>
  struct On;
};

template <Backend B>
struct PhatGoose::On {
  using R = typename B::real;
  using E = typename B::element;
  PhatGoose options;
  B* device;
  int width;
  std::vector<Stored> gates;  // of the candidates, in their files; derived rows are not visited
  Index<B> candidate;         // [candidates] their places in the pool
  Real<B> row_sum;            // of the rows as GEMM takes them: rounding keeps them from summing to 0

  On(B& device_, PhatGoose o, const Site& site) : options(o), device(&device_), width(site.in) {}
  static void visit(auto&, auto&&) {}

  /// Finds the gates. Throws Error naming the experts that have none, and a gate that is misshapen or not finite.
  void prepare(const Site& site, std::span<const Expert> experts) {
    const bool gated = options.rows == Rows::gates;
    std::vector<std::int32_t> who;
    std::string missing;
    for (std::size_t e = 0; e < experts.size(); ++e) {
      if (!experts[e].has(site.name)) continue;
      const auto& source = gated ? experts[e].gates : experts[e].activations;
      auto gate = source ? source->find(site.name) : std::nullopt;
      if (!gate) {
        missing += (missing.empty() ? "" : ", ") + experts[e].name;
        continue;
      }
      check(gate->shape == Shape{site.in}, gate->origin, " has the shape ", gate->shape, "; the site reads ", site.in);
      gates.push_back(*std::move(gate));
      who.push_back(std::int32_t(e));
    }
    check(missing.empty(), "the router ",
          gated ? "phatgoose needs a gate" : "average-activation needs a mean activation", " for ", site.name,
          "; these experts have none: ", missing, "; ",
          gated ? "train their gates (anser train gate)" : "collect them (anser pool activations)",
          ", or choose another router");
    if (who.empty()) return;
    candidate = Index<B>(*device, {int(who.size())}, who);
    std::vector<R> sums;
    for (std::size_t at = 0; const E v : standardised<E>()) {
      if (at++ % std::size_t(width) == 0) sums.push_back(0);
      sums.back() += R(v);
    }
    row_sum = Real<B>(*device, {int(sums.size())}, sums);
  }

  OutputRouting<B> route(const Context<B>& cx, const Tensor<B>& x, const Batch<B>&) const {
    if (gates.empty()) return {};
    if (!plain_) plain_ = Real<B>(*device, {int(gates.size()), width}, standardised<R>());
    const auto chosen = anser::top_k(cx, matmul_t(cx, standardise(cx, x), plain_), select());
    return {chosen.expert, chosen.weight};
  }

  /// At inference: the gates are rows under the host's weight, and ln(u) . ln(v) = (u - mean(u)) . ln(v) / std(u). Made
  /// for whoever packs them; no copy stays here.
  Tensor<B> rows() const {
    return gates.empty() ? Tensor<B>{} : Tensor<B>(*device, {int(gates.size()), width}, standardised<E>());
  }
  OutputRouting<B> route(const Context<B>& cx, const Scores<B>& scores, const Batch<B>&) const {
    auto o = select();
    o.statistics = scores.statistics;
    o.row_sum = row_sum;
    const auto chosen = anser::top_k(cx, scores.raw, o);
    return {chosen.expert, chosen.weight};
  }

 private:
  TopKOptions<B> select() const {
    TopKOptions<B> o;
    o.k = options.top_k;
    o.scale = 1 / std::sqrt(double(width));
    o.candidate = candidate;
    return o;
  }
  /// ln(v) of every candidate, with v's own eps of 1e-5: gates start at 0. [candidates * d_in]
  template <class T>
  std::vector<T> standardised() const {
    std::vector<T> rows;
    rows.reserve(gates.size() * std::size_t(width));
    std::vector<double> v(std::size_t(width), 0.0);
    for (const Stored& gate : gates) {
      convert(gate, v.data());
      if (gate.evict) gate.evict();
      double mean = 0, variance = 0;
      for (double x : v) mean += x / double(v.size());
      for (double x : v) variance += (x - mean) * (x - mean) / double(v.size());
      check(std::isfinite(variance), gate.origin, " holds a number that is not finite: ",
            options.rows == Rows::gates ? "train the gate again (anser train gate)"
                                        : "collect it again (anser pool activations --again)");
      const double inverse = 1 / std::sqrt(variance + 1e-5);
      for (double x : v) rows.push_back(T(R((x - mean) * inverse)));
    }
    return rows;
  }

  mutable Real<B> plain_;  // [candidates, d_in], where rows are not packed: training, and T5Model::unpack
};
static_assert(Router<PhatGoose>);

}  // namespace anser
