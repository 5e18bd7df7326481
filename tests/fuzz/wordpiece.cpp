// A sentence encoder's vocabulary cut and changed anywhere: a tokenizer that works, or one Error.
#include <anser/core/error.hpp>
#include <anser/io/wordpiece.hpp>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <random>

#include "../io/temporary.hpp"

namespace {

using anser::BertTokenizer;

/// ANSER_FUZZ_ROUNDS multiplies the numbers of mutants; ANSER_FUZZ_SEED changes them.
unsigned from_environment(const char* name) {
  const char* given = std::getenv(name);
  return given ? unsigned(std::max(1, std::atoi(given))) : 1;
}

/// One to three bytes changed, runs moved or taken out; or the file cut off.
std::string mutate(std::string s, std::mt19937& random) {
  const auto below = [&](std::size_t n) { return n ? random() % n : 0; };
  for (std::size_t changes = 1 + below(3); changes-- > 0 && !s.empty();) {
    const std::size_t at = below(s.size()), from = below(s.size());
    const std::size_t run = std::min({1 + below(12), s.size() - at, s.size() - from});
    switch (below(5)) {
      case 0: s[at] = char(below(256)); break;
      case 1: s.replace(at, run, s.substr(from, run)); break;
      case 2: s.erase(at, run); break;
      case 3: s.insert(at, s.substr(from, run)); break;
      default:
        if (below(8) == 0) s.resize(at);
    }
  }
  return s;
}

void fuzz(const std::string& name, unsigned rounds) {
  const io_test::Folder folder;
  const std::string whole = io_test::read(std::string(ANSER_TEST_GOLDEN_DIR) + "/bert/model/" + name);
  BOOST_TEST_REQUIRE(!whole.empty());
  std::mt19937 random(from_environment("ANSER_FUZZ_SEED"));
  const std::string texts[] = {"The unbelievable caf\u00e9, \u4e2d\u6587 [MASK] running.",
                               "\xff\xc3 \u1e9b\u0323\ud55c", std::string(300, 'a'), ""};
  unsigned read = 0, refused = 0;
  for (unsigned i = 0; i < rounds; ++i) {
    const std::string bytes = i ? mutate(whole, random) : whole;
    try {
      const auto t = BertTokenizer::load(folder.write(name, bytes));
      for (const auto& text : texts) {
        const auto ids = t.encode(text, 64);
        anser::check(ids.size() >= 2 && ids.size() <= 64, "the text grew without bound");
        for (const auto id : ids) t.piece(id);
      }
      ++read;
    } catch (const anser::Error& e) {
      const std::string said = e.what();
      if (said.find(folder.path()) == said.npos || said.find('\n') != said.npos || said.size() > 4000)
        BOOST_ERROR("an error of another form: " + said);
      ++refused;
    }
  }
  BOOST_TEST_MESSAGE(name << ": " << read << " read, " << refused << " refused");
  BOOST_TEST(read > 0u);
  BOOST_TEST(refused > rounds / 50);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(wordpiece_vocabularies)

BOOST_AUTO_TEST_CASE(text_and_json) {
  const unsigned rounds = from_environment("ANSER_FUZZ_ROUNDS");
  fuzz("vocab.txt", 3000 * rounds);
  fuzz("tokenizer.json", 3000 * rounds);
}

BOOST_AUTO_TEST_SUITE_END()
