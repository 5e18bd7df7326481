#include <anser/core/error.hpp>
#include <anser/io/unigram.hpp>
#include <boost/test/unit_test.hpp>
#include <limits>
#include <random>
#include <string>
#include <vector>

using anser::Error, anser::PieceTrie, anser::Unigram;

namespace {

std::vector<std::int32_t> encode(const Unigram& model, std::string_view text) {
  std::vector<std::int32_t> ids;
  model.encode(text, ids);
  return ids;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(unigram)

BOOST_AUTO_TEST_CASE(the_trie_finds_all_prefixes) {
  const PieceTrie trie({{"a", 0}, {"ab", 1}, {"abc", 2}, {"b", 3}, {"\xff", 4}, {"ab", 5}});
  std::vector<std::pair<std::size_t, int>> found;
  trie.prefixes("abcd", [&](std::size_t length, int number) { found.emplace_back(length, number); });
  const std::vector<std::pair<std::size_t, int>> expected{{1, 0}, {2, 5}, {3, 2}};  // of equal keys the last counts
  BOOST_TEST((found == expected));
  BOOST_TEST(trie.find("\xff").value() == 4);
  BOOST_TEST(!trie.find("abcd"));
  BOOST_TEST(!trie.find(""));
  BOOST_TEST(trie.longest() == 3u);
  BOOST_TEST(!PieceTrie().find("a"));
}

BOOST_AUTO_TEST_CASE(takes_the_most_probable_cut) {
  const Unigram model({{"<unk>", 0}, {"a", -2}, {"b", -2}, {"ab", -3}, {"abb", -9}}, 0, false, "test");
  BOOST_TEST(encode(model, "ab") == (std::vector{3}), boost::test_tools::per_element());
  BOOST_TEST(encode(model, "abb") == (std::vector{3, 2}), boost::test_tools::per_element());
  BOOST_TEST(encode(model, "").empty());
}

BOOST_AUTO_TEST_CASE(neighbouring_unknown_characters_are_one_id) {
  const Unigram model({{"<unk>", 0}, {"a", -2}}, 0, false, "test");
  BOOST_TEST(encode(model, "axya\u00e9") == (std::vector{1, 0, 1, 0}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(bytes_stand_in_for_unknown_characters_where_all_have_a_piece) {
  const Unigram model({{"<unk>", 0}, {"a", -2}, {"<0xC3>", -9}, {"<0xA9>", -9}}, 0, true, "test");
  BOOST_TEST(encode(model, "a\u00e9") == (std::vector{1, 2, 3}), boost::test_tools::per_element());
  BOOST_TEST(encode(model, "a\u00e8") == (std::vector{1, 0}), boost::test_tools::per_element());
}

// The score of the cut that encode takes equals the best over all cuts of random words, counted by brute force.
BOOST_AUTO_TEST_CASE(no_cut_is_better) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<Unigram::Piece> pieces{{"<unk>", 0}};
    for (const char* text : {"a", "b", "aa", "ab", "ba", "aab", "bab", "abab"})
      pieces.push_back({text, -double(random() % 1000) / 100});
    const Unigram model(pieces, 0, false, "test");
    std::string word;
    for (int i = 0; i < 10; ++i) word += random() % 2 ? 'a' : 'b';
    double best = -1e9;
    for (unsigned cuts = 0; cuts < 1u << 9; ++cuts) {
      double score = 0;
      std::size_t from = 0;
      for (std::size_t i = 1; i <= word.size(); ++i)
        if (i == word.size() || (cuts >> (i - 1) & 1)) {
          const auto id = model.id(word.substr(from, i - from));
          score += id ? model.piece(*id).score : -1e6;
          from = i;
        }
      best = std::max(best, score);
    }
    double score = 0;
    for (int id : encode(model, word)) score += model.piece(id).score;
    BOOST_TEST(score == best, boost::test_tools::tolerance(1e-12));
  }
}

BOOST_AUTO_TEST_CASE(long_words_take_linear_time) {
  const Unigram model({{"<unk>", 0}, {"a", -2}, {"aa", -3}}, 0, false, "test");
  BOOST_TEST(encode(model, std::string(1000000, 'a')).size() == 500000u);
  BOOST_TEST(encode(model, std::string(1000000, 'x')).size() == 1u);
}

BOOST_AUTO_TEST_CASE(errors) {
  BOOST_CHECK_THROW(Unigram({}, -1, false, "test"), Error);
  BOOST_CHECK_THROW(Unigram({{"a", 0}}, 1, false, "test"), Error);
  BOOST_CHECK_THROW(Unigram({{std::string(1001, 'a'), 0}}, -1, false, "test"), Error);
  BOOST_CHECK_THROW(Unigram({{"a", std::numeric_limits<double>::quiet_NaN()}}, -1, false, "test"), Error);
  BOOST_CHECK_THROW(Unigram({{"a", std::numeric_limits<double>::infinity()}}, -1, false, "test"), Error);
  const Unigram model({{"a", 0}}, -1, false, "test");
  BOOST_CHECK_THROW(encode(model, "b"), Error);  // nothing to call it
}

BOOST_AUTO_TEST_SUITE_END()
