#pragma once
#include <cmath>
#include <vector>

#include "optimizer.hpp"
#include "schedule.hpp"

namespace anser {

/// What a step came to.
struct StepReport {
  long long step = 0;  // counted from 1
  double loss = 0;     // the mean over the accumulated batches
  double norm = 0;     // of the gradient, before it was clipped
  double rate = 0;
};

/// One step after the other: gradients of one or several batches, clipped, and the optimizer's move.
template <Backend B, class O>
class Fit {
 public:
  typename O::template On<B> optimizer;
  Schedule schedule;
  int accumulate = 1;  // batches to a step; their losses are averaged
  double clip = 1;     // the gradient's greatest norm; 0: no limit

  Fit(O options, std::vector<Parameter<B>> parameters, Schedule s)
      : optimizer(std::move(options), parameters), schedule(s), parameters_(std::move(parameters)) {
    check(!parameters_.empty(), "fit: nothing learns");
  }

  const std::vector<Parameter<B>>& parameters() const { return parameters_; }

  /// `loss(cx, i)` computes batch i of the step on a tape -> [1]. Throws NotFinite, naming what went first, where a
  /// loss or the gradient is; parameters are then as they were.
  template <class F>
  StepReport step(F&& loss) {
    check(accumulate > 0, "fit: ", accumulate, " batches to a step");
    StepReport report{optimizer.steps + 1, 0, 0, schedule.at(optimizer.steps)};
    release_gradients(parameters_);
    try {
      for (int i = 0; i < accumulate; ++i) {
        Tape tape;
        const Context<B> cx{parameters_[0].value.device(), &tape};
        const Real<B> l = loss(cx, i);
        const double value = double(l.host().at(0));
        // blame() reads all that learns: only once something is wrong
        if (!std::isfinite(value)) throw NotFinite(concat("the loss of step ", report.step, " is ", value, blame()));
        report.loss += value / accumulate;
        tape.backward<B>(l);
      }
      report.norm = gradient_norm(parameters_) / accumulate;
      if (!std::isfinite(report.norm))
        throw NotFinite(concat("the gradient of step ", report.step, " is not finite", blame()));
    } catch (...) {
      release_gradients(parameters_);
      throw;
    }
    optimizer.step(report.rate, clip_factor(report.norm, clip) / accumulate);
    release_gradients(parameters_);
    return report;
  }

 private:
  /// What went first: a parameter, or a gradient.
  std::string blame() const {
    for (const Parameter<B>& p : parameters_)
      for (const auto v : p.value.host())
        if (!std::isfinite(v)) return "; " + p.name + " holds a number that is not finite: lower the learning rate";
    for (const Parameter<B>& p : parameters_)
      if (p.value.has_grad())
        for (const auto v : p.value.host_grad())
          if (!std::isfinite(v))
            return "; the gradient of " + p.name + " is the first that is not: lower the learning rate";
    return "; what learns is finite: look for NaN in the frozen weights (`anser inspect --values`)";
  }

  std::vector<Parameter<B>> parameters_;
};

}  // namespace anser
