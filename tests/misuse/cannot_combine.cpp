// expect: routed: this module cannot be combined the way this router asks (docs/routed.md#combinations)
#include <anser/backend/cpu.hpp>
#include <anser/module/lora.hpp>
#include <anser/routed.hpp>
using namespace anser;

struct Averaging {  // asks for averaged parameters
  template <Backend B>
  struct On;
};
template <Backend B>
struct Averaging::On {
  On(B&, Averaging, const Site&) {}
  static void visit(auto&, auto&&) {}
  ParameterRouting<B> route(const Context<B>&, const Tensor<B>&, const Batch<B>&) const { return {}; }
};

struct Shift {  // can only mix outputs
  template <Backend B>
  struct On;
};
template <Backend B>
struct Shift::On {
  On(B&, Shift, const Site&) {}
  static void visit(auto&, auto&&) {}
  Real<B> forward(const Context<B>&, const Host<B>& host, const Tensor<B>& x, const OutputRouting<B>&) const {
    return host(x);
  }
};

using Device = Cpu<float>;
std::size_t use() { return sizeof(Routed<Device, Shift, Averaging>); }
