#include <anser/nn/expert.hpp>
#include <boost/test/unit_test.hpp>

namespace anser::test {

BOOST_AUTO_TEST_CASE(an_expert_has_the_sites_that_it_names) {
  Expert e;
  BOOST_TEST(!e.has("a"));
  e.sites = {"a.k", "a.q", "b.q"};
  for (const char* site : {"a.k", "a.q", "b.q"}) BOOST_TEST(e.has(site));
  for (const char* site : {"a", "a.", "a.q.", "b.k", "", "c"}) BOOST_TEST(!e.has(site));
}

}  // namespace anser::test
