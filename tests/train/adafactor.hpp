#pragma once
#include <anser/train/adafactor.hpp>

#include "optimizers.hpp"

namespace anser::test {

BOOST_AUTO_TEST_CASE_TEMPLATE(adafactor_equals_transformers, B, Backends) {
  check_optimizer<B>("adafactor", Adafactor{}, 0);
  check_optimizer<B>("adafactor_warmup", Adafactor{.warmup_init = true}, 0);
  check_optimizer<B>("adafactor_absolute", Adafactor{.scale_parameter = false, .relative_step = false}, 1e-3);
  check_optimizer<B>("adafactor_mean",
                     Adafactor{.eps_gradient = 1e-20,
                               .eps_parameter = 1e-2,
                               .clip_threshold = 0.5,
                               .decay_rate = -0.7,
                               .beta1 = 0.9,
                               .weight_decay = 0.01,
                               .relative_step = false},
                     2e-2);
}

BOOST_AUTO_TEST_CASE(warmup_init_needs_relative_steps) {
  using On = Adafactor::On<Cpu<double>>;
  BOOST_CHECK_EXCEPTION(On(Adafactor{.relative_step = false, .warmup_init = true}, {}), Error,
                        says("warmup_init belongs to relative steps"));
}

}  // namespace anser::test
