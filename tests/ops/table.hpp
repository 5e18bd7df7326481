#pragma once
#include <anser/ops/table.hpp>

#include "../gradient.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(table_hpp)

struct Place {
  std::int32_t row;
  float weight;
};

BOOST_AUTO_TEST_CASE_TEMPLATE(entries_arrive_bit_by_bit, B, Backends) {
  const std::vector<Place> places{{7, 0.5f}, {-1, 2}, {3, -4}};
  const auto table = upload_table(device<B>(), places);
  std::vector<Place> back(places.size());
  device<B>().download(back.data(), entries<Place>(table), back.size() * sizeof(Place));
  for (std::size_t i = 0; i < places.size(); ++i) {
    BOOST_TEST(back[i].row == places[i].row);
    BOOST_TEST(back[i].weight == places[i].weight);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
