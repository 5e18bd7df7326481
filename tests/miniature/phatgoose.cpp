// A smaller miniature of PHATGOOSE, trained and measured by the program: a change of a default that breaks what the
// experiment shows breaks a bound here.
#if defined(ANSER_PROGRAM)
#include "../cli/program.hpp"

using namespace program;

namespace {

/// The mean loss of the last steps of a training.
double loss_of(const std::string& training) {
  const auto steps = lines(read(scratch() / "mini/seed-100" / training / "metrics.jsonl"));
  BOOST_REQUIRE(steps.size() >= 20);
  double sum = 0;
  for (std::size_t i = steps.size() - 20; i < steps.size(); ++i) sum += steps[i].real("loss") / 20;
  return sum;
}

}  // namespace

BOOST_AUTO_TEST_CASE(phatgoose_is_ahead_in_a_smaller_miniature) {
  const auto said = run_well("reproduce phatgoose --seeds 100 --held-in-lines 20 --held-out-lines 40 --output mini");
  const auto results = anser::read_json((scratch() / "mini/results.json").string());
  const auto value = [&](const std::string& method, const std::string& group, const std::string& metric) {
    return results.at("methods").at(method).at(group).at(metric).items().at(0).real();
  };
  BOOST_TEST_MESSAGE(said);

  BOOST_TEST(loss_of("base/training") < 1.0);
  for (const auto& kind : results.at("methods").at("none").at("tasks").keys())
    if (fs::exists(scratch() / "mini/seed-100/experts" / kind)) {
      BOOST_TEST(loss_of("experts/" + kind + "/training") < 0.05, kind);
      BOOST_TEST(loss_of("experts/" + kind + "/training-gate") < 0.1, kind);
    }
  BOOST_TEST(loss_of("multitask/all/training") < 0.1);

  BOOST_TEST(value("oracle", "held_in", "exact_match") > 0.9);
  BOOST_TEST(value("phatgoose", "held_in", "exact_match") > 0.5);
  // The order, with a margin: of words on held-out lines.
  const double ours = value("phatgoose", "held_out", "token_accuracy");
  for (const std::string method :
       {"none", "single", "uniform", "retrieval", "retrieval-bow", "average-activation", "arrow"})
    BOOST_TEST(ours > value(method, "held_out", "token_accuracy") + 0.03, method);
  for (const std::string method : {"single", "uniform", "average-activation", "arrow"})
    BOOST_TEST(value("phatgoose", "held_out", "exact_match") > value(method, "held_out", "exact_match") + 0.03, method);
}
#endif
