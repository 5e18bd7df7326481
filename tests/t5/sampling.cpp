#include <anser/t5/sampling.hpp>
#include <array>
#include <set>

#include "../gradient.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(sampling_hpp)

/// Logits of these probabilities.
std::vector<float> logits_of(const std::vector<double>& p) {
  std::vector<float> l;
  for (double v : p) l.push_back(float(std::log(v)));
  return l;
}
/// Who can be drawn at all.
std::set<int> drawn(const Sampling& s, const std::vector<float>& logits) {
  std::set<int> who;
  for (int i = 0; i < 1000; ++i) who.insert(s.draw(logits, i / 1000.0));
  return who;
}

BOOST_AUTO_TEST_CASE(the_uniform_number_decides_largest_first) {
  const auto l = logits_of({0.2, 0.5, 0.3});
  const Sampling s{.temperature = 1, .top_k = 0};
  BOOST_TEST(s.draw(l, 0) == 1);
  BOOST_TEST(s.draw(l, 0.499) == 1);
  BOOST_TEST(s.draw(l, 0.501) == 2);
  BOOST_TEST(s.draw(l, 0.799) == 2);
  BOOST_TEST(s.draw(l, 0.801) == 0);
  BOOST_TEST(s.draw(l, 0x1.fffffffffffffp-1) == 0);
}

BOOST_AUTO_TEST_CASE(top_k_keeps_the_largest_the_lower_id_first) {
  const auto l = logits_of({0.2, 0.3, 0.2, 0.1, 0.2});
  BOOST_TEST((drawn({.top_k = 1}, l) == std::set<int>{1}));
  BOOST_TEST((drawn({.top_k = 2}, l) == std::set<int>{0, 1}));
  BOOST_TEST((drawn({.top_k = 3}, l) == std::set<int>{0, 1, 2}));
  BOOST_TEST(drawn({.top_k = 0}, l).size() == 5u);
  BOOST_TEST(drawn({.top_k = 100}, l).size() == 5u);
}

BOOST_AUTO_TEST_CASE(top_p_keeps_the_smallest_set_that_reaches_it) {
  const auto l = logits_of({0.5, 0.25, 0.125, 0.125});
  BOOST_TEST((drawn({.top_k = 0, .top_p = 0.01}, l) == std::set<int>{0}));  // one always remains
  BOOST_TEST((drawn({.top_k = 0, .top_p = 0.499}, l) == std::set<int>{0}));
  BOOST_TEST((drawn({.top_k = 0, .top_p = 0.51}, l) == std::set<int>{0, 1}));
  BOOST_TEST((drawn({.top_k = 0, .top_p = 0.76}, l) == std::set<int>{0, 1, 2}));
  BOOST_TEST(drawn({.top_k = 0, .top_p = 1}, l).size() == 4u);
  // of what top-k left: 0.5 and 0.25 become 2/3 and 1/3
  BOOST_TEST((drawn({.top_k = 2, .top_p = 0.6}, l) == std::set<int>{0}));
  BOOST_TEST((drawn({.top_k = 2, .top_p = 0.7}, l) == std::set<int>{0, 1}));
  // equal logits: sums are exact, so that half of them is reached by two
  BOOST_TEST((drawn({.top_k = 0, .top_p = 0.5}, {1, 1, 1, 1}) == std::set<int>{0, 1}));
}

BOOST_AUTO_TEST_CASE(frequencies_are_the_probabilities) {
  constexpr int n = 20000;
  for (double temperature : {0.5, 1.0, 2.0}) {
    const std::vector<float> l{0.3f, -1.f, 1.2f, 0.f, -0.4f};
    std::array<double, 5> p{};
    double total = 0, chi = 0;
    for (std::size_t i = 0; i < p.size(); ++i) total += p[i] = std::exp(double(l[i]) / temperature);
    std::array<int, 5> seen{};
    const Random random{11, std::uint64_t(temperature * 10)};
    for (int i = 0; i < n; ++i)
      ++seen[std::size_t(Sampling{temperature, 0, 1}.draw(l, random.uniform_double(std::uint64_t(i))))];
    for (std::size_t i = 0; i < p.size(); ++i) {
      const double expected = n * p[i] / total;
      chi += (seen[i] - expected) * (seen[i] - expected) / expected;
    }
    BOOST_TEST(chi < 18.5);  // 4 degrees of freedom: exceeded once in a thousand, and the draws are fixed
  }
}

BOOST_AUTO_TEST_CASE(cold_draws_are_the_largest_however_large) {
  BOOST_TEST((drawn({.temperature = 1e-6, .top_k = 0}, {-3e38f, 5.f, 3e38f}) == std::set<int>{2}));
}

BOOST_AUTO_TEST_CASE(settings_without_meaning_are_refused) {
  const auto refuse = [](Sampling s, const std::string& words) {
    BOOST_CHECK_EXCEPTION(s.validate(), Error, says(words));
  };
  refuse({.temperature = 0}, "temperature 0 is not above 0");
  refuse({.temperature = NAN}, "temperature");
  refuse({.top_k = -1}, "top-k -1 is negative");
  refuse({.top_p = 0}, "top-p 0 is not in (0, 1]");
  refuse({.top_p = 1.5}, "top-p 1.5");
  BOOST_CHECK_NO_THROW(Sampling{}.validate());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
