#pragma once
#include <anser/tensor/stored.hpp>

namespace anser::cli {

/// What a tensor's numbers are like; NaN and infinities are counted, and left out of the rest.
struct ValueSummary {
  double least = 0, most = 0, mean = 0;
  std::size_t not_finite = 0;
};

ValueSummary summarise(const Stored& tensor);

}  // namespace anser::cli
