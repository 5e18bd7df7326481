#pragma once
#include <vector>

#include "../core/random.hpp"
#include "../ops/matmul.hpp"
#include "../ops/mean.hpp"
#include "../ops/norm.hpp"
#include "../ops/repeat.hpp"
#include "../ops/softmax.hpp"
#include "concept.hpp"

namespace anser {

/// Soft merging of experts with adaptive routing (Muqeeth et al. 2023, section 3): per example and site a softmax over
/// all experts, by which their parameters are averaged; one expert then runs. The encoder's sites read the mean of
/// their own inputs, the decoder's that of the encoder's output, so that the decoder decides once per input. Trained
/// jointly with the experts.
struct Smear {
  double dropout = 0.1;    // of whole experts, per example, while training
  std::uint64_t seed = 0;  // of new rows
  template <Backend B>
  struct On;
};

template <Backend B>
struct Smear::On {
  using R = typename B::real;
  Smear options;
  B* device;
  Site site;
  Real<B> weight;                   // [candidates, width]
  Real<B> input_scale, input_bias;  // [1, width], of the LayerNorm on what is read
  Real<B> row_scale, row_bias;      // [1, width], of that on the rows
  std::vector<std::int32_t> candidate;

  On(B& device_, Smear o, const Site& s) : options(o), device(&device_), site(s) {}

  static void visit(auto& self, auto&& f) {
    if (!self.weight) return;
    f("router.weight", self.weight);
    f("router.input_norm.weight", self.input_scale);
    f("router.input_norm.bias", self.input_bias);
    f("router.row_norm.weight", self.row_scale);
    f("router.row_norm.bias", self.row_bias);
  }

  /// New rows, N(0, 0.01^2), for the experts that are here; what was trained before is loaded over them.
  void prepare(const Site& s, std::span<const Expert> experts) {
    for (std::size_t e = 0; e < experts.size(); ++e)
      if (experts[e].has(s.name)) candidate.push_back(std::int32_t(e));
    if (candidate.empty()) return;
    const int n = int(candidate.size()), width = s.stack == Stack::encoder ? s.in : s.d_model;
    const Random draw = Random::of(options.seed, Draws::routers).fork(std::uint64_t(s.index));
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

  /// The encoder's sites: by the mean of their own inputs.
  ParameterRouting<B> route(const Context<B>& cx, const Tensor<B>& x, const Batch<B>& batch) const {
    if (!weight) return {};
    return decide(cx, mean_rows(cx, x, batch.examples, batch.mask), batch);
  }
  /// The decoder's: by the mean of the encoder's output, once per input.
  ParameterRouting<B> plan(const Context<B>& cx, const Batch<B>& batch) const {
    if (!weight) return {};
    return decide(cx, mean_rows(cx, batch.encoded, batch.examples, batch.encoder_mask), batch);
  }

 private:
  static Real<B> layer_norm(const Context<B>& cx, const Real<B>& x, const Real<B>& by, const Real<B>& plus) {
    const auto scaled = multiply(cx, standardise(cx, x), repeat_rows(cx, by, x.rows()));
    return add(cx, scaled, repeat_rows(cx, plus, x.rows()));
  }
  ParameterRouting<B> decide(const Context<B>& cx, const Real<B>& read, const Batch<B>& batch) const {
    auto scores = matmul_t(cx, layer_norm(cx, read, input_scale, input_bias),
                           layer_norm(cx, weight, row_scale, row_bias));  // [examples, candidates]
    if (batch.training && options.dropout > 0) scores = add(cx, scores, dropped(scores, batch));
    std::vector<std::int32_t> all;
    for (int b = 0; b < scores.rows(); ++b) all.insert(all.end(), candidate.begin(), candidate.end());
    return {Index<B>(*device, {scores.rows(), scores.cols()}, all), softmax(cx, scores)};
  }
  /// -1e10 where an expert is dropped. Where all are, rounding leaves them all alike, as in the reference.
  Real<B> dropped(const Real<B>& scores, const Batch<B>& batch) const {
    const Random draw = batch.random.fork((std::uint64_t(1) << 32) + std::uint64_t(site.index));
    std::vector<R> v(scores.shape().size());
    for (std::size_t i = 0; i < v.size(); ++i) v[i] = double(draw.uniform(i)) < options.dropout ? R(-1e10) : R(0);
    return Real<B>(*device, scores.shape(), v);
  }
};
static_assert(Router<Smear>);

}  // namespace anser
