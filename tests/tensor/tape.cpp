#include <anser/backend/cpu.hpp>
#include <anser/tensor/tape.hpp>
#include <boost/test/unit_test.hpp>
#include <memory>
#include <string>
#include <vector>

using namespace anser;
using Number = Real<Cpu<float>>;

BOOST_AUTO_TEST_SUITE(tape)

BOOST_AUTO_TEST_CASE(steps_run_backwards_from_a_gradient_of_one) {
  Cpu<float> device;
  const Number loss(device, {1}, std::vector<float>{5}, true);
  Tape tape;
  std::vector<int> order;
  float seen = 0;
  for (int i = 0; i < 3; ++i)
    tape.record([&, i] {
      order.push_back(i);
      seen = *loss.grad();
    });
  BOOST_TEST(tape.size() == 3u);
  tape.backward<Cpu<float>>(loss);
  BOOST_TEST(order == (std::vector<int>{2, 1, 0}), boost::test_tools::per_element());
  BOOST_TEST(seen == 1);
  BOOST_TEST(tape.size() == 0u);
}

// What a step alone still needed is gone before the step below it runs.
BOOST_AUTO_TEST_CASE(each_step_frees_what_only_it_needed) {
  Cpu<float> device;
  const Number loss(device, {1}, true);
  Tape tape;
  std::vector<std::weak_ptr<int>> kept;
  std::vector<long> alive;
  for (int i = 0; i < 3; ++i) {
    const auto activation = std::make_shared<int>(i);
    kept.push_back(activation);
    tape.record([&, activation] {
      long n = 0;
      for (const auto& k : kept) n += !k.expired();
      alive.push_back(n);
    });
  }
  tape.backward<Cpu<float>>(loss);
  BOOST_TEST(alive == (std::vector<long>{3, 2, 1}), boost::test_tools::per_element());
  for (const auto& k : kept) BOOST_TEST(k.expired());
}

// A step may itself compute with tensors, and an emptied tape starts again.
BOOST_AUTO_TEST_CASE(a_tape_can_be_used_again) {
  Cpu<float> device;
  const Number x(device, {1}, std::vector<float>{2}, true);
  Tape tape;
  for (int pass = 1; pass <= 2; ++pass) {
    const Number loss(device, {1}, true);
    tape.record([=] { *x.grad() += 3 * *loss.grad(); });
    tape.backward<Cpu<float>>(loss);
    BOOST_TEST(*x.grad() == 3 * pass);  // gradients add to what is there
  }
}

BOOST_AUTO_TEST_CASE(a_loss_is_one_number) {
  Cpu<float> device;
  Tape tape;
  bool ran = false;
  tape.record([&] { ran = true; });
  BOOST_CHECK_EXCEPTION(tape.backward<Cpu<float>>(Number(device, {2, 3}, true)), Error, [](const Error& e) {
    return std::string(e.what()) == "Tape: a loss is one number, not [2, 3]";
  });
  BOOST_TEST(!ran);
  BOOST_TEST(tape.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_forgetful_tape_keeps_nothing) {
  Tape tape = Tape::forgetful();
  const auto activation = std::make_shared<int>(1);
  tape.record([activation] { BOOST_ERROR("a step that was to be forgotten ran"); });
  BOOST_TEST(tape.size() == 0u);
  BOOST_TEST(activation.use_count() == 1);
  tape.backward();
}

BOOST_AUTO_TEST_CASE(a_tape_goes_back_from_gradients_that_are_there) {
  Cpu<float> device;
  const Number x(device, {1}, std::vector<float>{2}, true), y(device, {1}, true);
  Tape tape;
  tape.record([=] { *x.grad() += 3 * *y.grad(); });
  *y.grad() = 5;
  tape.backward();
  BOOST_TEST(*x.grad() == 15);
  BOOST_TEST(tape.size() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
