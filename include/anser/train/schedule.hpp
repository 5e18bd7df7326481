#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>

#include "../core/error.hpp"

namespace anser {

/// How the learning rate goes over the steps: up in a straight line for `warmup` of them, then by its kind.
struct Schedule {
  enum class Kind { constant, linear, cosine, inverse_sqrt };
  static constexpr std::array<std::string_view, 4> names{"constant", "linear", "cosine", "inverse-sqrt"};

  Kind kind = Kind::constant;
  double rate = 1e-3;       // the highest
  long long warmup = 0;     // steps
  long long steps = 1'000;  // of the whole training: where linear and cosine end
  double end = 0;           // the share of the rate that they end at

  /// Throws Error for a name that is none of `names`.
  static Kind named(std::string_view name) {
    for (std::size_t i = 0; i < names.size(); ++i)
      if (names[i] == name) return Kind(i);
    fail("schedule: ", name, " is none of constant, linear, cosine, inverse-sqrt");
  }

  /// The rate of a step, counted from 0, as transformers' get_*_schedule_with_warmup. inverse-sqrt is
  /// rate sqrt(warmup / step); without a warm-up rate sqrt(10,000 / (step + 10,000)).
  double at(long long step) const {
    if (step < warmup) return rate * double(step) / double(std::max(1ll, warmup));
    const double done = double(step - warmup) / double(std::max(1ll, steps - warmup));
    const auto towards_end = [&](double share) { return rate * (end + (1 - end) * share); };
    switch (kind) {
      case Kind::constant: return rate;
      case Kind::linear: return towards_end(std::max(0.0, 1 - done));
      case Kind::cosine: return towards_end(0.5 * (1 + std::cos(3.14159265358979324 * std::min(1.0, done))));
      case Kind::inverse_sqrt: {
        const double scale = warmup > 0 ? double(warmup) : 1e4;
        return rate * std::sqrt(scale / (double(step - warmup) + scale));
      }
    }
    return rate;
  }
};

}  // namespace anser
