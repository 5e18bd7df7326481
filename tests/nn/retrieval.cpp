#include <anser/nn/retrieval.hpp>

#include "../module/pool.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(retrieval_hpp)

/// Experts with these vectors, two numbers each; none: no embeddings.
std::vector<Expert> embedded(const std::vector<std::vector<float>>& vectors, int width = 2) {
  std::vector<Expert> pool;
  for (const auto& v : vectors) {
    Expert e;
    e.name = "e" + std::to_string(pool.size());
    const auto source = std::make_shared<MemorySource>("pool/" + e.name + "/embeddings.safetensors");
    if (!v.empty()) {
      source->add("embeddings", {int(v.size()) / width, width}, v);
      e.embeddings = source->find("embeddings");
    }
    e.tensors = source;
    pool.push_back(std::move(e));
  }
  return pool;
}

BOOST_AUTO_TEST_CASE(the_nearest_text_has_the_say) {
  const auto pool = embedded({{3, 0, 0, 1}, {-1, 0, 5, 5}, {0, -2}});
  const RetrievalIndex index(pool);
  BOOST_TEST(index.width() == 2);
  const auto nearest = [&](float x, float y) { return index.nearest(std::vector<float>{x, y}); };
  BOOST_TEST(nearest(1, 0.1f) == 0);
  BOOST_TEST(nearest(0.1f, 7) == 0);
  BOOST_TEST(nearest(2, 2.1f) == 1);  // by the angle: the length of what is stored says nothing
  BOOST_TEST(nearest(-4, 0) == 1);
  BOOST_TEST(nearest(0.1f, -1) == 2);
  BOOST_TEST(nearest(0, 0) == 0);  // near to nobody: the first
}

BOOST_AUTO_TEST_CASE(what_is_missing_or_broken_is_named) {
  const auto index = [](const std::vector<Expert>& pool) { return RetrievalIndex(pool).width(); };
  BOOST_CHECK_EXCEPTION(index(embedded({{1, 0}, {}, {}})), Error, says("these experts have none: e1, e2"));
  auto pool = embedded({{1, 0}});
  pool.push_back(embedded({{1, 0, 0}}, 3)[0]);
  BOOST_CHECK_EXCEPTION(index(pool), Error, says("embed all with one encoder"));
  BOOST_CHECK_EXCEPTION(index(embedded({{1, NAN}})), Error, says("not finite"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
