#pragma once
#include <algorithm>
#include <span>
#include <vector>

#include "../ops/matmul.hpp"
#include "../ops/mean.hpp"
#include "../ops/norm.hpp"
#include "expert.hpp"
#include "routing.hpp"

namespace anser {

/// How the routers that are trained with their experts score them (Muqeeth et al. 2023, section 3.1): once per example
/// and site, one row per expert, by ln(mean of what is read) . ln(row). The encoder's sites read their own inputs, the
/// decoder's the encoder's output, so that a decoder decides once per input.
template <Backend B>
struct ExampleScores {
  using R = typename B::real;
  B* device;
  Site site;
  Real<B> weight;                   // [candidates, width]
  Real<B> input_scale, input_bias;  // [1, width], of the LayerNorm on what is read
  Real<B> row_scale, row_bias;      // [1, width], of that on the rows
  std::vector<std::int32_t> who;    // [candidates] places in the pool
  Index<B> candidate;               // the same, where kernels read them

  ExampleScores(B& device_, const Site& s) : device(&device_), site(s) {}

  static void visit(auto& self, auto&& f) {
    if (!self.weight) return;
    f("router.weight", self.weight);
    f("router.input_norm.weight", self.input_scale);
    f("router.input_norm.bias", self.input_bias);
    f("router.row_norm.weight", self.row_scale);
    f("router.row_norm.bias", self.row_bias);
  }

  /// New rows, N(0, 0.01^2), for the experts that are here; what was trained before is loaded over them.
  void prepare(const Site& s, std::span<const Expert> experts, std::uint64_t seed) {
    for (std::size_t e = 0; e < experts.size(); ++e)
      if (experts[e].has(s.name)) who.push_back(std::int32_t(e));
    if (who.empty()) return;
    candidate = Index<B>(*device, {int(who.size())}, who);
    const int n = int(who.size()), width = s.stack == Stack::encoder ? s.in : s.d_model;
    const Random draw = Random::of(seed, Draws::routers).fork(std::uint64_t(s.index));
    std::vector<R> first(std::size_t(n) * std::size_t(width));
    for (std::size_t i = 0; i < first.size(); ++i) first[i] = R(0.01f * draw.normal(i));
    const auto filled = [&](double v) {
      return Real<B>(*device, {1, width}, std::vector<R>(std::size_t(width), R(v)));
    };
    weight = Real<B>(*device, {n, width}, first);
    input_scale = filled(1);
    input_bias = filled(0);
    row_scale = filled(0.01);
    row_bias = filled(0);
  }
  bool empty() const { return !weight; }

  /// Of an encoder's site, by the mean of its own inputs -> [examples, candidates].
  Real<B> of_rows(const Context<B>& cx, const Tensor<B>& x, const Batch<B>& batch) const {
    return score(cx, mean_rows(cx, x, batch.examples, batch.mask));
  }
  /// Of a decoder's, by the mean of the encoder's output.
  Real<B> of_input(const Context<B>& cx, const Batch<B>& batch) const {
    return score(cx, mean_rows(cx, batch.encoded, batch.examples, batch.encoder_mask));
  }

  /// The numbers of a router's own at this site and step; `use` tells its uses apart.
  Random draws(const Batch<B>& batch, std::uint64_t use) const {
    return batch.random.fork((use << 32) + std::uint64_t(site.index));
  }

  /// Scores with -1e10 added where an expert is dropped, each with this probability per example. Where all are,
  /// rounding leaves them all alike, as in the reference.
  Real<B> with_dropout(const Context<B>& cx, const Real<B>& scores, double rate, const Batch<B>& batch) const {
    if (!batch.training || rate <= 0) return scores;
    const Random draw = draws(batch, 1);
    std::vector<R> v(scores.shape().size());
    for (std::size_t i = 0; i < v.size(); ++i) v[i] = double(draw.uniform(i)) < rate ? R(-1e10) : R(0);
    return add(cx, scores, Real<B>(*device, scores.shape(), v));
  }

  /// All candidates for every example: [examples, candidates].
  Index<B> everyone(int examples) const {
    std::vector<std::int32_t> all;
    for (int b = 0; b < examples; ++b) all.insert(all.end(), who.begin(), who.end());
    return Index<B>(*device, {examples, int(who.size())}, all);
  }

 private:
  Real<B> score(const Context<B>& cx, const Real<B>& read) const {
    return matmul_t(cx, layer_norm(cx, read, input_scale, input_bias), layer_norm(cx, weight, row_scale, row_bias));
  }
};

}  // namespace anser
