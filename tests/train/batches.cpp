#include <anser/train/batches.hpp>
#include <set>

#include "../gradient.hpp"

namespace anser::test {
namespace {

std::vector<Lengths> some_lengths(std::size_t n) {
  std::vector<Lengths> lengths;
  const Random random{1, 2};
  for (std::size_t i = 0; i < n; ++i)
    lengths.push_back({1 + int(random.draw(i)[0] % 100), 1 + int(random.draw(i)[1] % 20)});
  return lengths;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_example_once_and_like_lengths_together) {
  const auto lengths = some_lengths(256);
  const auto batches = cut_batches(lengths, {.examples = 16}, {3, 3});
  BOOST_TEST(batches.size() == 16u);
  std::set<std::size_t> met;
  int first_longest = 0, rising = 0, before = 0;
  for (const auto& b : batches) {
    int least = 1000, most = 0;
    for (const std::size_t i : b) {
      BOOST_TEST(met.insert(i).second);
      least = std::min(least, lengths[i].input);
      most = std::max(most, lengths[i].input);
    }
    BOOST_TEST(most - least < 20);
    rising += most > before;
    before = most;
    first_longest = std::max(first_longest, most);
  }
  BOOST_TEST(met.size() == 256u);
  BOOST_TEST(rising < 14);  // batches do not come by length
  BOOST_TEST(cut_batches(lengths, {.examples = 16}, {3, 3}) == batches);
  BOOST_TEST(cut_batches(lengths, {.examples = 16}, {4, 3}) != batches);
}

BOOST_AUTO_TEST_CASE(batches_by_tokens) {
  const auto lengths = some_lengths(300);
  const auto batches = cut_batches(lengths, {.examples = 64, .tokens = 400}, {});
  std::size_t examples = 0;
  for (const auto& b : batches) {
    int input = 0, target = 0;
    for (const std::size_t i : b) {
      input = std::max(input, lengths[i].input);
      target = std::max(target, lengths[i].target);
    }
    BOOST_TEST(std::max(input, target) * int(b.size()) <= 400);
    BOOST_TEST(b.size() <= 64u);
    examples += b.size();
  }
  BOOST_TEST(examples == 300u);
  // What is too long goes alone.
  BOOST_TEST(cut_batches({{500, 1}, {500, 1}}, {.examples = 8, .tokens = 400}, {}).size() == 2u);
  BOOST_CHECK_EXCEPTION(cut_batches({{1, 1}}, {.examples = 0}, {}), Error, says("batching: 0 examples"));
  BOOST_TEST(cut_batches({}, {}, {}).empty());
}

}  // namespace anser::test
