// A router of one's own, whole: experts whose gates point where the token does, by cosine. docs/router.md explains it.
#include <anser/cpu.hpp>
#include <cmath>
#include <cstdio>
using namespace anser;

struct CosineGate {  // what a user chooses
  int keep = 2;
  double temperature = 0.1;
  template <Backend B>
  struct On;
};

template <Backend B>
struct CosineGate::On {  // what it is at one site
  using Number = typename B::real;
  CosineGate options;
  B* device;
  Real<B> gates;        // [candidates, in], each of length 1
  Index<B> candidates;  // their places in the pool

  On(B& d, CosineGate o, const Site&) : options(o), device(&d) {}
  static void visit(auto&, auto&&) {}  // nothing here learns

  void prepare(const Site& site, std::span<const Expert> pool) {
    std::vector<Number> rows;
    std::vector<std::int32_t> places;
    for (std::size_t e = 0; e < pool.size(); ++e) {
      if (!pool[e].has(site.name)) continue;  // no candidate here
      check(pool[e].gates != nullptr, "cosine gate: the expert ", pool[e].name, " has no gates");
      std::vector<Number> gate(std::size_t(site.in));
      convert(pool[e].gates->get(site.name, {site.in}), gate.data());
      Number squares = Number(1e-12);
      for (Number v : gate) squares += v * v;
      for (Number v : gate) rows.push_back(v / std::sqrt(squares));
      places.push_back(std::int32_t(e));
    }
    gates = Real<B>(*device, {int(places.size()), site.in}, rows);
    candidates = Index<B>(*device, {int(places.size())}, places);
  }

  OutputRouting<B> route(const Context<B>& cx, const Tensor<B>& x, const Batch<B>&) const {
    const auto unit = scale(cx, standardise(cx, x), 1 / std::sqrt(double(x.cols())));  // rows of length 1
    const TopKOptions<B> select{options.keep, 1 / options.temperature, 1e-6, {}, {}, candidates};
    const auto chosen = top_k(cx, matmul_t(cx, unit, gates), select);
    return {chosen.expert, chosen.weight};
  }
};
static_assert(explain_router<CosineGate>());

int main(int argc, char** argv) try {
  if (argc != 4) return std::fprintf(stderr, "usage: new_router MODEL POOL TEXT\n"), 2;
  Cpu<float> device;
  T5 t5(device, argv[1], argv[2], Lora{}, CosineGate{.keep = 2, .temperature = 0.2});
  std::puts(t5.generate(argv[3], {.max_new_tokens = 32}).c_str());
} catch (const Error& error) {
  return std::fprintf(stderr, "new_router: error: %s\n", error.what()), 1;
}
