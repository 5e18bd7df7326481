#pragma once
#include <cmath>
#include <vector>

#include "../nn/spectrum.hpp"
#include "../ops/column_norms.hpp"
#include "../ops/matmul.hpp"
#include "../ops/top_k.hpp"
#include "concept.hpp"

namespace anser {

/// SpectR (Fleshman and Van Durme 2025, arXiv 2504.03454): an expert's score is the length of what it would add,
/// |S Vᵀ u| = |B A u|; divided by the temperature, the k largest kept, softmax over those. Per token and per site;
/// needs no training. Arrow (Ostapenko et al. 2024, arXiv 2405.11157) is its rank-1 case without the singular value: |v
/// . u| with the direction v that B A stretches most.
struct SpectR {
  int top_k = 2;
  double temperature = 1;
  bool arrow = false;
  template <Backend B>
  struct On;
};

template <Backend B>
struct SpectR::On {
  using R = typename B::real;
  static constexpr std::string_view reads = "LORA";
  SpectR options;
  B* device;
  int width;
  std::vector<float> spectra;  // [sum of ranks, width]: S Vᵀ of one expert after the other; derived, so not visited
  Index<B> candidate, begin;   // [candidates] places in the pool; [candidates + 1] where their rows begin

  On(B& device_, SpectR o, const Site& site) : options(o), device(&device_), width(site.in) {}
  static void visit(auto&, auto&&) {}

  /// Throws Error for a temperature that is not above 0, and experts that are no LoRA or not finite.
  void prepare(const Site& site, std::span<const Expert> experts) {
    check(options.temperature > 0, "the router spectr needs a temperature above 0, not ", options.temperature);
    std::vector<std::int32_t> who, first{0};
    for (std::size_t e = 0; e < experts.size(); ++e) {
      if (!experts[e].has(site.name)) continue;
      std::vector<float> rows = lora_spectrum(experts[e], site.name);
      if (options.arrow) {
        rows.resize(std::size_t(width));  // the longest is the first
        double length = 0;
        for (const float v : rows) length += double(v) * v;
        for (float& v : rows) v = length > 0 ? float(v / std::sqrt(length)) : 0.f;
      }
      spectra.insert(spectra.end(), rows.begin(), rows.end());
      who.push_back(std::int32_t(e));
      first.push_back(std::int32_t(spectra.size() / std::size_t(width)));
    }
    if (who.empty()) return;
    candidate = Index<B>(*device, {int(who.size())}, who);
    begin = Index<B>(*device, {int(first.size())}, first);
  }

  OutputRouting<B> route(const Context<B>& cx, const Tensor<B>& x, const Batch<B>&) const {
    if (!candidate) return {};
    if (!plain_) plain_ = rows();
    return decide(cx, matmul_t(cx, x, plain_));
  }
  /// At inference the spectra stand under the host's weight.
  Tensor<B> rows() const {
    if (!candidate) return {};
    std::vector<typename B::element> values;
    for (const float v : spectra) values.push_back(typename B::element(R(v)));
    return Tensor<B>(*device, {int(values.size()) / width, width}, values);
  }
  OutputRouting<B> route(const Context<B>& cx, const Scores<B>& scores, const Batch<B>&) const {
    return decide(cx, scores.raw);
  }

 private:
  OutputRouting<B> decide(const Context<B>& cx, const Real<B>& scores) const {
    TopKOptions<B> o;
    o.k = options.top_k;
    o.scale = 1 / options.temperature;
    o.eps = 0;
    o.candidate = candidate;
    const auto chosen = anser::top_k(cx, column_norms(cx, scores, begin), o);
    return {chosen.expert, chosen.weight};
  }
  mutable Tensor<B> plain_;  // where rows are not packed
};
static_assert(Router<SpectR>);

}  // namespace anser
