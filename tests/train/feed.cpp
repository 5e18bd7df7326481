#include <anser/train/feed.hpp>
#include <boost/test/unit_test.hpp>
#include <map>
#include <set>

#include "../io/temporary.hpp"

namespace {

using namespace anser;
using io_test::Folder;

std::vector<std::int32_t> letters(const std::string& text) {
  std::vector<std::int32_t> ids(text.begin(), text.end());
  ids.push_back(1);
  return ids;
}

std::string write_lines(const Folder& folder, const std::string& name, int n) {
  std::string text;
  for (int i = 0; i < n; ++i)
    text += "{\"input\": \"" + std::string(std::size_t(1 + i % 13), char('a' + i % 26)) + std::to_string(i) +
            "\", \"target\": \"t\"}\n";
  return folder.write(name, text);
}

Feed feed_of(const std::vector<std::string>& files, Mixing mixing = {.seed = 4}) {
  return Feed(files, mixing, {.examples = 8, .window = 4}, {.input = 10, .target = 5}, letters);
}

BOOST_AUTO_TEST_CASE(every_example_of_an_epoch_once) {
  const Folder folder;
  auto feed = feed_of({write_lines(folder, "a.jsonl", 64)});
  for (int epoch = 0; epoch < 2; ++epoch) {
    std::set<std::string> places;
    for (int i = 0; i < 8; ++i) {
      const auto batch = feed.next();
      BOOST_REQUIRE_EQUAL(batch.inputs.size(), 8u);
      for (const auto& p : batch.places) BOOST_TEST(places.insert(p).second);
      for (const auto& ids : batch.inputs) {
        BOOST_TEST(ids.size() <= 10u);
        BOOST_TEST(ids.back() == 1);  // what is cut keeps its end
      }
    }
    BOOST_TEST(places.size() == 64u);
  }
}

BOOST_AUTO_TEST_CASE(a_stopped_feed_goes_on_where_it_was) {
  const Folder folder;
  const std::vector<std::string> files{write_lines(folder, "a.jsonl", 50), write_lines(folder, "b.jsonl", 33)};
  auto feed = feed_of(files, {.held_out = 0.1, .seed = 9});
  std::vector<TokenBatch> all;
  std::vector<std::pair<std::uint64_t, std::size_t>> positions;
  for (int i = 0; i < 19; ++i) {
    positions.push_back(feed.position());
    all.push_back(feed.next());
  }
  for (const std::size_t from : {17, 4, 0, 8}) {
    auto again = feed_of(files, {.held_out = 0.1, .seed = 9});
    again.seek(positions[from]);
    for (std::size_t i = from; i < all.size(); ++i) {
      const auto batch = again.next();
      BOOST_TEST(batch.places == all[i].places);
      BOOST_TEST((batch.inputs == all[i].inputs));
    }
  }
  std::set<std::string> held;
  for (const auto& b : feed.held_out()) held.insert(b.places.begin(), b.places.end());
  BOOST_TEST(held.size() == 8u);
  for (const auto& b : all)
    for (const auto& p : b.places) BOOST_TEST(!held.contains(p));
  CHECK_SAYS(feed.seek({0, 1000}), "has 4 batches and no number 1000");
}

BOOST_AUTO_TEST_CASE(choices_come_with_their_labels_and_bad_lines_with_their_place) {
  const Folder folder;
  auto feed = feed_of({folder.write("c.jsonl", "{\"input\": \"q\", \"choices\": [\"no\", \"yes\"], \"label\": 1}\n")});
  const auto batch = feed.next();
  BOOST_TEST(batch.labels[0] == 1);
  BOOST_TEST((batch.choices[0] == std::vector<std::vector<std::int32_t>>{letters("no"), letters("yes")}));
  BOOST_TEST((batch.targets[0] == letters("yes")));
  auto broken = feed_of({folder.write("d.jsonl", "{\"input\": 5}\n")});
  CHECK_SAYS(broken.next(), "d.jsonl:1");
  CHECK_SAYS(Feed({}, {}, {}, {}, letters), "no data files");
}

}  // namespace
