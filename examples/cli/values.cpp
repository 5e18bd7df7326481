#include "values.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace anser::cli {

ValueSummary summarise(const Stored& tensor) {
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
