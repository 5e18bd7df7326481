#include <anser/io/tokenizer.hpp>
#include <anser/io/vocabulary.hpp>
#include <anser/train/feed.hpp>
#include <boost/test/unit_test.hpp>
#include <map>
#include <set>

#include "../io/temporary.hpp"

namespace {

using namespace anser;
using io_test::Folder;

// Letters are their codes, sentinels 1000 and downwards.
std::vector<std::int32_t> letters(const std::string& text) {
  std::vector<std::int32_t> ids(text.begin(), text.end());
  ids.push_back(1);
  return ids;
}
std::vector<std::int32_t> sentinels(int n = 20) {
  std::vector<std::int32_t> ids;
  for (int i = 0; i < n; ++i) ids.push_back(1000 - i);
  return ids;
}
std::string letters_of(const std::vector<EncodedText>& pieces) {
  std::string text;
  for (const auto& p : pieces) {
    std::vector<std::string> spans;
    for (const auto id : p.target)
      if (id > 900)
        spans.emplace_back();
      else if (id != 1)
        spans.back() += char(id);
    for (const auto id : p.input)
      if (id > 900)
        text += spans.at(std::size_t(1000 - id));
      else if (id != 1)
        text += char(id);
  }
  return text;
}
std::string write_documents(const Folder& folder, const std::string& name, int n) {
  std::string text;
  for (int i = 0; i < n; ++i)
    text += std::string(std::size_t(1 + 7 * i % 90), char('a' + i % 26)) + std::to_string(i) + "\n\n";
  return folder.write(name, text);
}
Feed corrupted_feed(const std::vector<std::string>& files) {
  return {corrupted_texts(files, {.input = 40, .target = 16}, letters, {}, sentinels()),
          {.held_out = 0.2, .seed = 4},
          {.examples = 8, .window = 2}};
}

BOOST_AUTO_TEST_CASE(a_document_is_cut_into_pieces_that_fit) {
  const Folder folder;
  const std::string text = "the quick brown fox jumps over the lazy dog and sleeps until the evening bell rings twice";
  const auto texts = corrupted_texts({folder.write("a.txt", "short\n" + text + '\n')}, {.input = 40, .target = 16},
                                     letters, {}, sentinels());
  BOOST_TEST(texts.sizes == std::vector<std::size_t>{2});
  const auto one = texts.read({0, 0}, Random{1});
  BOOST_TEST(one.size() == 1u);
  BOOST_TEST(letters_of(one) == "short");
  const auto pieces = texts.read({0, 1}, Random{1}), again = texts.read({0, 1}, Random{1}),
             other = texts.read({0, 1}, Random{2});
  const auto most = std::size_t(longest_text(40, {}).tokens);
  BOOST_TEST(pieces.size() == (text.size() + most - 1) / most);
  BOOST_TEST(letters_of(pieces) == text);
  BOOST_TEST(letters_of(other) == text);
  bool differ = false;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    BOOST_TEST(pieces[i].input.size() <= 40u);
    BOOST_TEST(pieces[i].target.size() <= 16u);
    BOOST_TEST(pieces[i].label == -1);
    BOOST_TEST(pieces[i].place.ends_with("a.txt:2"));
    BOOST_TEST(pieces[i].input == again[i].input);
    differ = differ || pieces[i].input != other[i].input;
  }
  BOOST_TEST(differ);
}

