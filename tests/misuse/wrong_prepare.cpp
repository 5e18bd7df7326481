// expect: router: prepare is called as prepare(const anser::Site&, std::span<const anser::Expert>)
// (docs/router.md#prepare)
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
  void prepare(std::span<const Expert>, const Site&) {}
};

using Device = Cpu<float>;
std::size_t use() { return sizeof(Routed<Device, Lora, Mine>); }
