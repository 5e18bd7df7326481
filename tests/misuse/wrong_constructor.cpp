// expect: router: On<B> needs a constructor On(B&, Options, const anser::Site&) (docs/router.md#constructor)
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
  On(B&, int experts);
  static void visit(auto&, auto&&) {}
  OutputRouting<B> route(const Context<B>&, const Tensor<B>&, const Batch<B>&) const { return {}; }
};

using Device = Cpu<float>;
std::size_t use() { return sizeof(Routed<Device, Lora, Mine>); }
