#include <anser/nn/site_experts.hpp>

#include "../gradient.hpp"

namespace anser::test {

using B = Cpu<float>;

BOOST_AUTO_TEST_CASE(a_host_gives_what_is_ready_for_its_own_input_alone) {
  B& on = device<B>();
  const auto own = tensor<B>(on, {1, 2}, {1, 2}), other = tensor<B>(on, {1, 2}, {1, 2});
  const auto ready = tensor<B>(on, {1, 1}, {7});
  int computed = 0;
  const auto compute = [&](const Tensor<B>&) {
    ++computed;
    return tensor<B>(on, {1, 1}, {8});
  };
  const Host<B> host(own, ready, compute);
  BOOST_TEST(host(own).same_storage(ready));
  BOOST_TEST(computed == 0);
  BOOST_TEST(host(other).host()[0] == 8);  // equal numbers, but another tensor
  BOOST_TEST(computed == 1);
  BOOST_TEST(Host<B>(own, {}, compute)(own).host()[0] == 8);  // nothing was ready
  BOOST_TEST(computed == 2);
  const B::Packed packed;
  BOOST_TEST(host.packed() == nullptr);
  BOOST_TEST(Host<B>(own, {}, compute, &packed).packed() == &packed);
}

struct Plain : SiteExperts<B> {
  Real<B> forward(const Context<B>&, const Host<B>& host, const Tensor<B>& x, const Scores<B>&,
                  const Batch<B>&) const override {
    return host(x);
  }
  void visit(const Leaf&) override {}
};

BOOST_AUTO_TEST_CASE(rows_and_plans_are_optional) {
  const Plain plain;
  BOOST_TEST(!plain.rows());
  BOOST_TEST(plain.plan({device<B>()}, Batch<B>{}) == nullptr);
}

}  // namespace anser::test
