#pragma once
#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "../core/random.hpp"
#include "../nn/expert.hpp"
#include "../ops/group.hpp"
#include "../ops/low_rank.hpp"
#include "../ops/matmul.hpp"
#include "../ops/merge.hpp"
#include "../ops/repeat.hpp"
#include "concept.hpp"

namespace anser {

/// Low-rank correction of a frozen linear: y = W x + s B A x, s = alpha / rank (Hu et al. 2021).
struct Lora {
  int rank = 16;  // of experts that are created; loaded ones bring their own
  double alpha = 16;
  template <Backend B>
  struct On;
};

template <Backend B>
struct Lora::On {
  static constexpr std::string_view kind = "LORA";

  B* device;
  std::vector<std::string> names;  // of all experts of the pool
  std::shared_ptr<LowRankExperts<B>> experts = std::make_shared<LowRankExperts<B>>();

  On(B& device_, Lora, const Site&) : device(&device_) {}

  /// The experts of a pool, as views of their files. Throws Error where A and B do not fit the site.
  void load(const Site& site, std::span<const Expert> pool) {
    for (const Expert& e : pool) {
      check(e.kind == kind, e.origin, ": a ", e.kind, " expert; the module here is LoRA");
      names.push_back(e.name);
      const auto a = e.tensors->find(site.name + ".lora_A.weight"), b = e.tensors->find(site.name + ".lora_B.weight");
      if (!a && !b) {
        experts->add({}, {}, 0);
        continue;
      }
      check(a && b, e.origin, ": ", site.name, " has only one of lora_A and lora_B");
      const int rank = a->shape.rows();
      check(a->shape == Shape{rank, site.in} && b->shape == Shape{site.out, rank}, e.origin, ": ", site.name, " is [",
            site.out, ", ", site.in, "] in this model; lora_A ", a->shape, " and lora_B ", b->shape,
            " belong to another one");
      experts->add(Real<B>(*device, *a), Real<B>(*device, *b), e.scale(site.name, rank));
    }
  }

  /// Named as PEFT names them in memory: lora_A.<expert>.weight.
  static void visit(auto& self, auto&& f) {
    for (int e = 0; e < self.experts->size(); ++e) {
      if (!self.experts->a(e)) continue;
      f("lora_A." + self.names[std::size_t(e)] + ".weight", self.experts->a(e));
      f("lora_B." + self.names[std::size_t(e)] + ".weight", self.experts->b(e));
    }
  }

  /// W x + sum over the chosen of w s B A x. Cost per row: k r (in + out) multiply-adds.
  Real<B> forward(const Context<B>& cx, const Host<B>& host, const Tensor<B>& x, const OutputRouting<B>& r) const {
    if (!r.expert) return host(x);
    check(r.weight.rows() > 0 && x.rows() % r.weight.rows() == 0, "routing: ", r.weight.rows(), " decisions for ",
          x.rows(), " rows; a router decides per row, or per example");
    const int times = x.rows() / r.weight.rows();
    const bool alone = experts->size() == 1 && r.weight.cols() == 1 && experts->learns();
    if constexpr (MultipliesLowRank<B>)
      if (host.packed() && times == 1 && !cx.tape && !alone)
        return multiply_low_rank(cx, x, *host.packed(), *experts, r.weight, r.groups(cx, experts->size()));
    const auto y = host(x);
    if (alone) {  // nothing to route: two products
      const auto input = cast<typename B::real>(cx, x);
      const auto h = matmul_t(cx, input, experts->a(0));
      const auto weighted = multiply(cx, h, repeat_rows(cx, heard_weights(cx, r.expert, r.weight), times));
      if (y.same_storage(input)) return add(cx, y, matmul_t(cx, weighted, experts->b(0)), experts->scale(0));
      add_matmul_t(cx, weighted, experts->b(0), y, experts->scale(0));
      return y;
    }
    if (times == 1) {
      add_low_rank<B>(cx, y, x, experts, r.expert, r.weight, r.groups(cx, experts->size()));
    } else {
      const auto expert = repeat_rows(cx, r.expert, times);
      add_low_rank<B>(cx, y, x, experts, expert, repeat_rows(cx, r.weight, times),
                      group_by_expert(cx, expert, experts->size()));
    }
    return y;
  }

  /// W x + s B' A' x with the experts' A and B each averaged per example (Muqeeth et al. 2023, section 3.2). Cost per
  /// example: the average of k (in + out) r numbers; per row r (in + out) multiply-adds, whatever k. Throws Error where
  /// the experts differ in rank or scale.
  Real<B> forward(const Context<B>& cx, const Host<B>& host, const Tensor<B>& x, const ParameterRouting<B>& r) const {
    const auto y = host(x);
    if (!r.expert) return y;
    const auto merged = r.template once<MergedLowRank<B>>(cx, [&] {
      return merge_low_rank(cx, *experts, names, r.expert, r.weight, r.second_expert ? r.second_expert : r.expert,
                            r.second_weight ? r.second_weight : r.weight);
    });
    return add(cx, y, apply_merged(cx, cast<typename B::real>(cx, x), *merged), merged->scale);
  }
};

/// A new expert for these sites, of which nothing is in a file yet: A ~ N(0, 0.01^2), B zero, so that it starts as the
/// base. The draw of a site depends on `random` and the site alone. Throws Error for a rank or alpha out of range.
inline Expert create_expert(std::string name, std::span<const Site> sites, const Lora& o, Random random) {
  check(o.rank > 0 && o.rank <= 1 << 16, "lora: a rank of ", o.rank, " is not between 1 and 65,536");
  check(std::isfinite(o.alpha) && o.alpha > 0, "lora: an alpha of ", o.alpha, " is not above 0");
  check(!sites.empty(), "lora: no linear of the model is among the targets");
  const auto tensors = std::make_shared<MemorySource>("the new expert " + name);
  Expert e;
  for (const Site& site : sites) {
    std::vector<float> a(std::size_t(o.rank) * std::size_t(site.in));
    const Random draw = random.fork(std::uint64_t(site.index));
    for (std::size_t i = 0; i < a.size(); ++i) a[i] = 0.01f * draw.normal(i);
    tensors->add(site.name + ".lora_A.weight", {o.rank, site.in}, std::move(a));
    tensors->add(site.name + ".lora_B.weight", {site.out, o.rank},
                 std::vector<float>(std::size_t(site.out) * std::size_t(o.rank)));
    e.sites.push_back(site.name);
  }
  std::sort(e.sites.begin(), e.sites.end());
  e.name = std::move(name);
  e.kind = "LORA";
  e.origin = tensors->origin();
  e.tensors = tensors;
  e.scale = [alpha = o.alpha](std::string_view, int rank) { return alpha / rank; };
  return e;
}

}  // namespace anser
