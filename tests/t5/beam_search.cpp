#include <anser/t5/beam_search.hpp>

#include "../gradient.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(beam_search_hpp)

constexpr int pad = 0, eos = 1;

/// Logits of every hypothesis from a table: probabilities by the last token (first step: row 0). 0 stands for 1e-12.
std::vector<float> logits(const std::vector<std::vector<double>>& table, const std::vector<std::int32_t>& last) {
  std::vector<float> l;
  for (auto token : last)
    for (double p : table[std::size_t(token)]) l.push_back(float(std::log(p > 0 ? p : 1e-12)));
  return l;
}
/// Runs to the end; how many steps it took.
int run(BeamSearch& s, const std::vector<std::vector<double>>& table, int beams, int most) {
  std::vector<std::int32_t> last(std::size_t(beams), pad);
  int step = 0;
  for (; step < most && !s.done(); ++step) {
    s.step(logits(table, last), int(table[0].size()));
    last = s.last();
  }
  return step;
}

// Token 2 looks best at first, but what follows token 3 is sure: a search of two beams finds it, greedy would not.
const std::vector<std::vector<double>> misleading{
    {0, 0, 0.6, 0.4, 0}, {1, 0, 0, 0, 0}, {0, 0.3, 0.3, 0.2, 0.2}, {0, 1, 0, 0, 0}, {0, 1, 0, 0, 0}};

BOOST_AUTO_TEST_CASE(two_beams_see_past_the_first_word) {
  BeamSearch two(1, {.beams = 2, .length_penalty = 0}, eos, pad, 10);
  run(two, misleading, 2, 10);
  BOOST_TEST((two.best()[0].tokens == std::vector<std::int32_t>{3, eos}));
  BOOST_CHECK_SMALL(two.best()[0].score - std::log(0.4), 1e-6);
}

BOOST_AUTO_TEST_CASE(scores_are_divided_by_length_to_the_penaltys_power) {
  // "2 eos" has probability 0.4, "3 4 eos" has 0.3 over three words.
  const std::vector<std::vector<double>> table{
      {0, 0, 0.4, 0.6, 0}, {1, 0, 0, 0, 0}, {0, 1, 0, 0, 0}, {0, 0.5, 0, 0, 0.5}, {0, 1, 0, 0, 0}};
  for (double penalty : {0.0, 1.0, 2.0}) {
    BeamSearch s(1, {.beams = 3, .length_penalty = penalty, .early_stopping = EarlyStopping::never}, eos, pad, 6);
    run(s, table, 3, 6);
    const double brief = std::log(0.4) / std::pow(2, penalty), more = std::log(0.3) / std::pow(3, penalty);
    const auto best = s.best()[0];
    BOOST_TEST(
        (best.tokens == (brief > more ? std::vector<std::int32_t>{2, eos} : std::vector<std::int32_t>{3, 4, eos})));
    BOOST_CHECK_SMALL(best.score - std::max(brief, more), 1e-6);
  }
}

BOOST_AUTO_TEST_CASE(early_stopping_says_when_enough_is_finished) {
  // After two words both beams can finish with probability 0.3; what goes on shrinks by 0.4 a word.
  const std::vector<std::vector<double>> table{{0, 0, 0.5, 0.5}, {1, 0, 0, 0}, {0, 0.6, 0.4, 0}, {0, 0.6, 0, 0.4}};
  const auto steps = [&](EarlyStopping stopping) {
    BeamSearch s(1, {.beams = 2, .length_penalty = 1, .early_stopping = stopping}, eos, pad, 12);
    return run(s, table, 2, 12);
  };
  BOOST_TEST(steps(EarlyStopping::yes) == 2);
  BOOST_TEST(steps(EarlyStopping::no) == 2);  // at the length it has, nothing that runs is better
  // ... but at full length it could be, until ln(0.3 * 0.4^7) / 12 falls below ln(0.3) / 2
  BOOST_TEST(steps(EarlyStopping::never) == 9);
}

BOOST_AUTO_TEST_CASE(fewer_words_than_beams) {
  const std::vector<std::vector<double>> table{{0, 0.3, 0.7}, {1, 0, 0}, {0, 0.5, 0.5}};
  BeamSearch s(1, {.beams = 5, .length_penalty = 0}, eos, pad, 3);
  run(s, table, 5, 3);
  BOOST_TEST((s.best()[0].tokens == std::vector<std::int32_t>{2, eos}));  // 0.35 beats 0.3
}

BOOST_AUTO_TEST_CASE(equal_scores_go_to_the_lower_beam_and_token) {
  BeamSearch s(1, {.beams = 2}, eos, pad, 4);
  const std::vector<float> even(2 * 5, 0.f);
  BOOST_TEST((s.step(even, 5) == std::vector<std::int32_t>{0, 0}));
  BOOST_TEST((s.last() == std::vector<std::int32_t>{0, 2}));  // token 1 is the eos, and is kept aside
}

BOOST_AUTO_TEST_CASE(examples_do_not_meet) {
  BeamSearch s(2, {.beams = 2, .length_penalty = 0, .early_stopping = EarlyStopping::yes}, eos, pad, 10);
  // the first example follows the misleading table, the second ends at once
  const std::vector<std::vector<double>> ending(5, {0.0, 0.6, 0.4, 0, 0});
  std::vector<std::int32_t> last(4, pad);
  for (int step = 0; step < 10 && !s.done(); ++step) {
    auto l = logits(misleading, {last[0], last[1]});
    const auto more = logits(ending, {last[2], last[3]});
    l.insert(l.end(), more.begin(), more.end());
    const auto source = s.step(l, 5);
    for (std::size_t i = 0; i < 4; ++i) BOOST_TEST(source[i] / 2 == int(i) / 2);
    last = s.last();
  }
  BOOST_TEST((s.best()[0].tokens == std::vector<std::int32_t>{3, eos}));
  BOOST_TEST((s.best()[1].tokens == std::vector<std::int32_t>{eos}));
}

BOOST_AUTO_TEST_CASE(what_never_finished_counts_with_its_length) {
  const std::vector<std::vector<double>> table{{0, 0, 1}, {1, 0, 0}, {0, 0, 1}};
  BeamSearch s(1, {.beams = 1}, eos, pad, 4);
  BOOST_TEST(run(s, table, 1, 4) == 4);
  BOOST_TEST((s.best()[0].tokens == std::vector<std::int32_t>{2, 2, 2, 2}));
  BOOST_CHECK_EXCEPTION(BeamSearch(1, {.beams = 0}, eos, pad, 4), Error, says("0 beams"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
