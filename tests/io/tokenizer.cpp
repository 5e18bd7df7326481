#include <anser/core/error.hpp>
#include <anser/core/sha256.hpp>
#include <anser/io/tokenizer.hpp>
#include <boost/test/unit_test.hpp>

#include "../real_data.hpp"
#include "vocabularies.hpp"

using anser::Error, anser::Tokenizer, nlohmann::json, vocabularies::Folder, vocabularies::Small;
namespace fs = std::filesystem;
using Ids = std::vector<std::int32_t>;

namespace {

fs::path shared_data() { return anser::test::real_data(""); }

const auto with_real_vocabulary = anser::test::with_real_data("vocab/spiece.model");

const Tokenizer& real(const std::string& kind) {
  static const Tokenizer slow = Tokenizer::load(shared_data() / "vocab/spiece.model");
  static const Tokenizer fast = Tokenizer::load(shared_data() / "vocab/t5-small.tokenizer.json");
  return kind == "slow" ? slow : fast;
}

json golden(const char* name) {
  const fs::path path = fs::path(ANSER_TEST_GOLDEN_DIR) / "tokenizer" / name;
  anser::check(fs::exists(path), path.string(), " is missing; make it with tests/golden/tokenizer/make.py");
  return json::parse(std::ifstream(path));
}

/// Every golden text against one column of texts.json: ids, and both decodings.
void compare_texts(const Tokenizer& t, const char* column) {
  const json texts = golden("texts.json")["texts"];
  BOOST_TEST(texts.size() == 70u);
  for (const json& row : texts) {
    const auto text = row["input"].get<std::string>();
    const json& expected = row[column];
    const auto ids = expected["ids"].get<Ids>();
    BOOST_TEST_CONTEXT(column << ": " << row["input"].dump()) {
      BOOST_TEST(t.encode(text) == ids, boost::test_tools::per_element());
      BOOST_TEST(t.decode(ids) == expected["text"].get<std::string>());
      BOOST_TEST(t.decode(ids, false) == expected["full"].get<std::string>());
    }
  }
}

std::string message(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tokenizer)

BOOST_AUTO_TEST_CASE(known_answers_of_the_published_vocabulary, *with_real_vocabulary) {
  for (const char* kind : {"slow", "fast"}) {
    const Tokenizer& t = real(kind);
    BOOST_TEST(t.size() == 32100);
    BOOST_TEST(t.encode("translate English to German: The house is wonderful.") ==
                   (Ids{13959, 1566, 12, 2968, 10, 37, 629, 19, 1627, 5, 1}),
               boost::test_tools::per_element());
    BOOST_TEST(t.encode("{", false) == (Ids{3, 2}), boost::test_tools::per_element());
    BOOST_TEST(t.id("<extra_id_0>").value() == 32099);
    BOOST_TEST(t.id("\u2581house").value() == 629);
    BOOST_TEST(t.piece(32000) == "<extra_id_99>");
    BOOST_TEST(t.piece(629) == "\u2581house");
  }
  BOOST_TEST(real("slow").encode("!!!!!!", false) == (Ids{3, 17065, 55}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(big_bench_hard_inputs_have_hugging_faces_ids, *with_real_vocabulary) {
  const json tasks = golden("bbh.json")["tasks"];
  BOOST_TEST(tasks.size() == 27u);
  int inputs = 0;
  for (const auto& [name, row] : tasks.items()) {
    const json task = json::parse(std::ifstream(shared_data() / "bbh" / (name + ".json")));
    inputs += int(task["examples"].size());
    for (const char* kind : {"slow", "fast"}) {
      anser::Sha256 sum;
      std::size_t count = 0;
      for (const json& example : task["examples"]) {
        const Ids ids = real(kind).encode(example["input"].get<std::string>());
        sum.update(ids.data(), ids.size() * sizeof(ids[0]));
        count += ids.size();
      }
      BOOST_TEST_CONTEXT(name << ", " << kind) {
        BOOST_TEST(count == row[kind]["ids"].get<std::size_t>());
        BOOST_TEST(sum.hex() == row[kind]["sha256"].get<std::string>());
      }
    }
  }
  BOOST_TEST(inputs == 6511);
}

BOOST_AUTO_TEST_CASE(tricky_texts_have_hugging_faces_ids, *with_real_vocabulary) {
  compare_texts(real("slow"), "slow");
  compare_texts(real("fast"), "fast");
}

BOOST_AUTO_TEST_CASE(legacy_false_is_followed, *with_real_vocabulary) {
  const Folder folder;
  fs::copy_file(shared_data() / "vocab/spiece.model", folder.path / "spiece.model");
  vocabularies::write(folder.path / "tokenizer_config.json", R"({"legacy": false, "extra_ids": 100})");
  compare_texts(Tokenizer::load(folder.path), "modern");
}

// What transformers derives from spiece.model has other normalisers and no WhitespaceSplit.
BOOST_AUTO_TEST_CASE(a_converted_tokenizer_json_is_followed, *with_real_vocabulary) {
  json file = json::parse(std::ifstream(shared_data() / "vocab/t5-small.tokenizer.json"));
  json regex;
  regex["Regex"] = " {2,}";
  file["normalizer"] = {
      {"type", "Sequence"},
      {"normalizers", json::array({file["normalizer"],
                                   {{"type", "Strip"}, {"strip_left", false}, {"strip_right", true}},
                                   {{"type", "Replace"}, {"pattern", regex}, {"content", "\u2581"}}})}};
  file["pre_tokenizer"] = file["pre_tokenizer"]["pretokenizers"][1];
  const Folder folder;
  vocabularies::write(folder.path / "tokenizer.json", file.dump());
  compare_texts(Tokenizer::load(folder.path), "converted");
}

BOOST_AUTO_TEST_CASE(real_text_comes_back, *with_real_vocabulary) {
  const json task = json::parse(std::ifstream(shared_data() / "bbh/causal_judgement.json"));
  const auto words = [](const std::string& text) {  // white space is normalised
    std::istringstream in(text);
    std::string all;
    for (std::string w; in >> w;) all += (all.empty() ? "" : " ") + w;
    return all;
  };
  int exact = 0;
  for (const json& example : task["examples"]) {
    const auto text = example["input"].get<std::string>();
    const Ids slow = real("slow").encode(text);
    if (std::count(slow.begin(), slow.end(), 2)) continue;  // an unknown character cannot come back
    ++exact;
    BOOST_TEST(real("slow").decode(slow) == words(text));
    BOOST_TEST(real("fast").decode(real("fast").encode(text)) == words(text));
  }
  BOOST_TEST(exact > 100);
}

// From here on no data but our own is needed.
BOOST_AUTO_TEST_CASE(both_formats_of_a_vocabulary_agree) {
  const auto& small = Small::get();
  BOOST_TEST(small.spiece.size() == small.unigram.size());
  for (int id = 0; id < small.spiece.size(); ++id) {
    BOOST_TEST(small.spiece.piece(id) == small.unigram.piece(id));
    BOOST_TEST(small.spiece.id(small.spiece.piece(id)).value() == id);
  }
  std::vector<std::string> texts = vocabularies::sentences();
  for (const char* text : {"", " ", "a  b\t c\n", "The <extra_id_0> of <extra_id_1>.", "caf\u00e9 \ufb01sh \u2460",
                           "\u4e2d\u6587 \U0001f600", "<pad> <unk></s> x", "bad \xff\xc3 bytes"})
    texts.emplace_back(text);
  for (const std::string& text : texts) {
    const Ids a = small.spiece.encode(text), b = small.unigram.encode(text);
    // The two may cut apart where scores tie, and then they still mean the same; only T5Tokenizer strips.
    const std::string decoded = small.unigram.decode(b);
    BOOST_TEST(small.spiece.decode(a) == (decoded == " " ? "" : decoded));
    BOOST_TEST((a == b || a.size() == b.size()), text);
  }
}

BOOST_AUTO_TEST_CASE(special_tokens_are_found_in_the_text) {
  const auto& small = Small::get();
  for (const Tokenizer* t : {&small.spiece, &small.unigram}) {
    const Ids ids = t->encode("<extra_id_0>  x <extra_id_99></s><pad>", false);
    BOOST_TEST(ids.front() == 599);
    BOOST_TEST((Ids(ids.end() - 3, ids.end()) == Ids{500, 1, 0}));
    BOOST_TEST(t->decode(ids) == "x");
    BOOST_TEST(t->encode("<unk>", false) == (Ids{2}), boost::test_tools::per_element());
  }
  BOOST_TEST(small.spiece.encode("x</s>").size() + 1 == small.unigram.encode("x</s>").size());
}

BOOST_AUTO_TEST_CASE(ids_beyond_the_vocabulary) {
  const auto& t = Small::get().spiece;
  Ids ids = t.encode("one two");
  ids.push_back(t.size() + 3);
  const std::string said = message([&] { t.decode(ids); });
  BOOST_TEST_INFO(said);
  BOOST_TEST(said.find("603") != std::string::npos);
  BOOST_TEST(said.find("600") != std::string::npos);
  BOOST_TEST(t.decode(ids, true, 640) == "one two");  // padding of the model's embedding
  BOOST_CHECK_THROW(t.decode(ids, true, 603), Error);
  BOOST_CHECK_THROW(t.decode(Ids{-1}, true, 640), Error);
  BOOST_CHECK_THROW(t.piece(600), Error);
  BOOST_CHECK_THROW(t.piece(-1), Error);
  BOOST_TEST(!t.id("no such piece"));
}

BOOST_AUTO_TEST_CASE(long_texts_take_linear_time) {
  const auto& small = Small::get();
  std::string words;
  for (int i = 0; i < 20000; ++i) words += "The capital ";
  for (const Tokenizer* t : {&small.spiece, &small.unigram}) {
    BOOST_TEST(t->encode(std::string(200000, 'a')).size() > 100u);
    BOOST_TEST(t->encode(std::string(200000, '<')).size() > 1u);
    BOOST_TEST(t->encode(std::string(200000, ' ')).size() == 1u);
    const Ids ids = t->encode(words);
    BOOST_TEST(t->decode(ids) == words.substr(0, words.size() - 1));
  }
}

BOOST_AUTO_TEST_CASE(a_directory_is_asked_for_its_configuration) {
  const Folder folder;
  BOOST_TEST(message([&] { Tokenizer::load(folder.path); }).find("neither spiece.model nor") != std::string::npos);
  fs::copy_file(Small::get().folder.path / "tokenizer.json", folder.path / "tokenizer.json");
  BOOST_TEST(Tokenizer::load(folder.path).size() == 600);
  vocabularies::write(folder.path / "spiece.model", Small::get().model);
  BOOST_TEST(Tokenizer::load(folder.path).size() == 600);
  const auto configured = [&](const char* text) {
    vocabularies::write(folder.path / "tokenizer_config.json", text);
    return Tokenizer::load(folder.path);
  };
  BOOST_TEST(configured(R"({"extra_ids": 0})").size() == 500);
  BOOST_TEST(configured(R"({"extra_ids": 7, "legacy": null})").id("<extra_id_0>").value() == 506);
  const Tokenizer named = configured(R"({"extra_ids": 0, "added_tokens_decoder": {"500": {"content": "<sep>"}}})");
  BOOST_TEST(named.size() == 501);
  BOOST_TEST(named.encode("a<sep>", false).back() == 500);
  for (const char* bad :
       {"[]", "{", R"({"extra_ids": -1})", R"({"extra_ids": 1e9})", R"({"legacy": 3})",
        R"({"added_tokens_decoder": {"x": {"content": "a"}}})", R"({"added_tokens_decoder": {"12": {"content": "a"}}})",
        R"({"added_tokens_decoder": {"500": {"content": ""}}})"})
    BOOST_TEST(message([&] { configured(bad); }).find("tokenizer_config.json") != std::string::npos, bad);
}

BOOST_AUTO_TEST_CASE(unsupported_kinds_are_refused_by_name) {
  const Folder folder;
  const json good = vocabularies::json_of(Small::get().model);
  const auto refusal = [&](const char* where, const json& value) {
    json file = good;
    file[json::json_pointer(where)] = value;
    vocabularies::write(folder.path / "tokenizer.json", file.dump());
    return message([&] { Tokenizer::load(folder.path); });
  };
  BOOST_TEST(refusal("/version", "1.0") == "");
  for (const auto& [where, name] : {std::pair("/normalizer/type", "Lowercase"),
                                    {"/pre_tokenizer/type", "ByteLevel"},
                                    {"/model/type", "BPE"},
                                    {"/post_processor/type", "BertProcessing"},
                                    {"/decoder/type", "ByteFallback"},
                                    {"/model/unk_id", "600"},
                                    {"/normalizer/precompiled_charsmap", "base64?"},
                                    {"/pre_tokenizer/pretokenizers/1/prepend_scheme", "sometimes"}}) {
    const std::string said = refusal(where, name);
    BOOST_TEST_INFO(said);
    BOOST_TEST((said.find(name) != std::string::npos || said.find("base64") != std::string::npos), where);
  }
  BOOST_TEST(refusal("/model/vocab/7/1", "x").find("entry 7") != std::string::npos);
  BOOST_TEST(refusal("/added_tokens/0/id", 5).find("<pad>") != std::string::npos);
  BOOST_TEST(refusal("/added_tokens/0/single_word", true).find("single_word") != std::string::npos);
  BOOST_TEST(refusal("/model/vocab/0/0", "nothing").find("<pad>") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
