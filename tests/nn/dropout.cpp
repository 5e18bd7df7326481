#include <anser/nn/dropout.hpp>

#include "../gradient.hpp"

namespace anser::test {

BOOST_AUTO_TEST_CASE(places_draw_for_themselves_and_only_while_training) {
  using B = Cpu<float>;
  const Context<B> cx{device<B>()};
  const auto x = tensor<B>(cx.device, {4, 32}, std::vector<double>(128, 1));
  Batch<B> batch;
  batch.random = {5, 6};
  BOOST_TEST(drop(cx, x, batch, 1).same_storage(x));
  batch.dropout = 0.5f;
  const auto one = drop(cx, x, batch, 1).host();
  BOOST_TEST((one == drop(cx, x, batch, 1).host()));
  BOOST_TEST((one != drop(cx, x, batch, 2).host()));
  batch.random = {5, 7};
  BOOST_TEST((one != drop(cx, x, batch, 1).host()));
}

}  // namespace anser::test
