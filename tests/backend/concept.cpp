#include <tuple>

#include "anser/backend/squad.hpp"

namespace anser::test {
using Backends = std::tuple<Cpu<float>, Cpu<bf16>, Cpu<double>, Squad<float>, Squad<double>>;
}  // namespace anser::test

#include "concept.hpp"
