// A smaller miniature of PHATGOOSE, trained and measured by the program: a change of a default that breaks what the
// experiment shows breaks a bound here.
#if defined(ANSER_PROGRAM)
#include "../cli/program.hpp"

using namespace program;

namespace {

/// The mean loss of the last steps of a training.
double loss_of(const std::string& training) {
  const auto steps = lines(read(scratch() / "mini/seed-101" / training / "metrics.jsonl"));
  BOOST_REQUIRE(steps.size() >= 20);
  double sum = 0;
  for (std::size_t i = steps.size() - 20; i < steps.size(); ++i) sum += steps[i].real("loss") / 20;
  return sum;
}

}  // namespace

BOOST_AUTO_TEST_CASE(phatgoose_is_ahead_in_a_smaller_miniature) {
  const auto said = run_well("reproduce phatgoose --seeds 101 --held-in-lines 20 --held-out-lines 40 --output mini");
  const auto results = anser::read_json((scratch() / "mini/results.json").string());
  const auto value = [&](const std::string& method, const std::string& group, const std::string& metric) {
    return results.at("methods").at(method).at(group).at(metric).items().at(0).real();
  };
  BOOST_TEST_MESSAGE(said);

  BOOST_TEST(loss_of("base/training") < 1.0);
  for (const auto& kind : results.at("methods").at("none").at("tasks").keys())
    if (fs::exists(scratch() / "mini/seed-101/experts" / kind)) {
      // 0.004 to 0.02 as a rule. CUR learns slowest: 0.009, 0.023 and over 0.05 with three ways of rounding.
      // After 60 steps, which are too few, all are still above 0.1.
      const double expert = loss_of("experts/" + kind + "/training"),
                   gate = loss_of("experts/" + kind + "/training-gate");
      BOOST_TEST(expert < 0.1, kind << ": " << expert);
      BOOST_TEST(gate < 0.1, kind << ": " << gate);
    }
  BOOST_TEST(loss_of("multitask/all/training") < 0.1);

  BOOST_TEST(value("oracle", "held_in", "exact_match") > 0.9);
  BOOST_TEST(value("phatgoose", "held_in", "exact_match") > 0.5);
  // The order. On the development seeds 100, 101 and 102 the lead over average activation, the next best, was 2.3, 2.0
  // and 5.7 points of words and 3.1, 11.8 and 23.7 of whole lines (that over the others 9 and more): margins of words
  // are thin, so of them only the order is asked. Gates of one step have no lead (0.0 and -0.4 on seed 101), experts of
  // 60 steps neither.
  const auto lead = [&](const std::string& method, const std::string& metric) {
    return value("phatgoose", "held_out", metric) - value(method, "held_out", metric);
  };
  for (const std::string method : {"none", "single", "uniform", "retrieval", "retrieval-bow", "arrow", "spectr"})
    BOOST_TEST(lead(method, "token_accuracy") > 0.05, method);
  for (const std::string method : {"single", "uniform", "retrieval", "retrieval-bow", "arrow", "spectr"})
    BOOST_TEST(lead(method, "exact_match") > 0.05, method);
  BOOST_TEST(lead("average-activation", "token_accuracy") > 0);
  BOOST_TEST(lead("average-activation", "exact_match") > 0.03);

  // Greedy decoding gets what was counted with the target before the decoder.
  run_well(
      "reproduce phatgoose --scale full --without-single --model mini/seed-101/base --pool mini/seed-101/experts "
      "--tasks mini/seed-101/data --output full");
  const auto full = anser::read_json((scratch() / "full/results.json").string());
  for (const std::string method : {"phatgoose", "average-activation"})
    for (const std::string group : {"held_in", "held_out"})
      BOOST_TEST(full.at("methods").at(method).at(group).at("exact_match").items().at(0).real() ==
                 value(method, group, "exact_match"));
}
#endif
