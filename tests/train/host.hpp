#pragma once
// The backends that run on every machine.
#include <anser/backend/cpu.hpp>
#include <anser/backend/squad.hpp>
#include <tuple>

namespace anser::test {
using Backends = std::tuple<Cpu<float>, Cpu<double>, Squad<double>>;
}
