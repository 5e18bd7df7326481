// expect: router: rows() const needs route(cx, const anser::Scores<B>&, batch) const beside it (docs/router.md#rows)
#include <anser/backend/cpu.hpp>
#include <anser/module/lora.hpp>
#include <anser/routed.hpp>
using namespace anser;

struct Mine {
  template <Backend B>
  struct On;
};
template <Backend B>
struct Mine::On {
  On(B&, Mine, const Site&) {}
  static void visit(auto&, auto&&) {}
  OutputRouting<B> route(const Context<B>&, const Tensor<B>&, const Batch<B>&) const { return {}; }
  Tensor<B> rows() const { return {}; }
};

using Device = Cpu<float>;
std::size_t use() { return sizeof(Routed<Device, Lora, Mine>); }
