#include <anser/merge/method.hpp>
#include <boost/test/unit_test.hpp>

#include "../io/temporary.hpp"

namespace {

using namespace anser;

BOOST_AUTO_TEST_SUITE(method)

BOOST_AUTO_TEST_CASE(rules_stand_at_their_methods) {
  for (const MergeRule& rule : merge_rules) {
    BOOST_TEST(&rule_of(rule.method) == &rule);
    BOOST_TEST((find_merge_method(rule.name) == rule.method));
  }
  BOOST_TEST(std::size(merge_rules) == std::size_t(MergeMethod::magnitude_prune) + 1);
}

BOOST_AUTO_TEST_CASE(pefts_names_are_understood) {
  BOOST_TEST((find_merge_method("dare_ties_svd") == MergeMethod::dare_ties));
  BOOST_TEST((find_merge_method("magnitude_prune") == MergeMethod::magnitude_prune));
  BOOST_TEST((find_merge_method("ties_svd") == MergeMethod::ties));
  BOOST_TEST((find_merge_method("svd") == MergeMethod::svd));
  CHECK_SAYS(find_merge_method("tie"), "no merge tie", "linear, cat, svd, task-arithmetic, ties");
  CHECK_SAYS(find_merge_method(""), "linear");
}

BOOST_AUTO_TEST_CASE(weights_are_given_or_the_methods_own) {
  MergeOptions o;
  BOOST_TEST((weights_of(o, 4) == std::vector<double>(4, 0.25)));
  for (const auto method :
       {MergeMethod::cat, MergeMethod::task_arithmetic, MergeMethod::ties, MergeMethod::dare_ties}) {
    o.method = method;
    BOOST_TEST((weights_of(o, 4) == std::vector<double>(4, 1)));
  }
  o.weights = {0.5, -1};
  BOOST_TEST((weights_of(o, 2) == o.weights));
  CHECK_SAYS(weights_of(o, 3), "2 weights for 3 experts");
}

BOOST_AUTO_TEST_CASE(ranks_are_given_or_the_methods_own) {
  const std::vector<int> ranks{2, 16, 4};
  MergeOptions o;
  BOOST_TEST(rank_of(o, ranks) == 0);
  o.method = MergeMethod::svd;
  BOOST_TEST(rank_of(o, ranks) == 16);
  o.method = MergeMethod::dare_linear;
  BOOST_TEST(rank_of(o, ranks) == 16);
  o.rank = 3;
  BOOST_TEST(rank_of(o, ranks) == 3);
  o.method = MergeMethod::cat;
  BOOST_TEST(rank_of(o, ranks) == 3);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
