// expect: routed: this router reads tensors that experts of this module do not have (docs/routed.md#combinations)
#include <anser/backend/cpu.hpp>
#include <anser/module/ia3.hpp>
#include <anser/routed.hpp>
#include <anser/router/spectr.hpp>
using namespace anser;

using Device = Cpu<float>;
std::size_t use() { return sizeof(Routed<Device, Ia3, SpectR>); }
