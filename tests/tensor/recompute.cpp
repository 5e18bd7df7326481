#include <anser/ops/activation.hpp>
#include <anser/ops/matmul.hpp>
#include <anser/tensor/recompute.hpp>

#include "../gradient.hpp"
#include "../ops/host.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(recompute_hpp)

auto says(std::string words) {
  return [words](const Error& e) { return std::string(e.what()).find(words) != std::string::npos; };
}

/// relu(x Wᵀ) Wᵀ, and the sum of the hidden layer's squares beside it.
template <Backend B>
std::vector<Real<B>> layer(const Context<B>& cx, const Real<B>& x, const Real<B>& w) {
  const auto h = map<typename B::real>(cx, matmul_t(cx, x, w), function::Relu{});
  return {matmul_t(cx, h, w), sum(cx, multiply(cx, h, h))};
}

BOOST_AUTO_TEST_CASE_TEMPLATE(gradients_are_those_of_a_tape_that_keeps_all, B, Backends) {
  B& on = device<B>();
  std::vector<std::vector<double>> seen[2];
  std::vector<std::size_t> steps;
  for (const bool again : {false, true}) {
    const auto x = tensor<B>(on, {5, 4}, numbers(20, 1), true), w = tensor<B>(on, {4, 4}, numbers(16, 2), true);
    Tape tape;
    const Context<B> cx{on, &tape};
    Real<B> y = x, loss;
    int runs = 0;
    for (int i = 0; i < 3; ++i) {
      const auto results = again ? recomputed(cx,
                                              [y, w, &runs](const Context<B>& inner, bool second) {
                                                BOOST_TEST(second == (runs >= 3));
                                                ++runs;
                                                return layer<B>(inner, y, w);
                                              })
                                 : layer<B>(cx, y, w);
      y = scale(cx, results[0], 0.25);
      loss = loss ? add(cx, loss, results[1]) : results[1];
    }
    steps.push_back(tape.size());
    loss = add(cx, loss, sum(cx, y));
    seen[again].push_back(doubles(loss.host()));
    tape.backward<B>(loss);
    BOOST_TEST(runs == (again ? 6 : 0));
    seen[again].push_back(doubles(x.host_grad()));
    seen[again].push_back(doubles(w.host_grad()));
  }
  BOOST_TEST((seen[0] == seen[1]));
  BOOST_TEST(distance(seen[0][2], std::vector<double>(16)) > 0);
  BOOST_TEST(steps[1] < steps[0]);
}

BOOST_AUTO_TEST_CASE(what_nobody_learns_runs_once) {
  using B = Cpu<float>;
  B& on = device<B>();
  const auto x = tensor<B>(on, {5, 4}, numbers(20, 1)), w = tensor<B>(on, {4, 4}, numbers(16, 2));
  Tape tape;
  int runs = 0;
  const auto compute = [&](const Context<B>& cx, bool) {
    ++runs;
    BOOST_TEST(bool(cx.tape));
    return layer<B>(cx, x, w);
  };
  const auto y = recomputed(Context<B>{on, &tape}, compute);
  BOOST_TEST(tape.size() == 0u);
  BOOST_TEST(!y[0].needs_grad());
  recomputed(Context<B>{on}, [&](const Context<B>& cx, bool again) {
    ++runs;
    BOOST_TEST(!cx.tape);
    BOOST_TEST(!again);
    return layer<B>(cx, x, w);
  });
  BOOST_TEST(runs == 2);
}

// A result that is one of the inputs has its gradient already.
BOOST_AUTO_TEST_CASE(an_input_may_be_a_result) {
  using B = Cpu<float>;
  B& on = device<B>();
  const auto x = tensor<B>(on, {2, 3}, numbers(6, 1), true);
  Tape tape;
  const Context<B> cx{on, &tape};
  const auto y = recomputed(cx, [x](const Context<B>&, bool) { return std::vector<Real<B>>{x}; });
  tape.backward<B>(sum(cx, y[0]));
  BOOST_TEST((x.host_grad() == std::vector<float>(6, 1)));
}

BOOST_AUTO_TEST_CASE(runs_that_differ_are_refused) {
  using B = Cpu<float>;
  B& on = device<B>();
  const auto x = tensor<B>(on, {2, 3}, numbers(6, 1), true);
  Tape tape;
  const Context<B> cx{on, &tape};
  const auto fewer = recomputed(cx, [x](const Context<B>& inner, bool again) {
    std::vector<Real<B>> y{scale(inner, x, 2)};
    if (!again) y.push_back(scale(inner, x, 3));
    return y;
  });
  BOOST_CHECK_EXCEPTION(tape.backward<B>(sum(cx, fewer[0])), Error, says("2 results at first, and then 1"));
}

BOOST_AUTO_TEST_CASE(a_result_may_be_a_view_of_a_part) {
  using B = Cpu<float>;
  B& on = device<B>();
  const auto x = tensor<B>(on, {2, 3}, numbers(6, 1), true);
  Tape tape;
  const Context<B> cx{on, &tape};
  const auto part = recomputed(
      cx, [x](const Context<B>& inner, bool) { return std::vector<Real<B>>{scale(inner, x, 2).columns(0, 2)}; });
  tape.backward<B>(sum(cx, scale(cx, part[0], 3)));
  BOOST_TEST((x.host_grad() == std::vector<float>{6, 6, 0, 6, 6, 0}));
}

// Three layers keep their inputs, and one at a time what it needs besides.
BOOST_AUTO_TEST_CASE(less_is_live_at_the_peak) {
  using B = Cpu<float>;
  B on;
  std::size_t peaks[2];
  for (const bool again : {false, true}) {
    const Real<B> x(on, {512, 64}, std::vector<float>(512 * 64, 1), true);
    const Real<B> w(on, {64, 64}, std::vector<float>(64 * 64, 0.01f), true);
    Tape tape;
    const Context<B> cx{on, &tape};
    on.reset_peak();
    Real<B> y = x;
    for (int i = 0; i < 8; ++i)
      y = again ? recomputed(cx, [y, w](const Context<B>& inner, bool) { return layer<B>(inner, y, w); })[0]
                : layer<B>(cx, y, w)[0];
    tape.backward<B>(sum(cx, y));
    peaks[again] = on.memory().peak;
  }
  BOOST_TEST(peaks[1] * 2 < peaks[0]);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
