#include <anser/cpu.hpp>

#include "generate.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(score_hpp)

using B = Cpu<float>;

BOOST_AUTO_TEST_CASE(choices_equal_hugging_face) { check_choices<B>(); }

BOOST_AUTO_TEST_CASE(many_long_choices_are_scored_in_parts) {
  const auto model = golden_model<B>("v1_1");
  const Context<B> cx{model->device()};
  const auto inputs = Tokens::pad({{5, 6, 1}, {7, 1}}, 0);
  std::vector<std::vector<std::vector<std::int32_t>>> choices(2);
  for (std::size_t i = 0; i < 90; ++i)
    choices[0].push_back(std::vector<std::int32_t>(1 + i % 60, std::int32_t(2 + i)));  // more than 4,096 tokens
  choices[1] = {{9, 1}, {11, 4, 1}};
  const auto together = score_choices(*model, cx, inputs, choices);
  for (const std::size_t i : {0, 37, 59, 89})
    check_close({together[0][i]}, score_choices(*model, cx, Tokens::pad({{5, 6, 1}}, 0), {{choices[0][i]}})[0], 1e-5,
                "a choice among many");
  check_close(together[1], score_choices(*model, cx, Tokens::pad({{7, 1}}, 0), {choices[1]})[0], 1e-5,
              "the short list");
}

BOOST_AUTO_TEST_CASE(targets_shift_behind_the_start) {
  const auto t = shift_right({2, 3, {5, 6, 1, 7, -100, -100}, {}}, 9, 0);
  BOOST_CHECK((t.ids == std::vector<std::int32_t>{9, 5, 6, 9, 7, 0}));
}

BOOST_AUTO_TEST_CASE(what_the_mask_hides_does_not_count) {
  const auto model = golden_model<B>("v1_1");
  const Context<B> cx{model->device()};
  auto loss = [&](const Tokens& labels) {
    auto session = model->encode(cx, Tokens::pad({{5, 6, 1}, {7, 8, 1}}, 0));
    return mean_loss(cx, *model, session, labels).host()[0];
  };
  const float ignored = loss({2, 3, {9, 4, 1, 11, 1, -100}, {}});
  BOOST_CHECK_CLOSE(loss(Tokens::pad({{9, 4, 1}, {11, 1}}, 0)), ignored, 1e-4);
  BOOST_CHECK_EXCEPTION(loss({2, 3, {9, 4, 1, 11, 1}, {}}), Error, says("5 ids do not fill 2 x 3"));
}

BOOST_AUTO_TEST_CASE(nothing_to_score_is_an_error) {
  const auto model = golden_model<B>("v1_1");
  const Context<B> cx{model->device()};
  const auto input = Tokens::pad({{5, 1}}, 0);
  BOOST_CHECK_EXCEPTION(score_choices(*model, cx, input, {{}}), Error, says("without choices"));
  BOOST_CHECK_EXCEPTION(score_choices(*model, cx, input, {{{}}}), Error, says("empty choice"));
  BOOST_CHECK_EXCEPTION(score_choices(*model, cx, input, {{{1000}}}), Error, says("the id 1000"));
  auto session = model->encode(cx, input);
  BOOST_CHECK_EXCEPTION(mean_loss(cx, *model, session, {1, 1, {-100}, {}}), Error, says("no target token counts"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
