// expect: routed: this router chooses parts of experts apart; this module has one part (docs/routed.md#combinations)
#include <anser/backend/cpu.hpp>
#include <anser/module/ia3.hpp>
#include <anser/routed.hpp>
#include <anser/router/ada_mix.hpp>
using namespace anser;

using Device = Cpu<float>;
std::size_t use() { return sizeof(Routed<Device, Ia3, AdaMix>); }