BOOST_AUTO_TEST_CASE(a_stopped_feed_of_plain_text_goes_on_where_it_was) {
  const Folder folder;
  const std::vector<std::string> files{write_documents(folder, "a.txt", 30), write_documents(folder, "b.txt", 20)};
  auto feed = corrupted_feed(files);
  std::vector<TokenBatch> all;
  std::vector<std::pair<std::uint64_t, std::size_t>> positions;
  for (int i = 0; i < 60; ++i) {
    positions.push_back(feed.position());
    all.push_back(feed.next());
  }
  for (const std::size_t from : {53, 11, 0, 30}) {
    auto again = corrupted_feed(files);
    again.seek(positions[from]);
    for (std::size_t i = from; i < all.size(); ++i) {
      const auto batch = again.next();
      BOOST_TEST(batch.places == all[i].places);
      BOOST_TEST((batch.inputs == all[i].inputs));
      BOOST_TEST((batch.targets == all[i].targets));
    }
  }
  // Documents are held out whole, and corrupted alike each time.
  std::set<std::string> held;
  for (const auto& b : feed.held_out()) {
    BOOST_TEST(b.inputs.size() <= 8u);
    held.insert(b.places.begin(), b.places.end());
  }
  BOOST_TEST(held.size() == 10u);
  BOOST_TEST((feed.held_out()[0].inputs == corrupted_feed(files).held_out()[0].inputs));
  std::map<std::string, std::set<std::vector<std::int32_t>>> seen;  // by place: what was read of it
  for (const auto& b : all)
    for (std::size_t i = 0; i < b.places.size(); ++i) {
      BOOST_TEST(!held.contains(b.places[i]));
      if (b.inputs[i].size() == 40) seen[b.places[i]].insert(b.inputs[i]);
    }
  std::size_t most = 0;
  for (const auto& [place, inputs] : seen) most = std::max(most, inputs.size());
  BOOST_TEST(most > 5u);  // 92 letters are 2 such pieces and a rest: every pass corrupts them anew
}

BOOST_AUTO_TEST_CASE(texts_that_cannot_be_corrupted_are_named) {
  const Folder folder;
  const auto read = [&](const std::string& text, int n) {
    return corrupted_texts({folder.write("t.txt", "fine\n" + text + "\n")}, {.input = 100, .target = 50}, letters, {},
                           sentinels(n))
        .read({0, 1}, Random{1});
  };
  CHECK_SAYS(read("\xff", 20), "t.txt:2: not valid UTF-8");
  CHECK_SAYS(read(std::string(80, 'x'), 3), "t.txt:2", "takes 5 sentinels, and the vocabulary has 3");
  BOOST_TEST(read(std::string(80, 'x'), 5).size() == 1u);
  const auto with = [&](const TextLimits& limits) { return corrupted_texts({}, limits, letters, {}, sentinels()); };
  CHECK_SAYS(with({.input = 100, .target = 10}), "targets of 23, and the limit is 10");
  CHECK_SAYS(with({.input = 2}), "inputs of 2 tokens");
  CHECK_SAYS(with({}), "no data files");
  const auto nothing = [](const std::string&) { return std::vector<std::int32_t>{1}; };
  Feed feed(corrupted_texts({folder.path("t.txt")}, {}, nothing, {}, sentinels()), {}, {});
  CHECK_SAYS(feed.next(), "none of 2048 texts has a token");
}

BOOST_AUTO_TEST_CASE(a_vocabulary_of_ones_own_has_sentinels) {
  const Folder folder;
  const std::string text = "a rose is a rose is a rose";
  train_vocabulary({text, "roses are red and so is a rose"}, 15, folder.path("spiece.model"));
  const auto tokenizer = Tokenizer::load(folder.path("spiece.model"));
  const auto ids = find_sentinels(tokenizer);
  BOOST_TEST(ids.size() == 100u);
  BOOST_TEST(ids[0] == tokenizer.size() - 1);
  BOOST_TEST(ids[99] == tokenizer.size() - 100);
  const auto encode = [&](const std::string& t) { return tokenizer.encode(t); };
  const auto file = folder.write("r.txt", text + "\n" + text + " <extra_id_7>\n");
  const auto texts = corrupted_texts({file}, {}, encode, {}, ids);
  const auto read = texts.read({0, 0}, Random{1});
  BOOST_TEST(tokenizer.decode(read.at(0).target, false).starts_with("<extra_id_0>"));
  BOOST_TEST(read[0].input.back() == tokenizer.eos_id());
  CHECK_SAYS(texts.read({0, 1}, Random{1}), "r.txt:2", "<extra_id_7>");
}

}  // namespace
