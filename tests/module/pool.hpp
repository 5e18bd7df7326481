#pragma once
// Experts in memory, for the tests of modules, routers and sites.
#include <anser/nn/expert.hpp>
#include <anser/nn/routing.hpp>
#include <anser/nn/site_experts.hpp>
#include <anser/ops/matmul.hpp>

#include "../gradient.hpp"

namespace anser::test {

inline Site linear_site(int in, int out, int experts = 0, const std::string& name = "q") {
  Site s;
  s.name = "encoder.block.0.layer.0.SelfAttention." + name;
  s.in = in;
  s.out = out;
  s.experts = experts;
  return s;
}

inline std::vector<float> floats(const std::vector<double>& v) { return {v.begin(), v.end()}; }

/// The numbers of expert e: A [rank, in], B [out, rank], gate [in], scale.
inline std::vector<double> lora_a(const Site& s, int rank, std::size_t e) {
  return numbers(std::size_t(rank * s.in), 100 + 2 * e);
}
inline std::vector<double> lora_b(const Site& s, int rank, std::size_t e) {
  return numbers(std::size_t(rank * s.out), 101 + 2 * e);
}
inline std::vector<double> gate_of(const Site& s, std::size_t e) { return numbers(std::size_t(s.in), 200 + e); }
inline double scale_of(std::size_t e) { return 0.5 + 0.25 * double(e); }

/// A pool of LoRA experts e0, e1, ... with gates, at the given sites; rank 0: nothing there.
inline std::vector<Expert> lora_pool(const std::vector<Site>& sites, const std::vector<int>& ranks) {
  std::vector<Expert> pool;
  for (std::size_t e = 0; e < ranks.size(); ++e) {
    Expert x;
    x.name = "e" + std::to_string(e);
    x.kind = "LORA";
    x.origin = "pool/" + x.name;
    const auto tensors = std::make_shared<MemorySource>(x.origin + "/adapter_model.safetensors");
    const auto gates = std::make_shared<MemorySource>(x.origin + "/gate.safetensors");
    for (const Site& s : sites) {
      if (!ranks[e]) continue;
      tensors->add(s.name + ".lora_A.weight", {ranks[e], s.in}, floats(lora_a(s, ranks[e], e)));
      tensors->add(s.name + ".lora_B.weight", {s.out, ranks[e]}, floats(lora_b(s, ranks[e], e)));
      gates->add(s.name, {s.in}, floats(gate_of(s, e)));
      x.sites.push_back(s.name);
    }
    std::sort(x.sites.begin(), x.sites.end());
    x.tensors = tensors;
    x.gates = gates;
    x.scale = [e](std::string_view, int) { return scale_of(e); };
    pool.push_back(std::move(x));
  }
  return pool;
}

/// A pool of experts of some kind: which tensors each has at a site, and their numbers. fill(tensors, site, e) adds
/// them.
template <class F>
std::vector<Expert> pool_of(const std::string& kind, const std::vector<Site>& sites, std::size_t n, const F& fill) {
  std::vector<Expert> pool;
  for (std::size_t e = 0; e < n; ++e) {
    Expert x;
    x.name = "e" + std::to_string(e);
    x.kind = kind;
    x.origin = "pool/" + x.name;
    const auto tensors = std::make_shared<MemorySource>(x.origin + "/adapter_model.safetensors");
    for (const Site& s : sites)
      if (fill(*tensors, s, e)) x.sites.push_back(s.name);
    std::sort(x.sites.begin(), x.sites.end());
    x.tensors = tensors;
    pool.push_back(std::move(x));
  }
  return pool;
}

/// s B A x of expert e, for rows of x: what a weight of 1 adds.
inline std::vector<double> lora_delta(const Site& s, int rank, std::size_t e, const std::vector<double>& x, int rows) {
  if (!rank) return std::vector<double>(std::size_t(rows * s.out));
  auto y = product_t(product_t(x, lora_a(s, rank, e), rows, rank, s.in), lora_b(s, rank, e), rows, s.out, rank);
  for (double& v : y) v *= scale_of(e);
  return y;
}

/// y [rows, out] plus the chosen experts' deltas; expert and weight [rows / times, k].
inline std::vector<double> mixed(std::vector<double> y, const Site& s, const std::vector<int>& ranks,
                                 const std::vector<double>& x, int rows, int times,
                                 const std::vector<std::int32_t>& expert, const std::vector<double>& weight) {
  const int k = int(expert.size()) * times / rows;
  for (std::size_t e = 0; e < ranks.size(); ++e) {
    const auto delta = lora_delta(s, ranks[e], e, x, rows);
    for (int r = 0; r < rows; ++r)
      for (int i = 0; i < k; ++i) {
        const std::size_t slot = std::size_t(r / times * k + i);
        if (expert[slot] != int(e)) continue;
        for (int o = 0; o < s.out; ++o)
          y[std::size_t(r * s.out + o)] += weight[slot] * delta[std::size_t(r * s.out + o)];
      }
  }
  return y;
}

/// f(cx, host, x) with the host W x that a linear would have made.
template <class D, class F>
Real<D> with_host(const Context<D>& cx, const Inputs<D>& in, const F& f) {
  const auto x = cast<typename D::element>(cx, in[0]), w = cast<typename D::element>(cx, in[1]);
  const Host<D> host(x, matmul_t(cx, x, w), [&](const Tensor<D>& u) { return matmul_t(cx, u, w); });
  return f(host, x);
}

}  // namespace anser::test
