#include <anser/router/tag.hpp>

#include "../ops/host.hpp"
#include "joint.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(tag_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(each_task_has_its_expert, B, Backends) {
  const Context<B> cx{device<B>()};
  auto batch = joint_batch<B>(3);
  batch.task = {2, 0, 1};
  const auto x = joint_rows(device<B>(), 3);
  const auto r = joint_router(device<B>(), Tag{{0, 3, 1}, {}}).route(cx, x, batch);
  BOOST_TEST((r.expert.host() == std::vector<std::int32_t>{-1, 0, 3}));  // expert 1 is not here
  for (const auto w : r.weight.host()) BOOST_TEST(double(w) == 1);
  // Two tasks that share an expert in the encoder, and there alone.
  const Tag shared{{0, 3, 1}, {0, 3, 3}};
  BOOST_TEST(
      (joint_router(device<B>(), shared).route(cx, x, batch).expert.host() == std::vector<std::int32_t>{3, 0, 3}));
  BOOST_TEST((joint_router(device<B>(), shared, joint_site(Stack::decoder)).plan(cx, batch).expert.host() ==
              std::vector<std::int32_t>{-1, 0, 3}));
}

BOOST_AUTO_TEST_CASE(tasks_have_to_be_known) {
  using B = Cpu<float>;
  const Context<B> cx{device<B>()};
  BOOST_CHECK_EXCEPTION(joint_router(device<B>(), Tag{{0, 4}, {}}), Error,
                        says("has the expert 4, and the pool has 4"));
  const auto on = joint_router(device<B>(), Tag{{0, 2}, {}});
  auto batch = joint_batch<B>(2);
  BOOST_CHECK_EXCEPTION(on.route(cx, joint_rows(device<B>(), 2), batch), Error, says("0 tasks are given for 2"));
  batch.task = {0, 2};
  BOOST_CHECK_EXCEPTION(on.route(cx, joint_rows(device<B>(), 2), batch), Error, says("the task 2 is given, and 2"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
