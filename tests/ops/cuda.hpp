#pragma once
// The backends of the GPU, for the bodies of this folder's tests, as host.hpp names those of the host.
#include <anser/backend/cuda.hpp>
#include <tuple>

namespace anser::test {
using Backends = std::tuple<Cuda<float>, Cuda<bf16>>;
}
