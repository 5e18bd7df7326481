#include "anser/backend/squad.hpp"

#include <boost/test/unit_test.hpp>
#include <vector>

using namespace anser;

BOOST_AUTO_TEST_SUITE(squad_team)

namespace {
/// Every member learns the sum and the largest number of a row, and reads what another member wrote before.
struct Reduce {
  const double* x;  // [rows, cols]
  double* sum;      // [rows, threads]
  double* max;
  int cols;
  template <class Team>
  void operator()(Team team, int r) const {
    const double* row = x + std::ptrdiff_t(r) * cols;
    double s = 0, m = row[0];
    for (int i = team.rank(); i < cols; i += team.size()) s += row[i], m = row[i] > m ? row[i] : m;
    sum[r * team.size() + team.rank()] = team.sum(s);
    max[r * team.size() + team.rank()] = team.max(m);
  }
};
struct Exchange {
  int* written;  // [threads]
  int* read;     // [rows, threads]
  template <class Team>
  void operator()(Team team, int r) const {
    written[team.rank()] = r * 10 + team.rank();
    team.sum(0);  // a barrier, too
    read[r * team.size() + team.rank()] = written[(team.rank() + 1) % team.size()];
  }
};
}  // namespace

BOOST_AUTO_TEST_CASE(all_members_get_the_result) {
  Squad<float> device;
  const int rows = 50, cols = 7, team = Squad<float>::threads;
  std::vector<double> x;
  for (int i = 0; i < rows * cols; ++i) x.push_back(i * 37 % 101 - 50);
  std::vector<double> sum(std::size_t(rows * team)), max(sum);
  device.for_rows(rows, std::size_t(cols), Reduce{x.data(), sum.data(), max.data(), cols});
  for (int r = 0; r < rows; ++r) {
    double s = 0, m = -1000;
    for (int i = 0; i < cols; ++i) s += x[std::size_t(r * cols + i)], m = std::max(m, x[std::size_t(r * cols + i)]);
    for (int t = 0; t < team; ++t) {
      BOOST_TEST(sum[std::size_t(r * team + t)] == s);
      BOOST_TEST(max[std::size_t(r * team + t)] == m);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_reduction_is_a_barrier_and_rows_follow_one_another) {
  Squad<float> device;
  const int rows = 50, team = Squad<float>::threads;
  std::vector<int> written(std::size_t(team), 0), read(std::size_t(rows * team));
  device.for_rows(rows, 1, Exchange{written.data(), read.data()});
  for (int r = 0; r < rows; ++r)
    for (int t = 0; t < team; ++t) BOOST_TEST(read[std::size_t(r * team + t)] == r * 10 + (t + 1) % team);
}

/// Its whole purpose is to run row kernels, so what replaces them on the CPU is not offered.
template <class B>
constexpr bool offers_whole_requests = requires(B& b, const Attention<float, float>& a,
                                                const GroupedLowRank<float, float>& g) {
  b.attend(a);
  b.low_rank(g);
};
static_assert(offers_whole_requests<Cpu<float>> && !offers_whole_requests<Squad<float>>);

BOOST_AUTO_TEST_SUITE_END()
