#include <anser/eval/metrics.hpp>
#include <boost/test/unit_test.hpp>

namespace {

using namespace anser;

struct Compared {
  const char *prediction, *target, *normal;  // SQuAD's normal form of the prediction
  bool squad_same;
  double f1, rouge;
};

// By the normalisation and F1 of SQuAD's evaluate-v1.1.py (with 2.0's rule for answers without words), and by the
// Python package rouge_score 0.1.2: RougeScorer(['rougeL']).score(target, prediction).
const Compared compared[] = {
    {"the cat sat on the mat", "The cat is on the mat.", "cat sat on mat", false, 0.75, 0.8333333333333334},
    {"police killed the gunman", "the gunman killed police", "police killed gunman", false, 1.0, 0.5},
    {"a b c d e f g", "g a c b d f e h", "b c d e f g", false, 0.923076923076923, 0.5333333333333333},
    {"The  Eiffel\tTower", "eiffel tower!", "eiffel tower", true, 1.0, 0.8},
    {"an apple, an orange and the pear", "apple orange pear", "apple orange and pear", false, 0.8571428571428571, 0.6},
    {"twenty-one", "twenty one", "twentyone", false, 0.0, 1.0},
    {"it's", "its", "its", true, 1.0, 0.0},
    {"(A)", "(B)", "", false, 0.0, 0.0},
    {"", "the", "", true, 1.0, 0.0},
    {"", "x", "", false, 0.0, 0.0},
    {"Élan vital", "élan Vital", "élan vital", true, 1.0, 1.0},
    {"café au lait", "Café au Lait!", "café au lait", true, 1.0, 1.0},
    {"the—man", "man", "—man", false, 0.0, 0.6666666666666666},
    {"“the” man", "man", "“ ” man", false, 0.5, 0.6666666666666666},
    {"a\u0301b", "b", "\u0301b", false, 0.0, 0.6666666666666666},
    {"naïve A* search", "naive search", "naïve search", false, 0.5, 0.3333333333333333},
    {"3 kg of fish, 4 kg of fish", "4 kg of fish; 3 kg of fish", "3 kg of fish 4 kg of fish", false, 1.0, 0.75},
    {"one one two", "one two two", "one one two", false, 0.6666666666666666, 0.6666666666666666},
    {"theatre another an", "theatre another", "theatre another", true, 1.0, 0.8},
    {"STRASSE Ω", "strasse ω", "strasse ω", true, 1.0, 1.0},
    {"the£5", "5", "£5", false, 0.0, 0.6666666666666666},
    {"「a」漢 the！", "漢", "「 」漢 ！", false, 0.0, 0.0},
    {"x\u00a0the\u3000y", "x y", "x y", true, 1.0, 0.8},
    {"under_score a_b", "under score ab", "underscore ab", false, 0.4, 0.5714285714285715},
    {"İstanbul \u212a", "istanbul k", "i\u0307stanbul k", false, 0.5, 0.4},
};

BOOST_AUTO_TEST_CASE(as_squad_and_rouge_score) {
  for (const auto& c : compared) {
    BOOST_TEST_CONTEXT("'" << c.prediction << "' for '" << c.target << "'") {
      BOOST_TEST(normal_answer(c.prediction) == c.normal);
      BOOST_TEST(squad_exact_match(c.prediction, c.target) == double(c.squad_same));
      BOOST_TEST(token_f1(c.prediction, c.target) == c.f1, boost::test_tools::tolerance(1e-14));
      BOOST_TEST(token_f1(c.target, c.prediction) == c.f1, boost::test_tools::tolerance(1e-14));
      BOOST_TEST(rouge_l(c.prediction, c.target) == c.rouge, boost::test_tools::tolerance(1e-14));
      BOOST_TEST(rouge_l(c.target, c.prediction) == c.rouge, boost::test_tools::tolerance(1e-14));
    }
  }
}

BOOST_AUTO_TEST_CASE(worked_by_hand) {
  // Three of the prediction's four words are among the target's five: 2 * 3 / (4 + 5).
  BOOST_TEST(token_f1("red fish swim fast", "fish fish red swim slowly") == 6.0 / 9,
             boost::test_tools::tolerance(1e-15));
  // The longest common subsequence of "w x y z" and "x w z v" has two words ("x z" or "w z"): 2 * 2 / (4 + 4).
  BOOST_TEST(rouge_l("w x y z", "x w z v") == 0.5);
  BOOST_TEST((rouge_words("Don't stop-me, 2nd!") == std::vector<std::string>{"don", "t", "stop", "me", "2nd"}));
}

BOOST_AUTO_TEST_CASE(a_text_matches_exactly_but_for_white_space) {
  BOOST_TEST(exact_match("  two \t kg\n", "two kg") == 1.0);
  BOOST_TEST(exact_match("(A)", "(A)") == 1.0);
  for (const char* other : {"(a)", "A", "(A).", "", "( A )"}) BOOST_TEST(exact_match(other, "(A)") == 0.0, other);
  BOOST_TEST(exact_match("twokg", "two kg") == 0.0);
  BOOST_TEST(exact_match("", " ") == 1.0);
  BOOST_TEST(exact_match("\xff x", "\xff x") == 1.0);
}

}  // namespace
