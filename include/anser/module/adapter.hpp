#pragma once
#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "../core/random.hpp"
#include "../nn/expert.hpp"
#include "../ops/group.hpp"
#include "../ops/merge.hpp"
#include "../ops/norm.hpp"
#include "concept.hpp"

namespace anser {

/// Throws Error, naming both, where two adapters that act at a site cannot be in one pool: they differ in activation,
/// or in the norm that experts share there. Reads the norms' numbers.
inline void check_together(const Expert& first, const Expert& e, const std::string& site) {
  check(e.activation == first.activation, e.origin, " and ", first.origin,
        " have other activations; they cannot be in one pool: move one to a pool of its own");
  for (const char* part : {".norm.weight", ".norm.bias"}) {
    const auto a = first.tensors->find(site + part), b = e.tensors->find(site + part);
    check(!a == !b, e.origin, " and ", first.origin, ": one has a norm at ", site,
          " and the other none; they cannot be in one pool: move one to a pool of its own");
    if (!a) continue;
    std::vector<double> numbers(a->shape.size()), others(b->shape.size());
    convert(*a, numbers.data());
    convert(*b, others.data());
    check(numbers == others, e.origin, " and ", first.origin, " have other norms at ", site,
          "; experts share a site's norm, so pool adapters that were trained together, or without norms");
  }
}

/// Bottleneck after a sub-layer (Houlsby et al. 2019; as Muqeeth et al. 2023 place it): h + ln(sum of w_e up_e(
/// f(down_e h + bias_e))), h the sub-layer's output, with one LayerNorm per site for all experts, or none.
struct Adapter {
  int bottleneck = 24;  // of experts that are created, as are the next; loaded ones bring their own
  Activation activation = Activation::silu;
  bool norm = true;
  template <Backend B>
  struct On;
};

template <Backend B>
struct Adapter::On {
  using R = typename B::real;
  static constexpr std::string_view kind = "ANSER_ADAPTER";

  B* device;
  std::vector<std::string> names;  // of all experts of the pool
  std::shared_ptr<LowRankExperts<B>> experts = std::make_shared<LowRankExperts<B>>();
  Real<B> norm_weight, norm_bias;  // [d_model], or undefined

  On(B& device_, Adapter, const Site&) : device(&device_) {}

  /// The experts of a pool. Throws Error where tensors do not fit the site, and where experts differ in activation or
  /// in the norm that they would share.
  void load(const Site& site, std::span<const Expert> pool) {
    const Expert* first = nullptr;
    for (const Expert& e : pool) {
      check(e.kind == kind, e.origin, ": a ", e.kind, " expert; the module here is Adapter");
      names.push_back(e.name);
      if (!e.has(site.name)) {
        experts->add({}, {}, 0);
        continue;
      }
      const auto find = [&](const char* part) { return e.tensors->find(site.name + part); };
      const auto down = find(".down.weight"), up = find(".up.weight"), bias = find(".down.bias");
      check(down && up, e.origin, ": ", site.name, " needs down.weight and up.weight");
      const int rank = down->shape.rows();
      check(down->shape == Shape{rank, site.in} && up->shape == Shape{site.out, rank} &&
                (!bias || bias->shape == Shape{rank}),
            e.origin, ": ", site.name, " is ", site.in, " wide in this model; down.weight ", down->shape,
            " and up.weight ", up->shape, " belong to another one");
      if (first) check_together(*first, e, site.name);
      experts->activation = e.activation;
      experts->add(Real<B>(*device, *down), Real<B>(*device, *up), 1, bias ? Real<B>(*device, *bias) : Real<B>{});
      take_norm(site, e);
      first = first ? first : &e;
    }
  }

  /// Named as in files, with the expert's name: down.<expert>.weight; the norm is everybody's: norm.weight.
  static void visit(auto& self, auto&& f) {
    for (int e = 0; e < self.experts->size(); ++e) {
      if (!self.experts->a(e)) continue;
      const std::string& name = self.names[std::size_t(e)];
      f("down." + name + ".weight", self.experts->a(e));
      if (self.experts->bias(e)) f("down." + name + ".bias", self.experts->bias(e));
      f("up." + name + ".weight", self.experts->b(e));
    }
    if (!self.norm_weight) return;
    f("norm.weight", self.norm_weight);
    f("norm.bias", self.norm_bias);
  }

