#include <anser/router/concept.hpp>
#include <anser/router/none.hpp>
#include <anser/router/phatgoose.hpp>
#include <anser/router/sigmoid_gate.hpp>
#include <anser/router/uniform.hpp>
#include <boost/test/unit_test.hpp>

namespace anser::test {

template <class P>
using On = typename P::template On<AnyBackend>;

static_assert(explain_router<None>() && explain_router<PhatGoose>() && explain_router<SigmoidGate>() &&
              explain_router<Uniform>());
static_assert(detail::prepares<On<PhatGoose>> && detail::prepares<On<SigmoidGate>> && detail::prepares<On<Uniform>>);
static_assert(!detail::prepares<On<None>>);
static_assert(detail::scores_rows<On<PhatGoose>, AnyBackend>);
static_assert(!detail::scores_rows<On<SigmoidGate>, AnyBackend> && !detail::scores_rows<On<Uniform>, AnyBackend>);
static_assert(!detail::plans<On<PhatGoose>, AnyBackend>);

struct Wordless {};  // no On
struct Voiceless {   // an On that cannot decide
  template <Backend B>
  struct On {
    On(B&, Voiceless, const Site&) {}
    static void visit(auto&, auto&&) {}
  };
};

BOOST_AUTO_TEST_CASE(routers_are_known_by_what_they_offer) {
  BOOST_TEST(Router<PhatGoose>);
  BOOST_TEST(!Router<Wordless>);
  BOOST_TEST(!Router<Voiceless>);
  BOOST_TEST((detail::has_visit<Voiceless, AnyBackend> && !detail::has_route<Voiceless, AnyBackend>));
}

}  // namespace anser::test
