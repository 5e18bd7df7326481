#include <anser/module/concept.hpp>
#include <anser/module/lora.hpp>
#include <anser/module/none.hpp>
#include <boost/test/unit_test.hpp>

namespace anser::test {

struct Silent {  // forward without an On is no module
};
struct Merging {  // averages parameters, mixes no outputs
  template <Backend B>
  struct On {
    static void visit(auto&, auto&&) {}
    Real<B> forward(const Context<B>&, const Host<B>& host, const Tensor<B>& x, const ParameterRouting<B>&) const {
      return host(x);
    }
  };
};

using Outputs = OutputRouting<AnyBackend>;
using Parameters = ParameterRouting<AnyBackend>;
static_assert(Module<Lora, Outputs> && Module<NoModule, Outputs>);
static_assert(Module<Lora, Parameters> && !Module<NoModule, Parameters>);
static_assert(Module<Merging, Parameters> && !Module<Merging, Outputs>);
static_assert(!Module<Silent, Outputs>);

BOOST_AUTO_TEST_CASE(modules_say_what_they_can_be_told) {
  BOOST_TEST((Module<Lora, Outputs>));
  BOOST_TEST((Module<Lora, Parameters>));
  BOOST_TEST((!Module<NoModule, Parameters>));
}

}  // namespace anser::test
