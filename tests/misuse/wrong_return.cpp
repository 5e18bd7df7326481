// expect: router: route must return OutputRouting<B> or ParameterRouting<B> (docs/router.md#routing)
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
  Tensor<B> route(const Context<B>&, const Tensor<B>& x, const Batch<B>&) const { return x; }
};

using Device = Cpu<float>;
std::size_t use() { return sizeof(Routed<Device, Lora, Mine>); }
