#include <anser/io/json.hpp>
#include <anser/io/wordpiece.hpp>
#include <boost/test/unit_test.hpp>

#include "temporary.hpp"

using anser::BertTokenizer;
using Ids = std::vector<std::int32_t>;
using io_test::Folder;

namespace {

const std::string model = std::string(ANSER_TEST_GOLDEN_DIR) + "/bert/model";

anser::Json golden() { return anser::read_json(std::string(ANSER_TEST_GOLDEN_DIR) + "/bert/golden.json"); }

void check_ids(const BertTokenizer& t, const anser::Json& texts, const anser::Json& ids, int most) {
  const auto all = texts.texts();
  const auto rows = ids.items();
  BOOST_TEST_REQUIRE(all.size() == rows.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    Ids expected;
    for (const auto& id : rows[i].items()) expected.push_back(std::int32_t(id.integer(0, 1 << 20)));
    BOOST_TEST_CONTEXT(anser::quote(all[i]))
    BOOST_TEST(t.encode(all[i], most) == expected, boost::test_tools::per_element());
  }
}

const std::string pieces = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\n##m\nthem\n##e\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(wordpiece)

BOOST_AUTO_TEST_CASE(ids_of_hugging_face) {
  const auto g = golden();
  const int longest = int(g.integer("longest", 2, 1000));
  const auto t = BertTokenizer::load(model);
  check_ids(t, g.at("texts"), g.at("ids"), longest);
  check_ids(BertTokenizer::load(model + "/vocab.txt"), g.at("texts"), g.at("ids"), longest);
  check_ids(BertTokenizer::load(model + "/tokenizer.json"), g.at("texts"), g.at("ids"), longest);
  BOOST_TEST(t.piece(t.pad_id()) == "[PAD]");
  BOOST_TEST(*t.id("##ing") == 20);
  BOOST_TEST(!t.id("nobody"));
  BOOST_TEST(t.longest().value_or(0) == longest);
}

// tokenizer_config.json beside each of the two files.
BOOST_AUTO_TEST_CASE(other_options) {
  const auto g = golden();
  for (const char* name : {"vocab.txt", "tokenizer.json"})
    for (const auto& o : g.at("options").items()) {
      const Folder folder;
      std::filesystem::copy_file(model + '/' + name, folder.path(name));
      folder.write("tokenizer_config.json", o.written());
      check_ids(BertTokenizer::load(folder.path()), g.at("texts"), o.at("ids"), 1000);
    }
}

BOOST_AUTO_TEST_CASE(the_longest_piece_first) {
  const Folder folder;
  const auto t = BertTokenizer::load(folder.write("vocab.txt", pieces));
  BOOST_TEST(t.encode("the them thee thex m") == (Ids{2, 4, 6, 4, 7, 1, 1, 3}), boost::test_tools::per_element());
  BOOST_TEST(t.encode("the them thee", 3) == (Ids{2, 4, 3}), boost::test_tools::per_element());
  BOOST_TEST(t.encode("the", 2) == (Ids{2, 3}), boost::test_tools::per_element());
  BOOST_TEST(t.size() == 8);
  CHECK_SAYS(t.encode("the", 1), "1 ids have no room for [CLS] and [SEP]");
  CHECK_SAYS(t.piece(8), "vocab.txt: there is no piece 8; the vocabulary has 8");
}

BOOST_AUTO_TEST_CASE(special_tokens_of_another_name) {
  const Folder folder;
  folder.write("vocab.txt", "<p>\r\n<u>\r\n<s>\r\n</s>\r\na\r\n");
  folder.write("tokenizer_config.json", R"({"unk_token": "<u>", "cls_token": {"content": "<s>"}, "sep_token": "</s>",
    "pad_token": "<p>", "model_max_length": 1000000000000000019884624838656})");
  const auto t = BertTokenizer::load(folder.path());
  BOOST_TEST(t.encode("a b <p>a") == (Ids{2, 4, 1, 0, 4, 3}), boost::test_tools::per_element());
  BOOST_TEST(!t.longest());
}

BOOST_AUTO_TEST_CASE(files_that_are_refused) {
  const Folder folder;
  CHECK_SAYS(BertTokenizer::load(folder.path()), "has neither tokenizer.json nor vocab.txt");
  CHECK_SAYS(BertTokenizer::load(folder.path("no.txt")), "no.txt: there is no such vocabulary");
  CHECK_SAYS(BertTokenizer::load(folder.write("vocab.txt", "")), "vocab.txt: the vocabulary has no pieces");
  CHECK_SAYS(BertTokenizer::load(folder.write("vocab.txt", "[UNK]\n[SEP]\n")), "the vocabulary has no \"[CLS]\"");
  CHECK_SAYS(BertTokenizer::load(folder.write("vocab.txt", pieces + "\xff\n")), "piece 8 is not UTF-8");
  CHECK_SAYS(BertTokenizer::load(folder.write("vocab.txt", pieces + std::string(2000, 'a'))), "piece 8 is longer than");
  folder.write("vocab.txt", pieces);
  folder.write("tokenizer_config.json", R"({"do_basic_tokenize": false})");
  CHECK_SAYS(BertTokenizer::load(folder.path()), "do_basic_tokenize false is not supported");

  const std::string whole = io_test::read(model + "/tokenizer.json");
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string s = whole;
    const auto at = s.rfind(from);
    BOOST_TEST_REQUIRE(at != s.npos, from);
    return folder.write("tokenizer.json", s.replace(at, from.size(), to));
  };
  CHECK_SAYS(BertTokenizer::load(changed("\"WordPiece\"", "\"BPE\"")), "the model is BPE; a BERT's is WordPiece");
  CHECK_SAYS(BertTokenizer::load(changed("\"BertNormalizer\"", "\"NFC\"")), "normalizer is NFC");
  CHECK_SAYS(BertTokenizer::load(changed("\"BertPreTokenizer\"", "\"Metaspace\"")), "pre_tokenizer is Metaspace");
  CHECK_SAYS(BertTokenizer::load(changed("\"TemplateProcessing\"", "\"Other\"")), "post_processor is Other");
  CHECK_SAYS(BertTokenizer::load(changed("\"normalized\": false", "\"normalized\": true")), "normalized");
  CHECK_SAYS(BertTokenizer::load(changed("\"unk_token\": \"[UNK]\"", "\"unk_token\": \"?x\"")), "has no \"?x\"");
}

BOOST_AUTO_TEST_SUITE_END()
