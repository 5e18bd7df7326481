#include <anser/router/hash.hpp>

#include "../ops/host.hpp"
#include "joint.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(hash_hpp)

template <Backend B>
std::vector<std::int32_t> hashed(std::uint64_t seed, const std::vector<std::int32_t>& ids, int tokens,
                                 const std::vector<std::int32_t>& mask = {}, int index = 0) {
  Site site = joint_site();
  site.index = index;
  const auto on = joint_router(device<B>(), Hash{seed}, site);
  const int n = int(ids.size()) / tokens;
  auto batch = joint_batch<B>(n);
  batch.input_ids = indices(device<B>(), {n, tokens}, ids);
  if (!mask.empty()) batch.encoder_mask = indices(device<B>(), {n, tokens}, mask);
  return on.route({device<B>()}, joint_rows(device<B>(), n), batch).expert.host();
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_text_has_its_expert_whatever_stands_beside_it, B, Backends) {
  std::vector<std::int32_t> many;
  for (int i = 0; i < 900; ++i) many.push_back(i * 7 % 31 + i / 31);
  const auto who = hashed<B>(1, many, 3);
  std::vector<int> count(4);
  for (const auto e : who) ++count.at(std::size_t(e));
  BOOST_TEST(count[1] == 0);
  for (const int e : {0, 2, 3}) BOOST_TEST(std::abs(count[std::size_t(e)] - 100) < 41);  // five standard deviations
  const std::vector<std::int32_t> last(many.end() - 3, many.end());
  BOOST_TEST(hashed<B>(1, last, 3)[0] == who.back());
  // Padding is not read.
  std::vector<std::int32_t> padded = last;
  padded.insert(padded.end(), {0, 0});
  BOOST_TEST(hashed<B>(1, padded, 5, {1, 1, 1, 0, 0})[0] == who.back());
  BOOST_TEST((hashed<B>(2, many, 3) != who));
  BOOST_TEST((hashed<B>(1, many, 3, {}, 1) != who));
}

BOOST_AUTO_TEST_CASE(it_needs_the_ids) {
  using B = Cpu<float>;
  BOOST_CHECK_EXCEPTION(
      joint_router(device<B>(), Hash{}).route({device<B>()}, joint_rows(device<B>(), 1), joint_batch<B>(1)), Error,
      says("needs the input's ids"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
