#pragma once
#include <anser/train/adamw.hpp>

#include "optimizers.hpp"

namespace anser::test {

BOOST_AUTO_TEST_CASE_TEMPLATE(adamw_equals_pytorch, B, Backends) {
  check_optimizer<B>("adamw", AdamW{}, 5e-3);
  check_optimizer<B>("adamw_decay", AdamW{.beta1 = 0.8, .beta2 = 0.95, .eps = 1e-6, .weight_decay = 0.1}, 3e-3);
}

}  // namespace anser::test
