#include <anser/tensor/stored.hpp>

namespace anser {
template void convert(const Stored&, double*);
template void convert(const Stored&, float*);
template void convert(const Stored&, bf16*);
template void convert(const Stored&, int*);
}  // namespace anser
