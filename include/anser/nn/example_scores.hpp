#pragma once
#include <algorithm>
#include <span>
#include <vector>

#include "../ops/matmul.hpp"
#include "../ops/mean.hpp"
#include "../ops/norm.hpp"
#include "../ops/repeat.hpp"
#include "expert.hpp"
#include "routing.hpp"

namespace anser {

/// What routers read that decide once per example and site: ln(mean of the rows). The encoder's sites read their own
/// inputs, the decoder's the encoder's output, so that a decoder decides once per input (Muqeeth et al. 2023, section
/// 3.1). Padding does not count.
template <Backend B>
struct ExampleInput {
  using R = typename B::real;
  B* device;
  Site site;
  Real<B> scale, bias;            // [1, width], of the LayerNorm
  std::vector<std::int32_t> who;  // [candidates] places in the pool of those that the site has
  Index<B> candidate;             // [1, candidates], the same where kernels read them

  ExampleInput(B& device_, const Site& s) : device(&device_), site(s) {}

  static void visit(auto& self, auto&& f) {
    if (!self.scale) return;
    f("router.input_norm.weight", self.scale);
    f("router.input_norm.bias", self.bias);
  }

  /// Of the experts that are here; what was trained before is loaded over it.
  void prepare(const Site& s, std::span<const Expert> experts) {
    who = experts_at(s.name, experts);
    if (who.empty()) return;
    candidate = Index<B>(*device, {1, int(who.size())}, who);
    scale = filled(1);
    bias = filled(0);
  }
  bool empty() const { return who.empty(); }
  int candidates() const { return int(who.size()); }
  int width() const { return site.stack == Stack::encoder ? site.in : site.d_model; }

  /// x: the site's own rows, which a decoder's does not read -> [examples, width].
  Real<B> read(const Context<B>& cx, const Tensor<B>& x, const Batch<B>& batch) const {
    const auto mean = site.stack == Stack::encoder ? mean_rows(cx, x, batch.examples, batch.mask)
                                                   : mean_rows(cx, batch.encoded, batch.examples, batch.encoder_mask);
    return layer_norm(cx, mean, scale, bias);
  }

  /// All candidates for every example: [examples, candidates].
  Index<B> everyone(int examples) const { return repeat_rows(Context<B>{*device}, candidate, examples); }

  /// New rows of this width, N(0, 0.01^2); `use` tells several apart.
  Real<B> drawn(int rows, int columns, std::uint64_t seed, std::uint64_t use = 0) const {
    const Random draw = Random::of(seed, Draws::routers).fork((use << 32) + std::uint64_t(site.index));
    std::vector<R> v(std::size_t(rows) * std::size_t(columns));
    for (std::size_t i = 0; i < v.size(); ++i) v[i] = R(0.01f * draw.normal(i));
    return Real<B>(*device, {rows, columns}, v);
  }
  Real<B> filled(double v) const { return Real<B>(*device, {1, width()}, std::vector<R>(std::size_t(width()), R(v))); }
};

/// How most of them score experts: one row per expert, by what is read . ln(row).
template <Backend B>
struct ExampleScores : ExampleInput<B> {
  using R = typename B::real;
  Real<B> weight;               // [candidates, width]
  Real<B> row_scale, row_bias;  // [1, width], of the LayerNorm on the rows

  using ExampleInput<B>::ExampleInput;

  static void visit(auto& self, auto&& f) {
    if (!self.weight) return;
    f("router.weight", self.weight);
    ExampleInput<B>::visit(self, f);
    f("router.row_norm.weight", self.row_scale);
    f("router.row_norm.bias", self.row_bias);
  }

  /// New rows, N(0, 0.01^2), for the experts that are here.
  void prepare(const Site& s, std::span<const Expert> experts, std::uint64_t seed) {
    ExampleInput<B>::prepare(s, experts);
    if (this->empty()) return;
    weight = this->drawn(this->candidates(), this->width(), seed);
    row_scale = this->filled(0.01);
    row_bias = this->filled(0);
  }

  /// What was read [examples, width] -> [examples, candidates].
  Real<B> score(const Context<B>& cx, const Real<B>& read) const {
    return matmul_t(cx, read, layer_norm(cx, weight, row_scale, row_bias));
  }

  /// Scores with -1e10 added where an expert is dropped, each with this probability per example. Where all are,
  /// rounding leaves them all alike, as in the reference.
  Real<B> with_dropout(const Context<B>& cx, const Real<B>& scores, double rate, const Batch<B>& batch) const {
    if (!batch.training || rate <= 0) return scores;
    const Random draw = router_draws(batch, this->site, RouterDraws::dropout);
    std::vector<R> v(scores.shape().size());
    for (std::size_t i = 0; i < v.size(); ++i) v[i] = double(draw.uniform(i)) < rate ? R(-1e10) : R(0);
    return add(cx, scores, Real<B>(*this->device, scores.shape(), v));
  }
};

}  // namespace anser
