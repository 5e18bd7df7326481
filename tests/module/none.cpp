#include <anser/module/none.hpp>
#include <anser/ops/matmul.hpp>

#include "pool.hpp"

namespace anser::test {

BOOST_AUTO_TEST_CASE(without_a_module_the_host_is_all) {
  using B = Cpu<float>;
  B& on = device<B>();
  const Context<B> cx{on};
  const std::vector<Tensor<B>> t{tensor<B>(on, {2, 3}, numbers(6, 1)), tensor<B>(on, {4, 3}, numbers(12, 2))};
  NoModule::On<B> module(on, {}, linear_site(3, 4));
  const OutputRouting<B> heard{indices(on, {2, 1}, {0, 0}), tensor<B>(on, {2, 1}, {1, 1})};
  const Host<B> host(t[0], matmul_t(cx, t[0], t[1]), [&](const Tensor<B>& u) { return matmul_t(cx, u, t[1]); });
  const auto y = module.forward(cx, host, t[0], heard);
  check_near(doubles(y.host()), product_t(numbers(6, 1), numbers(12, 2), 2, 4, 3), Tolerance<B>::value, "the host");
  int named = 0;
  NoModule::On<B>::visit(module, [&](const auto&...) { ++named; });
  BOOST_TEST(named == 0);
}

}  // namespace anser::test
