#include <anser/core/error.hpp>
#include <anser/io/vocabulary.hpp>
#include <boost/test/unit_test.hpp>

#include "vocabularies.hpp"

using anser::Error, vocabularies::Small;

BOOST_AUTO_TEST_SUITE(vocabulary)

BOOST_AUTO_TEST_CASE(has_the_special_tokens_where_t5_has_them) {
  const auto& t = Small::get().spiece;
  BOOST_TEST(t.size() == 600);
  BOOST_TEST(t.pad_id() == 0);
  BOOST_TEST(t.eos_id() == 1);
  BOOST_TEST(t.unk_id() == 2);
  BOOST_TEST(t.id("<extra_id_0>").value() == 599);
}

BOOST_AUTO_TEST_CASE(covers_its_own_sentences) {
  const auto& t = Small::get().spiece;
  for (const std::string& line : vocabularies::sentences()) BOOST_TEST(t.decode(t.encode(line)) == line);
}

BOOST_AUTO_TEST_CASE(the_same_lines_give_the_same_file) {
  const vocabularies::Folder folder;
  anser::train_vocabulary(vocabularies::sentences(), 500, folder.path / "again.model");
  BOOST_TEST((vocabularies::read(folder.path / "again.model") == Small::get().model));
}

BOOST_AUTO_TEST_CASE(errors) {
  const vocabularies::Folder folder;
  const auto lines = vocabularies::sentences();
  const auto says = [&](const std::vector<std::string>& text, int size, const char* name, const char* part) {
    try {
      anser::train_vocabulary(text, size, folder.path / name);
    } catch (const Error& e) {
      BOOST_TEST_INFO(e.what());
      return std::string(e.what()).find(part) != std::string::npos;
    }
    return false;
  };
  BOOST_TEST(says({}, 100, "x", "no lines"));
  BOOST_TEST(says(lines, 3, "x", "3 pieces"));
  BOOST_TEST(says(lines, 50000, "x", "a value <= "));
  BOOST_TEST(says(lines, 20, "x", "train_vocabulary"));  // fewer than the characters
  std::ofstream(folder.path / "file") << "in the way of a folder";
  BOOST_TEST(says(lines, 300, "file/below", "cannot be written"));
}

BOOST_AUTO_TEST_SUITE_END()
