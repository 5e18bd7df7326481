// expect: router: plan(cx, batch) const must return a routing (docs/router.md#plan)
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
  OutputRouting<B> plan(const Context<B>&, const Batch<B>&) { return {}; }
};

using Device = Cpu<float>;
std::size_t use() { return sizeof(Routed<Device, Lora, Mine>); }
