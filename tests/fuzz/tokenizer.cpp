// Vocabularies cut and changed anywhere: each gives a tokenizer that works, or one Error.
#include <anser/core/error.hpp>
#include <anser/io/tokenizer.hpp>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <random>

#include "../io/charsmap_blob.hpp"
#include "../io/vocabularies.hpp"

using anser::Error, anser::Tokenizer, vocabularies::Folder, vocabularies::Small;

namespace {

using namespace std::string_literals;

/// ANSER_FUZZ_ROUNDS multiplies the numbers of mutants; ANSER_FUZZ_SEED changes them.
int rounds() {
  const char* given = std::getenv("ANSER_FUZZ_ROUNDS");
  return given ? std::max(1, std::atoi(given)) : 1;
}
unsigned seed() {
  const char* given = std::getenv("ANSER_FUZZ_SEED");
  return given ? unsigned(std::atoi(given)) : 1;
}

struct Outcome {
  int loaded = 0, refused = 0;
};

/// Loads the file and, where that succeeds, uses it. Anything but success and Error ends the test.
void attempt(const Folder& folder, const char* name, const std::string& bytes, Outcome& outcome) {
  const auto path = folder.path / name;
  vocabularies::write(path, bytes);
  static const std::string texts[] = {"The capital of Norway is Oslo.",
                                      "caf\u00e9 \u2460\u0301 \ufb01 <extra_id_0> x</s>", "a\0b\x01\xff\r\n\u3000 {"s,
                                      std::string(300, 'a')};
  try {
    const Tokenizer t = Tokenizer::load(path);
    for (const std::string& text : texts) {
      const auto ids = t.encode(text);
      anser::check(ids.size() < 100000, "the text grew without bound");
      for (int id : ids) t.piece(id);
      t.decode(ids), t.decode(ids, false);
    }
    ++outcome.loaded;
  } catch (const Error& e) {
    const std::string said = e.what();
    if (said.find(name) == std::string::npos || said.find('\n') != std::string::npos)
      BOOST_ERROR("an error of another form: " + said);
    ++outcome.refused;
  }
}

/// One to four changes: a flipped bit, another byte, a run copied elsewhere, bytes taken out or put in.
std::string mutate(std::string bytes, std::mt19937& random, std::size_t from, std::size_t to) {
  const auto below = [&](std::size_t n) { return n ? random() % n : 0; };
  for (std::size_t changes = 1 + below(4); changes-- > 0 && !bytes.empty();) {
    to = std::min(to, bytes.size());
    from = std::min(from, to - 1);
    const std::size_t at = from + below(to - from), other = from + below(to - from);
    const std::size_t run = std::min({1 + below(8), bytes.size() - at, bytes.size() - other});
    switch (below(6)) {
      case 0: bytes[at] = char(bytes[at] ^ (1 << below(8))); break;
      case 1: bytes[at] = char(below(256)); break;
      case 2: bytes.replace(at, run, bytes.substr(other, run)); break;
      case 3: bytes.erase(at, run); break;
      case 4: bytes.insert(at, bytes.substr(other, run)); break;
      default: bytes[at] = "\0\xff\x7f\x80"[below(4)];
    }
  }
  return bytes;
}

std::string small_charsmap() {
  return charsmap_blob({{"\u2460", "1"}, {"\ufb01", "fi"}, {"e\u0301", "\u00e9"}, {"\u3000", " "}, {"\x01", ""}});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tokenizer)

BOOST_AUTO_TEST_CASE(spiece_models) {
  const Folder folder;
  std::mt19937 random(seed());
  Outcome outcome;
  const std::string big = Small::get().model, model = vocabularies::with_charsmap(big, small_charsmap());
  attempt(folder, "spiece.model", model, outcome);
  BOOST_TEST(outcome.loaded == 1);
  const std::size_t pieces = model.find("examples") == std::string::npos ? 6000 : model.find("examples");
  for (int i = 0; i < 700 * rounds(); ++i) attempt(folder, "spiece.model", mutate(model, random, 0, pieces), outcome);
  for (int i = 0; i < 700 * rounds(); ++i)
    attempt(folder, "spiece.model", mutate(model, random, pieces, model.size()), outcome);
  for (int i = 0; i < 100 * rounds(); ++i) attempt(folder, "spiece.model", mutate(big, random, 0, big.size()), outcome);
  BOOST_TEST_MESSAGE("spiece.model: " << outcome.loaded << " loaded, " << outcome.refused << " refused");
  BOOST_TEST(outcome.loaded > 10);
  BOOST_TEST(outcome.refused > 100);

  // The trainer's and the normaliser's settings come last, so that every cut loses some of them.
  Outcome cuts;
  for (std::size_t size = 0; size < model.size(); size += 1 + random() % 64)
    attempt(folder, "spiece.model", model.substr(0, size), cuts);
  BOOST_TEST(cuts.loaded == 0);
}

BOOST_AUTO_TEST_CASE(tokenizer_json) {
  const Folder folder;
  std::mt19937 random(seed());
  Outcome outcome;
  auto file = vocabularies::json_of(vocabularies::with_charsmap(Small::get().model, small_charsmap()));
  const std::string whole = file.dump();
  attempt(folder, "tokenizer.json", whole, outcome);
  BOOST_TEST(outcome.loaded == 1);
  for (int i = 0; i < 1000 * rounds(); ++i)
    attempt(folder, "tokenizer.json", mutate(whole, random, 0, whole.size()), outcome);
  BOOST_TEST_MESSAGE("tokenizer.json: " << outcome.loaded << " loaded, " << outcome.refused << " refused");

  // The character map behind sound base64: the trie itself is hit.
  const std::string map = small_charsmap();
  for (int i = 0; i < 1000 * rounds(); ++i) {
    file["normalizer"]["precompiled_charsmap"] = vocabularies::base64(mutate(map, random, 0, map.size()));
    attempt(folder, "tokenizer.json", file.dump(), outcome);
  }
  BOOST_TEST_MESSAGE("with character maps: " << outcome.loaded << " loaded, " << outcome.refused << " refused");
  BOOST_TEST(outcome.loaded > 10);
  BOOST_TEST(outcome.refused > 100);

  Outcome cuts;
  for (std::size_t size = 0; size < whole.size(); size += 1 + random() % 128)
    attempt(folder, "tokenizer.json", whole.substr(0, size), cuts);
  BOOST_TEST(cuts.loaded == 0);
  attempt(folder, "tokenizer.json", std::string(1000000, '['), cuts);
  BOOST_TEST(cuts.loaded == 0);
}

BOOST_AUTO_TEST_SUITE_END()
