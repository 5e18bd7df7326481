#include <anser/nn/layer.hpp>
#include <anser/t5.hpp>
#include <set>

#include "../golden.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(layer_hpp)

using B = Cpu<float>;

static_assert(Layer<T5Model<B>> && Layer<LinearGroup<B>> && !Layer<Tensor<B>>);

// A model names its parameters once, and Hugging Face's names are those names.
BOOST_AUTO_TEST_CASE(walked_names_are_those_of_the_file) {
  for (const std::string name : {"v1_0", "v1_0_dkv", "v1_1", "v1_1_tied"}) {
    auto model = golden_model<B>(name);
    std::set<std::string> walked, stored;
    walk(*model, [&](const std::string& n, auto&) { BOOST_TEST(walked.insert(n).second, n << " comes twice"); });
    for (const auto& n : ModelDirectory::open(golden(name))->names())
      if (!n.ends_with(".embed_tokens.weight")) stored.insert(n);  // other names of shared.weight
    stored.insert("shared.weight");
    BOOST_TEST(walked == stored, boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(a_const_layer_is_walked_too) {
  const auto model = golden_model<B>("v1_1");
  std::size_t numbers = 0;
  const T5Model<B>& frozen = *model;
  walk(frozen, [&](const std::string&, const auto& t) { numbers += t.shape().size(); });
  BOOST_TEST(numbers > 1000u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
