#include <anser/nn/spectrum.hpp>

#include "../module/pool.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(spectrum_hpp)

BOOST_AUTO_TEST_CASE(vectors_and_values_of_a_symmetric_matrix) {
  for (const int n : {1, 2, 5, 16}) {
    auto half = numbers(std::size_t(n * n), std::uint64_t(n));
    const auto a = product_t(half, half, n, n, n);
    const Spectrum s = symmetric_spectrum(a, n);
    // A v = value v, vectors of length 1 at right angles, largest first.
    check_near(
        product_t(s.vectors, a, n, n, n),
        [&] {
          auto v = s.vectors;
          for (std::size_t i = 0; i < v.size(); ++i) v[i] *= s.values[i / std::size_t(n)];
          return v;
        }(),
        1e-10, "A v");
    std::vector<double> one(std::size_t(n * n));
    for (int i = 0; i < n; ++i) one[std::size_t(i * n + i)] = 1;
    check_near(product_t(s.vectors, s.vectors, n, n, n), one, 1e-10, "V Vt");
    BOOST_TEST(std::is_sorted(s.values.rbegin(), s.values.rend()));
  }
  BOOST_TEST((symmetric_spectrum(std::vector<double>(4), 2).values == std::vector<double>{0, 0}));
  BOOST_CHECK_EXCEPTION(symmetric_spectrum({1, 2}, 2), Error, says("no 2 x 2"));
}

// The rows' Gram matrix is that of B A, and they are at right angles, longest first.
BOOST_AUTO_TEST_CASE(rows_of_a_product) {
  constexpr int in = 7, out = 5;
  for (const int rank : {1, 3, 6}) {
    const auto a = numbers(std::size_t(rank * in), 1), b = numbers(std::size_t(out * rank), 2);
    std::vector<double> columns(std::size_t(in * rank));  // of A
    for (int i = 0; i < rank; ++i)
      for (int j = 0; j < in; ++j) columns[std::size_t(j * rank + i)] = a[std::size_t(i * in + j)];
    const auto dense_t = product_t(columns, b, in, out, rank);  // (BA)ᵀ [in, out]
    const auto rows = spectral_rows(floats(a), floats(b), rank, in, out);
    std::vector<double> turned(rows.size());  // [in, rank]
    for (int i = 0; i < rank; ++i)
      for (int j = 0; j < in; ++j) turned[std::size_t(j * rank + i)] = rows[std::size_t(i * in + j)];
    check_near(product_t(turned, turned, in, in, rank), product_t(dense_t, dense_t, in, in, out), 1e-6, "(BA)t BA");
    const std::vector<double> wide(rows.begin(), rows.end());
    const auto gram = product_t(wide, wide, rank, rank, in);
    for (int i = 0; i < rank; ++i)
      for (int j = 0; j < rank; ++j) {
        const double g = gram[std::size_t(i * rank + j)];
        if (i != j) BOOST_TEST(std::fabs(g) < 1e-5 * gram[0]);
        if (i == j && i > 0) BOOST_TEST(g <= gram[std::size_t((i - 1) * (rank + 1))] * (1 + 1e-6));
      }
  }
}

BOOST_AUTO_TEST_CASE(what_an_expert_lacks_is_said) {
  const Site site = linear_site(4, 3);
  auto pool = lora_pool({site}, {2});
  BOOST_TEST(lora_spectrum(pool[0], site.name).size() == 8u);
  BOOST_CHECK_EXCEPTION(lora_spectrum(pool[0], "elsewhere"), Error, says("elsewhere.lora_A.weight is missing"));
  const auto broken = std::make_shared<MemorySource>("pool/e0/adapter_model.safetensors");
  broken->add(site.name + ".lora_A.weight", {1, 4}, {1, 2, NAN, 4});
  broken->add(site.name + ".lora_B.weight", {3, 1}, {1, 2, 3});
  pool[0].tensors = broken;
  BOOST_CHECK_EXCEPTION(lora_spectrum(pool[0], site.name), Error,
                        says("lora_A.weight holds a number that is not finite"));
  pool[0].kind = "IA3";
  BOOST_CHECK_EXCEPTION(lora_spectrum(pool[0], site.name), Error, says("no matrices to decompose"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
