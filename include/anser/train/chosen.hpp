#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "adafactor.hpp"
#include "adamw.hpp"
#include "sgd.hpp"

namespace anser {

/// An optimizer that is chosen while the program runs; the work of a step is the chosen one's.
struct ChosenOptimizer {
  std::variant<AdamW, Adafactor, Sgd> options;
  template <Backend B>
  struct On;
};

template <Backend B>
struct ChosenOptimizer::On {
  std::variant<AdamW::On<B>, Adafactor::On<B>, Sgd::On<B>> on;
  long long steps = 0;

  On(const ChosenOptimizer& chosen, const std::vector<Parameter<B>>& parameters)
      : on(std::visit(
            [&]<class O>(const O& o) {
              return decltype(on)(std::in_place_type<typename O::template On<B>>, o, parameters);
            },
            chosen.options)) {}

  static void visit(auto& self, auto&& f) {
    std::visit([&]<class One>(One& one) { std::remove_const_t<One>::visit(one, f); }, self.on);
  }
  void step(double rate, double factor) {
    std::visit(
        [&](auto& one) {
          one.steps = steps;
          one.step(rate, factor);
          steps = one.steps;
        },
        on);
  }
};

}  // namespace anser
