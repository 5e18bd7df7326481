#include <anser/ops/low_rank_kernels.hpp>

#include "../gradient.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(low_rank_kernels)

/// A team of one that is not Solo: it runs the form that GPUs run.
struct Alone : Solo {};

/// One expert of rank 3 and one of rank 2, both heard by each of four rows.
struct Setting {
  static constexpr int rows = 4, in = 7, out = 9, k = 2, rank = 3;
  std::vector<double> a = numbers(2 * rank * in, 1), b = numbers(2 * rank * out, 2), x = numbers(rows * in, 3),
                      dy = numbers(rows * out, 4), z = numbers(rows * k * rank, 5), weight = numbers(rows * k, 6);
  std::vector<std::int32_t> expert{0, 1, 1, 0, 0, -1, 1, 0};
  std::vector<LowRank<double>> table{{a.data(), b.data(), 3, 0.5},
                                     {a.data() + rank * in, b.data() + rank* out, 2, 0.25}};
};

void check_equal(const std::vector<double>& one, const std::vector<double>& other) {
  BOOST_TEST_REQUIRE(one.size() == other.size());
  for (std::size_t i = 0; i < one.size(); ++i) BOOST_TEST(std::abs(one[i] - other[i]) < 1e-12);
}

BOOST_AUTO_TEST_CASE(both_forms_of_the_way_back_through_b_agree) {
  using S = Setting;
  const S s;
  std::vector<double> g[2], dweight[2];
  for (const int form : {0, 1}) {
    g[form].assign(S::rows * S::k * S::rank, 0);
    dweight[form].assign(S::rows * S::k, 1);
    const kernel::LowRankUpBackward<double> kernel{s.table.data(),
                                                   s.expert.data(),
                                                   {s.dy.data(), S::out},
                                                   {s.z.data(), S::rank},
                                                   {s.z.data(), S::rank},
                                                   {g[form].data(), S::rank},
                                                   dweight[form].data(),
                                                   S::out,
                                                   S::k,
                                                   Activation::none};
    for (int slot = 0; slot < S::rows * S::k; ++slot)
      if (form == 0)
        kernel(Solo{}, slot);
      else
        kernel(Alone{}, slot);
  }
  check_equal(g[0], g[1]);
  check_equal(dweight[0], dweight[1]);
  BOOST_TEST(g[0][5 * S::rank] == 0);  // nobody is heard there
  BOOST_TEST(dweight[0][5] == 1);
}

BOOST_AUTO_TEST_CASE(both_forms_of_the_way_back_through_a_agree) {
  using S = Setting;
  const S s;
  std::vector<double> dx[2];
  for (const int form : {0, 1}) {
    dx[form].assign(S::rows * S::in, 2);
    const kernel::LowRankDownBackward<double> kernel{
        s.table.data(), s.expert.data(), s.weight.data(), {s.z.data(), S::rank}, {dx[form].data(), S::in}, S::in, S::k};
    for (int row = 0; row < S::rows; ++row)
      if (form == 0)
        kernel(Solo{}, row);
      else
        kernel(Alone{}, row);
  }
  check_equal(dx[0], dx[1]);
  BOOST_TEST(dx[0][0] != 2);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
