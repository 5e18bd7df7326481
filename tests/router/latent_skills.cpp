#include <anser/router/latent_skills.hpp>

#include "../ops/host.hpp"
#include "joint.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(latent_skills_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(in_evaluation_probabilities_mix, B, Backends) {
  const std::vector<Input> in{input({2, 3}, 1)};
  const std::vector<int> tasks{1, 0, 1};
  std::vector<double> expected;
  for (const int t : tasks) {
    double total = 0;
    for (std::size_t e = 0; e < 3; ++e) total += 1 / (1 + std::exp(-in[0].values[std::size_t(t) * 3 + e]));
    for (std::size_t e = 0; e < 3; ++e)
      expected.push_back(1 / (1 + std::exp(-in[0].values[std::size_t(t) * 3 + e])) / total);
  }
  check_op<B>(
      in,
      [&]<class D>(const Context<D>& cx, const Inputs<D>& t) {
        auto on = joint_router(cx.device, LatentSkills{.tasks = 2});
        on.skills = t[0];
        auto batch = joint_batch<D>(3);
        batch.task = tasks;
        const auto r = on.route(cx, joint_rows(cx.device, 3), batch);
        BOOST_TEST((r.expert.host() == std::vector<std::int32_t>{0, 2, 3, 0, 2, 3, 0, 2, 3}));  // 1 is not here
        return r.weight;
      },
      expected);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(while_training_a_task_draws_once, B, Backends) {
  const auto on = joint_router(device<B>(), LatentSkills{.tasks = 3, .seed = 2});
  for (const auto v : on.skills.host()) BOOST_TEST(std::fabs(double(v)) <= 1e-3);
  auto batch = joint_batch<B>(4, true);
  batch.task = {0, 1, 0, 2};
  const auto weights = [&] { return on.route({device<B>()}, joint_rows(device<B>(), 4), batch).weight.host(); };
  const auto w = weights();
  const auto row = [&](std::size_t b) {
    return std::vector(w.begin() + std::ptrdiff_t(3 * b), w.begin() + std::ptrdiff_t(3 * b + 3));
  };
  BOOST_TEST((row(0) == row(2)));
  BOOST_TEST((row(0) != row(1)));
  for (std::size_t b = 0; b < 4; ++b) BOOST_CHECK_SMALL(double(row(b)[0] + row(b)[1] + row(b)[2]) - 1, 1e-5);
  batch.random = batch.random.fork(1);
  BOOST_TEST((weights() != w));
}

// Beside one that is always on and one that never is, s / (s + 1) and 1 / (s + 1) are heard: a logit of 2 gives an s
// above one half in sigmoid(2) of the draws.
BOOST_AUTO_TEST_CASE(draws_follow_the_logits) {
  using B = Cpu<float>;
  constexpr int tasks = 4000;
  auto on = joint_router(device<B>(), LatentSkills{.tasks = tasks});
  std::vector<double> logits;
  for (int t = 0; t < tasks; ++t) logits.insert(logits.end(), {2, 50, -50});
  on.skills = tensor<B>(device<B>(), {tasks, 3}, logits);
  auto batch = joint_batch<B>(tasks, true);
  for (int t = 0; t < tasks; ++t) batch.task.push_back(t);
  const auto w = on.route({device<B>()}, joint_rows(device<B>(), tasks), batch).weight.host();
  int above = 0;
  for (std::size_t t = 0; t < tasks; ++t) above += w[3 * t] > 0.5f * w[3 * t + 1];
  const double expected = tasks / (1 + std::exp(-2.0));
  BOOST_TEST(std::fabs(above - expected) < 103);  // five standard deviations
}

BOOST_AUTO_TEST_CASE(tasks_have_to_be_known) {
  using B = Cpu<float>;
  const auto on = joint_router(device<B>(), LatentSkills{.tasks = 2});
  auto batch = joint_batch<B>(1);
  const auto route = [&] { return on.route({device<B>()}, joint_rows(device<B>(), 1), batch); };
  BOOST_CHECK_EXCEPTION(route(), Error, says("0 tasks are given for 1"));
  batch.task = {2};
  BOOST_CHECK_EXCEPTION(route(), Error, says("the task 2 is given, and 2 were trained"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