  /// Cost per row: 2 k b d multiply-adds, b the bottleneck.
  Real<B> forward(const Context<B>& cx, const Host<B>& host, const Tensor<B>& x, const OutputRouting<B>& r) const {
    const auto h = host(x);
    if (!r.expert) return h;
    check(r.weight.rows() > 0 && x.rows() % r.weight.rows() == 0, "routing: ", r.weight.rows(), " decisions for ",
          x.rows(), " rows; a router decides per row, or per example");
    const int times = x.rows() / r.weight.rows();
    const Real<B> sum(cx.device, {x.rows(), h.cols()});
    cx.device.zero(sum.data(), sum.shape().size() * sizeof(R));
    const auto expert = times == 1 ? r.expert : repeat_rows(cx, r.expert, times);
    const auto weight = times == 1 ? r.weight : repeat_rows(cx, r.weight, times);
    add_low_rank<B>(cx, sum, x, experts, expert, weight,
                    times == 1 ? r.groups(cx, experts->size()) : group_by_expert(cx, expert, experts->size()));
    return join(cx, h, sum, expert, weight);
  }

  /// With down, bias and up each averaged per example: one bottleneck runs, whatever k.
  Real<B> forward(const Context<B>& cx, const Host<B>& host, const Tensor<B>& x, const ParameterRouting<B>& r) const {
    const auto h = host(x);
    if (!r.expert) return h;
    const auto merged = r.template once<MergedLowRank<B>>(cx, [&] {
      return merge_low_rank(cx, *experts, names, r.expert, r.weight, r.second_expert ? r.second_expert : r.expert,
                            r.second_weight ? r.second_weight : r.weight);
    });
    const int times = x.rows() / r.weight.rows();
    return join(cx, h, apply_merged(cx, cast<R>(cx, x), *merged), repeat_rows(cx, r.expert, times),
                repeat_rows(cx, r.weight, times));
  }

 private:
  /// Where nobody is heard, h remains: a norm would make its bias of nothing.
  Real<B> join(const Context<B>& cx, const Real<B>& h, Real<B> sum, const Index<B>& expert,
               const Real<B>& weight) const {
    if (norm_weight) sum = multiply(cx, layer_norm(cx, sum, norm_weight, norm_bias), heard_rows(cx, expert, weight));
    return add(cx, h, sum);
  }
  void take_norm(const Site& site, const Expert& e) {
    const auto weight = e.tensors->find(site.name + ".norm.weight"), bias = e.tensors->find(site.name + ".norm.bias");
    check(!weight == !bias, e.origin, ": ", site.name, " has only one of norm.weight and norm.bias");
    if (!weight || norm_weight) return;
    check(weight->shape == Shape{site.out} && bias->shape == Shape{site.out}, weight->origin, " has the shape ",
          weight->shape, "; the site is ", site.out, " wide");
    norm_weight = Real<B>(*device, *weight);
    norm_bias = Real<B>(*device, *bias);
  }
};

/// A new expert for these sites, of which nothing is in a file yet: weights N(0, 0.01^2), biases zero. The draw of a
/// site depends on `random` and the site alone. Throws Error for a bottleneck out of range.
inline Expert create_expert(std::string name, std::span<const Site> sites, const Adapter& o, Random random) {
  check(o.bottleneck > 0 && o.bottleneck <= 1 << 16, "adapter: a bottleneck of ", o.bottleneck,
        " is not between 1 and 65,536");
  check(!sites.empty(), "adapter: no sub-layer of the model is among the targets");
  const auto tensors = std::make_shared<MemorySource>("the new expert " + name);
  Expert e;
  for (const Site& site : sites) {
    const auto drawn = [&](std::uint64_t stream) {
      std::vector<float> v(std::size_t(o.bottleneck) * std::size_t(site.in));
      const Random draw = random.fork(std::uint64_t(site.index)).fork(stream);
      for (std::size_t i = 0; i < v.size(); ++i) v[i] = 0.01f * draw.normal(i);
      return v;
    };
    tensors->add(site.name + ".down.weight", {o.bottleneck, site.in}, drawn(0));
    tensors->add(site.name + ".down.bias", {o.bottleneck}, std::vector<float>(std::size_t(o.bottleneck)));
    tensors->add(site.name + ".up.weight", {site.out, o.bottleneck}, drawn(1));
    if (o.norm) {
      tensors->add(site.name + ".norm.weight", {site.out}, std::vector<float>(std::size_t(site.out), 1.f));
      tensors->add(site.name + ".norm.bias", {site.out}, std::vector<float>(std::size_t(site.out)));
    }
    e.sites.push_back(site.name);
  }
  std::sort(e.sites.begin(), e.sites.end());
  e.name = std::move(name);
  e.kind = Adapter::On<AnyBackend>::kind;
  e.origin = tensors->origin();
  e.tensors = tensors;
  e.activation = o.activation;
  return e;
}

}  // namespace anser
