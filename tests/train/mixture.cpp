#include <anser/train/mixture.hpp>
#include <set>

#include "../gradient.hpp"

namespace anser::test {
namespace {

std::vector<double> shares(std::vector<std::size_t> sizes, Mixing o) {
  Mixture m(sizes, o);
  std::vector<double> counts(sizes.size());
  for (const auto& p : m.draw(0, 20000)) counts[p.file] += 1.0 / 20000;
  return counts;
}

}  // namespace

BOOST_AUTO_TEST_CASE(files_are_drawn_from_as_often_as_asked) {
  const std::vector<std::size_t> sizes{100, 900};
  BOOST_TEST(std::fabs(shares(sizes, {})[0] - 0.1) < 0.02);
  BOOST_TEST(std::fabs(shares(sizes, {.temperature = 2})[0] - 0.25) < 0.02);  // 10 to 30
  BOOST_TEST(std::fabs(shares(sizes, {.temperature = 1e9})[0] - 0.5) < 0.02);
  BOOST_TEST(std::fabs(shares(sizes, {.limit = 300})[0] - 0.25) < 0.02);
}

BOOST_AUTO_TEST_CASE(a_file_is_passed_through_whole_in_a_new_order_each_time) {
  Mixture m({50}, {.seed = 5});
  std::vector<std::vector<std::size_t>> passes;
  for (int pass = 0; pass < 3; ++pass) {
    passes.emplace_back();
    for (const auto& p : m.draw(std::uint64_t(50 * pass), 50)) passes.back().push_back(p.example);
    BOOST_TEST(std::set<std::size_t>(passes.back().begin(), passes.back().end()).size() == 50u);
  }
  BOOST_TEST(passes[0] != passes[1]);
  BOOST_TEST(passes[1] != passes[2]);
}

BOOST_AUTO_TEST_CASE(any_example_can_be_drawn_again) {
  Mixture m({30, 70}, {.held_out = 0.1, .seed = 3}), other({30, 70}, {.held_out = 0.1, .seed = 3});
  const auto all = m.draw(0, 500);
  for (const std::uint64_t first : {400, 13, 499, 0}) {
    const auto again = other.draw(first, 1);
    BOOST_TEST(again[0].file == all[first].file);
    BOOST_TEST(again[0].example == all[first].example);
  }
}

BOOST_AUTO_TEST_CASE(what_is_held_out_is_never_trained_on) {
  Mixture m({20, 40}, {.held_out = 0.25, .seed = 8});
  std::set<std::pair<std::size_t, std::size_t>> held, seen;
  for (const auto& p : m.held_out()) held.insert({p.file, p.example});
  for (const auto& p : m.draw(0, 2000)) seen.insert({p.file, p.example});
  BOOST_TEST(held.size() == 15u);
  BOOST_TEST(seen.size() == 45u);
  for (const auto& h : held) BOOST_TEST(!seen.contains(h));
}

BOOST_AUTO_TEST_CASE(settings_out_of_range) {
  BOOST_CHECK_EXCEPTION(Mixture({5}, {.temperature = 0}), Error, says("a temperature of 0"));
  BOOST_CHECK_EXCEPTION(Mixture({5}, {.held_out = 1}), Error, says("held-out share of 1"));
  BOOST_CHECK_EXCEPTION(Mixture({1}, {.held_out = 0.1}), Error, says("none is left to train on"));
  BOOST_CHECK_EXCEPTION(Mixture({}, {}), Error, says("no examples"));
}

}  // namespace anser::test
