#pragma once
#include <anser/tensor/stored.hpp>
#include <string>
#include <vector>

namespace anser::cli {

/// What a tensor's numbers are like; NaN and infinities are counted, and left out of the rest.
struct ValueSummary {
  double least = 0, most = 0, mean = 0;
  std::size_t not_finite = 0;
};

inline ValueSummary summarise(const Stored& tensor) {
  std::vector<double> values(tensor.shape.size());
  convert(tensor, values.data());
  ValueSummary s;
  std::size_t finite = 0;
  for (double v : values) {
    if (!std::isfinite(v)) {
      ++s.not_finite;
      continue;
    }
    s.least = finite ? std::min(s.least, v) : v;
    s.most = finite ? std::max(s.most, v) : v;
    s.mean += (v - s.mean) / double(++finite);
  }
  return s;
}

}  // namespace anser::cli
