#pragma once
#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include "../core/error.hpp"
#include "../core/random.hpp"

namespace anser {

/// How the next token is drawn: temperature, then the top_k largest, then the smallest set of at least top_p.
struct Sampling {
  double temperature = 1;
  int top_k = 50;    // 0: all
  double top_p = 1;  // 1: all

  void validate() const {
    check(temperature > 0, "sampling: the temperature ", temperature, " is not above 0");
    check(top_k >= 0, "sampling: top-k ", top_k, " is negative; 0 means all");
    check(top_p > 0 && top_p <= 1, "sampling: top-p ", top_p, " is not in (0, 1]");
  }

  /// One token of `logits`; `uniform` in [0, 1) decides. Equal logits: the lower id first.
  int draw(std::span<const float> logits, double uniform) const {
    std::vector<int> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    const auto before = [&](int a, int b) {
      return logits[std::size_t(a)] != logits[std::size_t(b)] ? logits[std::size_t(a)] > logits[std::size_t(b)] : a < b;
    };
    std::size_t n = top_k > 0 ? std::min(logits.size(), std::size_t(top_k)) : logits.size();
    if (n < order.size()) {
      std::nth_element(order.begin(), order.begin() + std::ptrdiff_t(n), order.end(), before);
      order.resize(n);
    }
    std::sort(order.begin(), order.end(), before);
    std::vector<double> p(n);
    double total = 0;
    for (std::size_t i = 0; i < n; ++i)
      total += p[i] =
          std::exp((double(logits[std::size_t(order[i])]) - double(logits[std::size_t(order[0])])) / temperature);
    if (top_p < 1) {
      double kept = 0;
      for (std::size_t i = 0; i < n; ++i) {
        kept += p[i];
        if (kept >= top_p * total) {
          n = i + 1;
          total = kept;
          break;
        }
      }
    }
    double left = uniform * total;
    for (std::size_t i = 0; i < n; ++i)
      if ((left -= p[i]) < 0) return order[i];
    return order[n - 1];
  }
};

}  // namespace anser
