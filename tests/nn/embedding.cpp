#include <anser/nn/embedding.hpp>

#include "../ops/host.hpp"
#include "fill.hpp"

namespace anser::test {

BOOST_AUTO_TEST_CASE_TEMPLATE(embeddings_are_rows_by_id, B, Backends) {
  B& on = device<B>();
  Embedding<B> table{Tensor<B>(on, {5, 3})};
  fill<B>(table, 40, 1);
  const auto all = numbers(15, 40);
  std::vector<double> expected;
  for (int id : {4, 0, 4, 2})
    for (int j = 0; j < 3; ++j) expected.push_back(all[std::size_t(id * 3 + j)]);
  const auto y = table.forward({on}, indices(on, {2, 2}, {4, 0, 4, 2}));
  BOOST_TEST((y.shape() == Shape{4, 3}));
  BOOST_TEST((doubles(y.host()) == expected));
}

}  // namespace anser::test
