#include <anser/router/hash.hpp>

#include "../ops/host.hpp"
#include "joint.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(hash_hpp)

template <Backend B>
std::vector<std::int32_t> hashed(std::uint64_t seed, const std::vector<std::uint64_t>& text, int index = 0) {
  Site site = joint_site();
  site.index = index;
  auto batch = joint_batch<B>(int(text.size()));
  batch.text = text;
  return joint_router(device<B>(), Hash{seed}, site).plan({device<B>()}, batch).expert.host();
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_text_has_its_expert_whatever_stands_beside_it, B, Backends) {
  std::vector<std::uint64_t> many;
  for (std::uint64_t i = 0; i < 300; ++i) many.push_back(i * 7919);
  const auto who = hashed<B>(1, many);
  std::vector<int> count(4);
  for (const auto e : who) ++count.at(std::size_t(e));
  BOOST_TEST(count[1] == 0);
  for (const int e : {0, 2, 3}) BOOST_TEST(std::abs(count[std::size_t(e)] - 100) < 41);  // five standard deviations
  BOOST_TEST(hashed<B>(1, {many.back()})[0] == who.back());
  BOOST_TEST((hashed<B>(2, many) != who));
  BOOST_TEST((hashed<B>(1, many, 1) != who));
}

BOOST_AUTO_TEST_CASE(it_needs_the_texts) {
  using B = Cpu<float>;
  BOOST_CHECK_EXCEPTION(joint_router(device<B>(), Hash{}).plan({device<B>()}, joint_batch<B>(2)), Error,
                        says("needs to know the 2 texts, and knows 0"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
