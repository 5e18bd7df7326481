#pragma once
#include <anser/module/lora.hpp>

#include "pool.hpp"

namespace anser::test {

/// One site with hand-made routing. Inputs: x [rows, in], W [out, in], weight [rows / times, k].
struct LoraCase {
  const char* name;
  int rows, times, k;
  std::vector<int> ranks;
  std::vector<std::int32_t> expert;
};

inline const std::vector<LoraCase>& lora_cases() {
  static const std::vector<LoraCase> cases{
      {"one frozen expert", 3, 1, 1, {2}, {0, 0, 0}},
      {"mixed ranks", 4, 1, 2, {1, 4, 2}, {0, 1, 2, 0, 1, 2, 1, 0}},
      {"an absent expert is nobody", 3, 1, 2, {2, 0, 3}, {0, 1, 1, 2, 2, 0}},
      {"decided per example", 6, 3, 2, {2, 1, 3}, {2, 0, 1, 2}},
      {"one decision for all", 5, 5, 3, {2, 1, 3}, {0, 1, 2}},
  };
  return cases;
}
inline constexpr int lora_in = 5, lora_out = 3;

BOOST_AUTO_TEST_SUITE(lora_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(a_site_is_the_host_and_the_weighted_deltas, B, Backends) {
  const Site site = linear_site(lora_in, lora_out);
  for (const auto& c : lora_cases()) {
    BOOST_TEST_CONTEXT(c.name) {
      const std::vector<Input> in{input({c.rows, lora_in}, 1), input({lora_out, lora_in}, 2),
                                  input({c.rows / c.times, c.k}, 3)};
      const auto host = product_t(in[0].values, in[1].values, c.rows, lora_out, lora_in);
      check_op<B>(
          in,
          [&]<class D>(const Context<D>& cx, const Inputs<D>& t) {
            Lora::On<D> lora(cx.device, {}, site);
            lora.load(site, lora_pool({site}, c.ranks));
            return with_host<D>(cx, t, [&](const Host<D>& h, const Tensor<D>& x) {
              return lora.forward(cx, h, x,
                                  OutputRouting<D>{indices(cx.device, {c.rows / c.times, c.k}, c.expert), t[2]});
            });
          },
          mixed(host, site, c.ranks, in[0].values, c.rows, c.times, c.expert, in[2].values));
    }
  }
}

// SMEAR's merge: A and B averaged apart, and one expert run per example.
BOOST_AUTO_TEST_CASE_TEMPLATE(parameters_are_averaged_per_example, B, Backends) {
  const Site site = linear_site(lora_in, lora_out);
  constexpr int examples = 2, rows = 3, rank = 2;
  const std::vector<int> ranks{rank, 0, rank, rank};
  const std::vector<std::int32_t> expert{0, 2, 3, 3, 0, 2};
  const std::vector<Input> in{input({examples * rows, lora_in}, 1), input({lora_out, lora_in}, 2),
                              input({examples, 3}, 3)};
  auto expected = product_t(in[0].values, in[1].values, examples * rows, lora_out, lora_in);
  for (std::size_t b = 0; b < examples; ++b) {
    std::vector<double> a(rank * lora_in), up(lora_out * rank);
    for (std::size_t s = 3 * b; s < 3 * b + 3; ++s) {
      const auto e = std::size_t(expert[s]);
      const auto of_a = lora_a(site, rank, e), of_b = lora_b(site, rank, e);
      for (std::size_t i = 0; i < a.size(); ++i) a[i] += in[2].values[s] * of_a[i];
      for (std::size_t i = 0; i < up.size(); ++i) up[i] += in[2].values[s] * of_b[i];
    }
    const std::vector<double> x(in[0].values.begin() + long(b * rows * lora_in),
                                in[0].values.begin() + long((b + 1) * rows * lora_in));
    const auto delta = product_t(product_t(x, a, rows, rank, lora_in), up, rows, lora_out, rank);
    for (std::size_t i = 0; i < delta.size(); ++i) expected[b * rows * lora_out + i] += 0.25 * delta[i];
  }
  check_op<B>(
      in,
      [&]<class D>(const Context<D>& cx, const Inputs<D>& t) {
        Lora::On<D> lora(cx.device, {}, site);
        auto pool = lora_pool({site}, ranks);
        for (auto& e : pool) e.scale = [](std::string_view, int) { return 0.25; };
        lora.load(site, pool);
        return with_host<D>(cx, t, [&](const Host<D>& h, const Tensor<D>& x) {
          return lora.forward(cx, h, x, ParameterRouting<D>{indices(cx.device, {examples, 3}, expert), t[2]});
        });
      },
      expected);
}

// One that learns takes two products instead of the grouped op, and several learn through the op: both are the sum.
BOOST_AUTO_TEST_CASE_TEMPLATE(experts_learn, B, Backends) {
  const Site site = linear_site(lora_in, lora_out);
  for (const std::vector<int>& ranks : {std::vector<int>{2}, std::vector<int>{1}, std::vector<int>{2, 3}}) {
    const int experts = int(ranks.size()), rows = 4;
    for (int times : {1, 2}) {
      const std::vector<std::int32_t> expert = experts == 1 ? std::vector<std::int32_t>(std::size_t(rows / times), 0)
                                               : times == 1 ? std::vector<std::int32_t>{1, 0, 0, 1}
                                                            : std::vector<std::int32_t>{1, 0};
      std::vector<Input> in{input({rows, lora_in}, 1), frozen({lora_out, lora_in}, 2), input({rows / times, 1}, 3)};
      for (std::size_t e = 0; e < ranks.size(); ++e) {
        in.push_back({{ranks[e], lora_in}, lora_a(site, ranks[e], e)});
        in.push_back({{lora_out, ranks[e]}, lora_b(site, ranks[e], e)});
      }
      const auto host = product_t(in[0].values, in[1].values, rows, lora_out, lora_in);
      check_op<B>(
          in,
          [&]<class D>(const Context<D>& cx, const Inputs<D>& t) {
            Lora::On<D> lora(cx.device, {}, site);
            for (std::size_t e = 0; e < ranks.size(); ++e) lora.experts->add(t[3 + 2 * e], t[4 + 2 * e], scale_of(e));
            return with_host<D>(cx, t, [&](const Host<D>& h, const Tensor<D>& x) {
              return lora.forward(cx, h, x, OutputRouting<D>{indices(cx.device, {rows / times, 1}, expert), t[2]});
            });
          },
          mixed(host, site, ranks, in[0].values, rows, times, expert, in[2].values));
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(two_slots_of_the_one_expert_that_learns_add_up, B, Backends) {
  const Site site = linear_site(lora_in, lora_out);
  const std::vector<Input> in{input({3, lora_in}, 1),
                              frozen({lora_out, lora_in}, 2),
                              input({3, 2}, 3),
                              {{2, lora_in}, lora_a(site, 2, 0)},
                              {{lora_out, 2}, lora_b(site, 2, 0)}};
  const std::vector<std::int32_t> expert(6, 0);
  check_op<B>(
      in,
      [&]<class D>(const Context<D>& cx, const Inputs<D>& t) {
        Lora::On<D> lora(cx.device, {}, site);
        lora.experts->add(t[3], t[4], scale_of(0));
        return with_host<D>(cx, t, [&](const Host<D>& h, const Tensor<D>& x) {
          return lora.forward(cx, h, x, OutputRouting<D>{indices(cx.device, {3, 2}, expert), t[2]});
        });
      },
      mixed(product_t(in[0].values, in[1].values, 3, lora_out, lora_in), site, {2}, in[0].values, 3, 1, expert,
            in[2].values));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(with_weights_of_zero_the_host_remains_exactly, B, Backends) {
  const Site site = linear_site(lora_in, lora_out);
  B& on = device<B>();
  const Context<B> cx{on};
  const Inputs<B> t{tensor<B>(on, {4, lora_in}, numbers(4 * lora_in, 1)),
                    tensor<B>(on, {lora_out, lora_in}, numbers(lora_out * lora_in, 2))};
  Lora::On<B> lora(on, {}, site);
  lora.load(site, lora_pool({site}, {2, 3}));
  const auto host = with_host<B>(cx, t, [&](const Host<B>& h, const Tensor<B>& x) { return h(x); }).host();
  const auto hear = [&](const OutputRouting<B>& r) {
    return with_host<B>(cx, t, [&](const Host<B>& h, const Tensor<B>& x) { return lora.forward(cx, h, x, r); }).host();
  };
  BOOST_TEST((hear({indices(on, {4, 1}, {0, 1, 0, 1}), tensor<B>(on, {4, 1}, {0, 0, 0, 0})}) == host));
  BOOST_TEST((hear({}) == host));  // nobody is heard
  BOOST_TEST((hear({indices(on, {4, 1}, {0, 1, 0, 1}), tensor<B>(on, {4, 1}, {0, 0, 1, 0})}) != host));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
