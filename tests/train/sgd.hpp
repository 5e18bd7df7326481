#pragma once
#include <anser/train/sgd.hpp>

#include "optimizers.hpp"

namespace anser::test {

BOOST_AUTO_TEST_CASE_TEMPLATE(sgd_equals_pytorch, B, Backends) {
  check_optimizer<B>("sgd", Sgd{}, 0.05);
  check_optimizer<B>("sgd_momentum", Sgd{.momentum = 0.9, .weight_decay = 0.02}, 0.05);
}

}  // namespace anser::test
