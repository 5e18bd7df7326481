#include <anser/train/parameters.hpp>

#include "../gradient.hpp"

namespace anser::test {
namespace {

using B = Cpu<float>;

}  // namespace

BOOST_AUTO_TEST_CASE(exactly_what_matches_learns) {
  auto& on = device<B>();
  const auto a = tensor<B>(on, {2, 3}, numbers(6, 1)), b = tensor<B>(on, {4}, numbers(4, 2), true);
  auto walk_all = [&](auto&& leaf) {
    leaf("shared.weight", a);
    leaf("q.lora_A.x.weight", b);
    leaf("lm_head.weight", a);
  };
  b.grad();
  const auto chosen = learn_only<B>(Pattern("shared.*|lm_head.*"), walk_all);
  BOOST_REQUIRE_EQUAL(chosen.size(), 1u);
  BOOST_CHECK_EQUAL(chosen[0].name, "shared.weight");
  BOOST_CHECK(a.needs_grad() && !b.needs_grad() && !b.has_grad());
  BOOST_CHECK_EXCEPTION(learn_only<B>(Pattern("gate.*"), walk_all), Error, says("names look like shared.weight"));
}

BOOST_AUTO_TEST_CASE(what_is_stored_narrow_cannot_learn) {
  using Narrow = Cpu<bf16>;
  const auto w = tensor<Narrow, bf16>(device<Narrow>(), {2, 2}, numbers(4, 1));
  BOOST_CHECK_EXCEPTION(learn_only<Narrow>(Pattern(".*"), [&](auto&& leaf) { leaf("w", w); }), Error,
                        says("train with --dtype f32"));
  BOOST_CHECK_EXCEPTION(learn_only<Narrow>(Pattern("v"), [&](auto&& leaf) { leaf("w", w); }), Error,
                        says("no tensor has a name like v"));
}

BOOST_AUTO_TEST_CASE(the_norm_of_all_and_clipping) {
  auto& on = device<B>();
  const std::vector<Parameter<B>> p{{"a", tensor<B>(on, {2, 2}, numbers(4, 1), true)},
                                    {"b", tensor<B>(on, {3}, numbers(3, 2), true)},
                                    {"unreached", tensor<B>(on, {3}, numbers(3, 2), true)}};
  const std::vector<float> first{1, 2, 4, 0}, second{0, 6, 8};
  on.upload(p[0].value.grad(), first.data(), 16);
  on.upload(p[1].value.grad(), second.data(), 12);
  BOOST_CHECK_CLOSE(gradient_norm(p), 11.0, 1e-9);
  BOOST_CHECK_CLOSE(clip_factor(11, 1), 1 / 11.000001, 1e-9);
  BOOST_CHECK_EQUAL(clip_factor(11, 20), 1);
  BOOST_CHECK_EQUAL(clip_factor(11, 0), 1);
  release_gradients(p);
  BOOST_CHECK_EQUAL(gradient_norm(p), 0);
}

}  // namespace anser::test
