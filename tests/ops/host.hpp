#pragma once
// The backends of the host, for the bodies of this folder's tests. A .cu file names its own before it includes them.
#include <anser/backend/cpu.hpp>
#include <anser/backend/squad.hpp>
#include <tuple>

namespace anser::test {
using Backends = std::tuple<Cpu<double>, Squad<double>, Cpu<float>, Cpu<bf16>>;
}
