#pragma once
#include <functional>
#include <vector>

#include "tensor.hpp"

namespace anser {

/// What happened, in order. Run backwards, it gives gradients; each step frees what only it still needed.
class Tape {
 public:
  Tape() = default;
  /// A tape that keeps no step: ops compute as they do beside any tape, results know whether they learn, and all that
  /// only a gradient would need is gone at once.
  static Tape forgetful() {
    Tape t;
    t.keeps_ = false;
    return t;
  }

  void record(std::function<void()> step) {
    if (keeps_) steps_.push_back(std::move(step));
  }
  std::size_t size() const { return steps_.size(); }

  /// Gradients of a scalar loss [1] into every tensor that needs one (added to what is there). Empties the tape.
  template <Backend B>
  void backward(const Real<B>& loss) {
    check(loss.shape().size() == 1, "Tape: a loss is one number, not ", loss.shape());
    const typename B::real one = 1;
    loss.device().upload(loss.grad(), &one, sizeof one);
    backward();
  }
  /// The same from results whose gradients are there already.
  void backward() {
    while (!steps_.empty()) {
      const auto step = std::move(steps_.back());
      steps_.pop_back();
      step();
    }
  }

 private:
  std::vector<std::function<void()>> steps_;
  bool keeps_ = true;
};

}  // namespace anser
