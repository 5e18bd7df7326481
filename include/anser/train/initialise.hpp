#pragma once
#include "../core/random.hpp"

namespace anser {
template <class Model>
void initialise(Model&, Random) {}
}  // namespace anser
