// expect: router: On<B> needs route(cx, x, batch) const (docs/router.md#route)
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
  int calls = 0;
  On(B&, Mine, const Site&) {}
  static void visit(auto&, auto&&) {}
  OutputRouting<B> route(const Context<B>&, const Tensor<B>&, const Batch<B>&) { return ++calls, OutputRouting<B>{}; }
};

using Device = Cpu<float>;
std::size_t use() { return sizeof(Routed<Device, Lora, Mine>); }
