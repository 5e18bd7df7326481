#include <anser/router/spectr.hpp>

#include "../module/pool.hpp"
#include "../ops/host.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(spectr_hpp)

constexpr int width = 4, out = 3, rows = 5;

/// Logits [rows, candidates]: the length of B A u, or for Arrow its share along the direction that is stretched most,
/// found by power iteration on the dense product.
std::vector<double> logits(const Site& site, const std::vector<int>& ranks, const std::vector<double>& x, bool arrow) {
  std::vector<double> y;
  for (int r = 0; r < rows; ++r)
    for (std::size_t e = 0; e < ranks.size(); ++e) {
      if (!ranks[e]) continue;
      const auto u = part(x, width, r, 1, 0, width);
      const auto apply = [&](const std::vector<double>& v) {
        return product_t(product_t(v, lora_a(site, ranks[e], e), 1, ranks[e], width), lora_b(site, ranks[e], e), 1, out,
                         ranks[e]);
      };
      std::vector<double> dense(width * out);  // (BA)ᵀ
      for (int i = 0; i < width; ++i) {
        std::vector<double> unit(width);
        unit[std::size_t(i)] = 1;
        const auto column = apply(unit);
        std::copy(column.begin(), column.end(), dense.begin() + i * out);
      }
      std::vector<double> v(width, 1);
      for (int step = 0; step < 2000; ++step) {
        std::vector<double> next(width);
        const auto image = apply(v);
        double length = 0;
        for (std::size_t i = 0; i < width; ++i) {
          for (std::size_t o = 0; o < out; ++o) next[i] += dense[i * out + o] * image[o];
          length += next[i] * next[i];
        }
        for (std::size_t i = 0; i < width; ++i) v[i] = next[i] / std::sqrt(length);
      }
      double s = 0;
      if (arrow)
        s = std::fabs(product_t(u, v, 1, 1, width)[0]);
      else
        for (const double d : apply(u)) s += d * d;
      y.push_back(arrow ? s : std::sqrt(s));
    }
  return y;
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_most_stretched_are_heard, B, Backends) {
  using E = typename B::element;
  const Site site = linear_site(width, out, 4);
  const std::vector<int> ranks{1, 3, 0, 2};
  const auto x = numbers(rows * width, 1);
  const double tolerance = std::is_same_v<E, bf16> ? 0.1 : 1e-5;  // logits of bf16 rows are a hundredth off
  for (const bool arrow : {false, true}) {
    const SpectR options{.top_k = 2, .temperature = 2, .arrow = arrow};
    SpectR::On<B> on(device<B>(), options, site);
    on.prepare(site, lora_pool({site}, ranks));
    BOOST_TEST(on.rows().rows() == (arrow ? 3 : 6));
    const Context<B> cx{device<B>()};
    const auto u = tensor<B, E>(cx.device, {rows, width}, x);
    const auto plain = on.route(cx, u, Batch<B>{});
    const auto stacked = on.route(cx, Scores<B>{matmul_t(cx, u, on.rows()), {}}, Batch<B>{});
    BOOST_TEST((plain.expert.host() == stacked.expert.host()));
    const auto all = logits(site, ranks, x, arrow);
    const std::vector<std::int32_t> who{0, 1, 3};
    for (int r = 0; r < rows; ++r) {
      std::vector<std::size_t> order{0, 1, 2};
      const auto of = [&](std::size_t e) { return all[std::size_t(r) * 3 + e]; };
      std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return of(a) > of(b); });
      if (of(order[1]) - of(order[2]) < 2 * tolerance || of(order[0]) - of(order[1]) < 2 * tolerance) continue;
      const double first = 1 / (1 + std::exp((of(order[1]) - of(order[0])) / 2));
      for (const auto* routing : {&plain, &stacked}) {
        const auto e = routing->expert.host();
        const auto w = doubles(routing->weight.host());
        BOOST_TEST(e[std::size_t(2 * r)] == who[order[0]]);
        BOOST_TEST(e[std::size_t(2 * r + 1)] == who[order[1]]);
        BOOST_TEST(std::fabs(w[std::size_t(2 * r)] - first) < tolerance);
        BOOST_TEST(std::fabs(w[std::size_t(2 * r)] + w[std::size_t(2 * r + 1)] - 1) < 1e-6);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(what_cannot_be_is_refused) {
  using B = Cpu<float>;
  const Site site = linear_site(width, out, 1);
  auto pool = lora_pool({site}, {1});
  SpectR::On<B> cold(device<B>(), {.top_k = 2, .temperature = 0}, site), on(device<B>(), {}, site);
  BOOST_CHECK_EXCEPTION(cold.prepare(site, pool), Error, says("a temperature above 0"));
  pool[0].kind = "IA3";
  BOOST_CHECK_EXCEPTION(on.prepare(site, pool), Error, says("no matrices to decompose"));
  SpectR::On<B> nobody(device<B>(), {}, site);
  nobody.prepare(site, lora_pool({site}, {0}));
  BOOST_TEST(!nobody.route({device<B>()}, tensor<B>(device<B>(), {1, width}, numbers(width, 1)), Batch<B>{}).expert);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
