// What the compiled library holds of BERT is found by the linker and equals what a program would compile for itself.
#include <anser/bert.hpp>
#include <anser/cpu.hpp>

#include "../golden.hpp"

namespace anser::test {

BOOST_AUTO_TEST_CASE(the_compiled_encoder_runs) {
  const SentenceEncoder<Cpu<float>> encoder(device<Cpu<float>>(), golden("bert/model"));
  const auto y = encoder.embed({"the cat", "the cat sat", "the cat"});
  BOOST_TEST_REQUIRE(y.size() == 96u);
  for (std::size_t j = 0; j < 32; ++j) BOOST_CHECK_SMALL(double(y[j]) - double(y[64 + j]), 1e-6);
  double cosine = 0;
  for (std::size_t j = 0; j < 32; ++j) cosine += double(y[j]) * double(y[32 + j]);
  BOOST_TEST(cosine < 0.9999);
}

}  // namespace anser::test
