#pragma once
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "../io/examples.hpp"
#include "shuffle.hpp"

namespace anser {

/// How often each of several data files is drawn from (Raffel et al. 2020, section 3.5.2): in proportion to
/// min(its examples, limit)^(1 / temperature). Temperature 1 is proportional to size, a large one draws from all alike.
struct Mixing {
  double temperature = 1;
  double limit = 0;     // of a file's examples, 0: none
  double held_out = 0;  // share of each file that is never trained on
  std::uint64_t seed = 0;
};

/// Which example comes when: example n of the training is a function of n alone, so that a stopped run goes on
/// anywhere. Each file is passed through in an order of its own, whole before it begins again in another.
class Mixture {
 public:
  /// Sizes of the files. Throws Error for settings out of range, and where nothing is left to train on.
  Mixture(std::vector<std::size_t> sizes, Mixing o)
      : sizes_(std::move(sizes)), random_(Random::of(o.seed, Draws::mixture)) {
    check(o.temperature > 0 && std::isfinite(o.temperature), "mixture: a temperature of ", o.temperature,
          " is not above 0");
    check(o.held_out >= 0 && o.held_out < 1, "mixture: a held-out share of ", o.held_out, " is not in [0, 1)");
    double total = 0;
    for (const std::size_t n : sizes_) {
      held_.push_back(o.held_out > 0 ? std::max<std::size_t>(1, std::size_t(std::llround(o.held_out * double(n)))) : 0);
      check(held_.back() < n, "mixture: of a file of ", n, " examples ", held_.back(),
            " are held out, and none is left to train on; give more examples, or a smaller share");
      const double most = o.limit > 0 ? std::min(double(n), o.limit) : double(n);
      total += std::pow(most, 1 / o.temperature);
      until_.push_back(total);
    }
    check(total > 0, "mixture: no examples");
    for (double& u : until_) u /= total;
  }

  struct Place {
    std::size_t file, example;
  };

  /// Examples [first, first + count) of the training.
  std::vector<Place> draw(std::uint64_t first, std::size_t count) {
    if (first < drawn_) rewind();
    std::vector<Place> places;
    for (; drawn_ < first + count; ++drawn_) {
      const double u = random_.uniform_double(drawn_);
      const auto file =
          std::min(std::size_t(std::upper_bound(until_.begin(), until_.end(), u) - until_.begin()), sizes_.size() - 1);
      const std::uint64_t seen = seen_[file]++;
      if (drawn_ >= first) places.push_back({file, training(file, seen)});
    }
    return places;
  }

  /// The examples that are never trained on, file by file.
  std::vector<Place> held_out() const {
    std::vector<Place> places;
    for (std::size_t f = 0; f < sizes_.size(); ++f)
      for (std::size_t i = 0; i < held_[f]; ++i) places.push_back({f, std::size_t(split(f)(i))});
    return places;
  }

 private:
  Shuffle split(std::size_t file) const { return {sizes_[file], random_.fork(2 * file)}; }
  /// The example of a file that comes after `seen` others: those not held out, in another order each time.
  std::size_t training(std::size_t file, std::uint64_t seen) const {
    const std::uint64_t n = sizes_[file] - held_[file];
    const Shuffle order(n, random_.fork(2 * file + 1).fork(seen / n));
    return std::size_t(split(file)(held_[file] + order(seen % n)));
  }
  void rewind() {
    drawn_ = 0;
    std::fill(seen_.begin(), seen_.end(), 0);
  }

  std::vector<std::size_t> sizes_, held_;
  Random random_;
  std::vector<double> until_;  // the share of the files up to and with each
  std::vector<std::uint64_t> seen_ = std::vector<std::uint64_t>(sizes_.size());
  std::uint64_t drawn_ = 0;
};

}  // namespace anser
