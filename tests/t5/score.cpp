#include <anser/cpu.hpp>

#include "generate.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(score_hpp)

using B = Cpu<float>;

BOOST_AUTO_TEST_CASE(choices_equal_hugging_face) {
  const auto model = golden_model<B>("v1_1");
  model->pack();
  const Context<B> cx{model->device()};
  std::vector<std::vector<std::int32_t>> inputs;
  std::vector<std::vector<std::vector<std::int32_t>>> choices;
  std::vector<std::vector<double>> wanted;
  for (const auto& c : read_json(golden("v1_1/golden.json")).at("choices").items()) {
    inputs.emplace_back();
    for (const auto& id : c.at("input_ids").items()) inputs.back().push_back(std::int32_t(id.integer(0, 1 << 20)));
    choices.push_back(ids_of(c.at("choices")));
    wanted.emplace_back();
    for (const auto& s : c.at("scores").items()) wanted.back().push_back(s.real());
    // one example alone
    check_close(score_choices(*model, cx, Tokens::pad({inputs.back()}, 0), {choices.back()})[0], wanted.back(), 1e-4,
                "choices");
  }
  BOOST_REQUIRE_GE(inputs.size(), 3u);
  choices[1].pop_back();  // a batch of unequal numbers of choices
  wanted[1].pop_back();
  const auto got = score_choices(*model, cx, Tokens::pad(inputs, 0), choices);
  for (std::size_t b = 0; b < got.size(); ++b) check_close(got[b], wanted[b], 1e-4, "choices in a batch");
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
