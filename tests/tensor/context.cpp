#include <anser/backend/cpu.hpp>
#include <anser/backend/squad.hpp>
#include <anser/tensor/context.hpp>
#include <boost/test/unit_test.hpp>
#include <tuple>
#include <vector>

using namespace anser;

namespace {

/// out[r] = 100 r + the number of the row's members that said so
struct RollCall {
  double* out;
  template <class Team>
  void operator()(Team team, int r) const {
    const double all = team.sum(1.0), last = team.max(double(team.rank()));
    if (team.rank() == 0) out[r] = 100 * r + all + 10 * last;
  }
};

using Backends = std::tuple<Cpu<double>, Squad<double>>;

}  // namespace

BOOST_AUTO_TEST_SUITE(context)

BOOST_AUTO_TEST_CASE(results_learn_where_the_tape_runs_and_an_input_does) {
  using B = Cpu<float>;
  B device;
  Tape tape;
  const Context<B> inference{device}, training{device, &tape};
  const Real<B> learner(device, {2}, true), frozen(device, {2}), undefined;
  BOOST_TEST(!inference.result({2, 3}, learner).needs_grad());
  BOOST_TEST(training.result({2, 3}, frozen, learner).needs_grad());
  BOOST_TEST(!training.result({2, 3}, frozen, undefined).needs_grad());
  BOOST_TEST((training.result({2, 3}, frozen).shape() == Shape{2, 3}));
  static_assert(std::is_same_v<decltype(training.result<bf16>({1}, frozen)), Tensor<B, bf16>>);
}

BOOST_AUTO_TEST_CASE(only_results_that_learn_are_remembered) {
  using B = Cpu<float>;
  B device;
  Tape tape;
  const Context<B> inference{device}, training{device, &tape};
  const Real<B> learner(device, {1}, true), frozen(device, {1});
  int ran = 0;
  inference.remember(learner, [&] { ++ran; });
  training.remember(frozen, [&] { ++ran; });
  BOOST_TEST(tape.size() == 0u);
  training.remember(learner, [&] { ++ran; });
  BOOST_TEST(tape.size() == 1u);
  tape.backward<B>(learner);
  BOOST_TEST(ran == 1);
}

// Every row once, with a whole team, however many rows there are, none included.
BOOST_AUTO_TEST_CASE_TEMPLATE(kernels_run_over_rows, B, Backends) {
  B device;
  const int team = std::is_same_v<B, Squad<double>> ? 4 : 1;
  for (const int rows : {0, 1, 3, 40}) {
    std::vector<double> out(std::size_t(rows) + 1, -1);
    run(device, rows, 100000, RollCall{out.data()});
    for (int r = 0; r < rows; ++r) BOOST_TEST(out[std::size_t(r)] == 100 * r + team + 10 * (team - 1));
    BOOST_TEST(out.back() == -1);
  }
}

BOOST_AUTO_TEST_SUITE_END()
