// expect: router: On<B> needs static visit(self, f) naming its parameters (docs/router.md#visit)
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
  OutputRouting<B> route(const Context<B>&, const Tensor<B>&, const Batch<B>&) const { return {}; }
};

using Device = Cpu<float>;
std::size_t use() { return sizeof(Routed<Device, Lora, Mine>); }
