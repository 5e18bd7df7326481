#pragma once
// What the tests of jointly trained routers share: a site with four experts, one of them absent, and rows per example.
#include "../module/pool.hpp"

namespace anser::test {

constexpr int joint_width = 6;

inline Site joint_site(Stack stack = Stack::encoder) {
  Site s = linear_site(joint_width, 3, 4);
  s.stack = stack;
  s.d_model = joint_width;
  return s;
}
template <class R, Backend B>
typename R::template On<B> joint_router(B& on, R options, const Site& site = joint_site()) {
  typename R::template On<B> router(on, options, site);
  router.prepare(site, lora_pool({site}, {2, 0, 2, 2}));
  return router;
}
template <Backend B>
Batch<B> joint_batch(int examples, bool training = false, std::uint64_t draw = 1) {
  Batch<B> batch;
  batch.examples = examples;
  batch.training = training;
  batch.random = Random{3, draw};
  return batch;
}
template <Backend B>
Tensor<B> joint_rows(B& on, int examples) {
  return tensor<B, typename B::element>(on, {examples, joint_width}, numbers(std::size_t(examples * joint_width), 1));
}

}  // namespace anser::test
