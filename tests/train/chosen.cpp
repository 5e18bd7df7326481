#include <anser/train/chosen.hpp>

#include "regression.hpp"

namespace anser::test {
namespace {
using B = Cpu<float>;
static_assert(Optimizer<ChosenOptimizer, B>);

template <class O>
void check_choice(O options) {
  Regression<B, O> alone;
  Regression<B, ChosenOptimizer> chosen;
  chosen.fit = {ChosenOptimizer{options}, {{"weight", chosen.weight}}, {Schedule::Kind::constant, 0.05}};
  alone.fit = {options, {{"weight", alone.weight}}, {Schedule::Kind::constant, 0.05}};
  for (int i = 0; i < 4; ++i) {
    alone.step();
    chosen.step();
  }
  BOOST_TEST((alone.weight.host() == chosen.weight.host()));
  BOOST_TEST(chosen.fit.optimizer.steps == 4);
  std::vector<std::string> names, own;
  ChosenOptimizer::On<B>::visit(chosen.fit.optimizer, [&](const std::string& n, const auto&) { names.push_back(n); });
  O::template On<B>::visit(alone.fit.optimizer, [&](const std::string& n, const auto&) { own.push_back(n); });
  BOOST_TEST(names == own);

  // Steps are counted in one place: set, as a checkpoint sets them, they are the chosen one's.
  chosen.fit.optimizer.steps = alone.fit.optimizer.steps = 100;
  alone.step();
  chosen.step();
  BOOST_TEST((alone.weight.host() == chosen.weight.host()));
}
}  // namespace

BOOST_AUTO_TEST_CASE(a_chosen_optimizer_is_that_optimizer) {
  check_choice(AdamW{.weight_decay = 0.1});
  check_choice(Adafactor{.relative_step = false});
  check_choice(Sgd{.momentum = 0.9});
}

}  // namespace anser::test
