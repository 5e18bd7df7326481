#include <anser/train/adamw.hpp>

#include "../gradient.hpp"

namespace anser::test {

static_assert(Optimizer<AdamW, AnyBackend>);
static_assert(!Optimizer<int, AnyBackend>);

BOOST_AUTO_TEST_CASE(zeros_in_the_shape_of_a_parameter) {
  const auto x = tensor<Cpu<float>>(device<Cpu<float>>(), {3, 4}, numbers(12, 1));
  const auto z = zeros_like(x);
  BOOST_CHECK(z.shape() == x.shape() && z.host() == std::vector<float>(12) && !z.same_storage(x));
}

}  // namespace anser::test
