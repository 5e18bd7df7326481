#pragma once
#include <anser/ops/low_rank.hpp>
#include <anser/ops/matmul.hpp>

#include "../gradient.hpp"

namespace anser::test {

/// Inputs: y, x, weight, then A and B of every expert that has any.
struct LowRankCase {
  const char* name;
  int rows, in, out, k;
  std::vector<int> ranks;  // 0: no expert here
  std::vector<std::int32_t> expert;
};

inline double low_rank_scale(std::size_t e) { return 0.5 + 0.25 * double(e); }

inline std::vector<Input> low_rank_inputs(const LowRankCase& c) {
  std::vector<Input> in{input({c.rows, c.out}, 1), input({c.rows, c.in}, 2), input({c.rows, c.k}, 3)};
  for (std::size_t e = 0; e < c.ranks.size(); ++e)
    if (c.ranks[e]) {
      in.push_back(input({c.ranks[e], c.in}, 10 + 2 * e));
      in.push_back(input({c.out, c.ranks[e]}, 11 + 2 * e));
    }
  return in;
}

inline std::vector<double> low_rank_sum(const LowRankCase& c, const std::vector<Input>& in) {
  auto y = in[0].values;
  for (int r = 0; r < c.rows; ++r)
    for (int s = 0; s < c.k; ++s) {
      const int e = c.expert[std::size_t(r * c.k + s)];
      if (e < 0 || !c.ranks[std::size_t(e)]) continue;
      std::size_t at = 3;
      for (int i = 0; i < e; ++i) at += c.ranks[std::size_t(i)] ? 2 : 0;
      const int rank = c.ranks[std::size_t(e)];
      const double weight = in[2].values[std::size_t(r * c.k + s)] * low_rank_scale(std::size_t(e));
      const auto x = part(in[1].values, c.in, r, 1, 0, c.in);
      const auto delta = product_t(product_t(x, in[at].values, 1, rank, c.in), in[at + 1].values, 1, c.out, rank);
      for (int o = 0; o < c.out; ++o) y[std::size_t(r * c.out + o)] += weight * delta[std::size_t(o)];
    }
  return y;
}

/// y + the experts' products; `view` puts y and x into wider tensors.
template <class D>
Real<D> run_low_rank(const LowRankCase& c, const Context<D>& cx, const Inputs<D>& in, bool view = false) {
  using E = typename D::element;
  auto experts = std::make_shared<LowRankExperts<D>>();
  std::size_t at = 3;
  for (std::size_t e = 0; e < c.ranks.size(); ++e) {
    experts->add(c.ranks[e] ? in[at] : Real<D>{}, c.ranks[e] ? in[at + 1] : Real<D>{}, low_rank_scale(e));
    at += c.ranks[e] ? 2 : 0;
  }
  const auto expert = indices(cx.device, {c.rows, c.k}, c.expert);
  const auto groups = group_by_expert(cx, expert, experts->size());
  auto x = cast<E>(cx, in[1]);
  auto y = scale(cx, in[0], 1);
  if (view) {
    x = x.columns(1, c.in);
    y = y.columns(2, c.out);
  }
  add_low_rank<D, E>(cx, y, x, experts, expert, in[2], groups);
  return y;
}

inline const std::vector<LowRankCase>& low_rank_cases() {
  static const std::vector<LowRankCase> cases{
      {"one of everything", 1, 1, 1, 1, {1}, {0}},
      {"one expert for all rows", 5, 7, 3, 1, {2}, {0, 0, 0, 0, 0}},
      {"mixed ranks", 4, 5, 3, 2, {1, 4, 2}, {0, 1, 2, 0, 1, 2, 1, 0}},
      {"some absent", 3, 3, 4, 2, {2, 0, 3, 0}, {0, 1, 2, 3, 1, 3}},
      {"all absent", 2, 3, 2, 1, {0, 0}, {0, 1}},
      {"nobody", 3, 4, 3, 2, {1, 2}, {-1, 1, -1, -1, 0, -1}},
      {"unused experts and k of 3", 2, 3, 5, 3, {1, 2, 1, 3}, {3, 1, 0, 1, 3, 0}},
      {"the same expert twice in a row", 2, 3, 2, 2, {2, 1}, {0, 0, 1, 0}},
  };
  return cases;
}

BOOST_AUTO_TEST_SUITE(low_rank_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(every_mixture, B, Backends) {
  for (const auto& c : low_rank_cases()) {
    BOOST_TEST_CONTEXT(c.name) {
      const auto in = low_rank_inputs(c);
      check_op<B>(
          in, [&]<class D>(const Context<D>& cx, const Inputs<D>& x) { return run_low_rank<D>(c, cx, x); },
          low_rank_sum(c, in));
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(views_of_wider_tensors, B, Backends) {
  const LowRankCase c{"views", 3, 4, 3, 2, {2, 1}, {0, 1, 1, 0, -1, 1}};
  auto in = low_rank_inputs(c);
  auto wide = in;
  wide[0] = input({3, 7}, 1);
  wide[1] = input({3, 6}, 2);
  in[0].values = part(wide[0].values, 7, 0, 3, 2, 3);
  in[1].values = part(wide[1].values, 6, 0, 3, 1, 4);
  check_op<B>(
      wide, [&]<class D>(const Context<D>& cx, const Inputs<D>& x) { return run_low_rank<D>(c, cx, x, true); },
      low_rank_sum(c, in));
}

// Training one expert leaves the others alone; training gates leaves all; y alone is passed through.
BOOST_AUTO_TEST_CASE_TEMPLATE(any_part_may_learn, B, Backends) {
  const LowRankCase c{"parts", 3, 3, 2, 2, {2, 1}, {0, 1, 1, 0, 0, 1}};
  for (std::size_t learner = 0; learner < 7; ++learner) {
    auto in = low_rank_inputs(c);
    for (std::size_t i = 0; i < in.size(); ++i) in[i].learns = i == learner;
    check_op<B>(
        in, [&]<class D>(const Context<D>& cx, const Inputs<D>& x) { return run_low_rank<D>(c, cx, x); },
        low_rank_sum(c, in));
  }
}

// A bottleneck: a bias [rank] after A, and a function between the products. Inputs: as above, then the biases.
BOOST_AUTO_TEST_CASE_TEMPLATE(a_bottleneck, B, Backends) {
  const LowRankCase c{"bottleneck", 4, 5, 3, 2, {3, 2}, {0, 1, 1, 0, -1, 1, 0, 0}};
  for (const auto f : {Activation::none, Activation::silu, Activation::gelu_new}) {
    auto in = low_rank_inputs(c);
    in.push_back(input({3}, 20));
    in.push_back(input({2}, 21));
    auto expected = in[0].values;
    for (int r = 0; r < c.rows; ++r)
      for (int s = 0; s < c.k; ++s) {
        const auto slot = std::size_t(r * c.k + s);
        if (c.expert[slot] < 0) continue;
        const auto e = std::size_t(c.expert[slot]);
        auto h = product_t(part(in[1].values, c.in, r, 1, 0, c.in), in[3 + 2 * e].values, 1, c.ranks[e], c.in);
        for (std::size_t j = 0; j < h.size(); ++j)
          h[j] = with_function(f, [v = h[j] + in[7 + e].values[j]](auto g) { return g(v); });
        const auto y = product_t(h, in[4 + 2 * e].values, 1, c.out, c.ranks[e]);
        for (int o = 0; o < c.out; ++o)
          expected[std::size_t(r * c.out + o)] += in[2].values[slot] * low_rank_scale(e) * y[std::size_t(o)];
      }
    check_op<B>(
        in,
        [&]<class D>(const Context<D>& cx, const Inputs<D>& t) {
          const auto experts = std::make_shared<LowRankExperts<D>>();
          experts->activation = f;
          for (std::size_t e = 0; e < 2; ++e) experts->add(t[3 + 2 * e], t[4 + 2 * e], low_rank_scale(e), t[7 + e]);
          const auto expert = indices(cx.device, {c.rows, c.k}, c.expert);
          const auto y = scale(cx, t[0], 1);
          add_low_rank<D>(cx, y, cast<typename D::element>(cx, t[1]), experts, expert, t[2],
                          group_by_expert(cx, expert, 2));
          return y;
        },
        expected);
  }
}

// What decode and a long input look like, for tuned forms: many rows of one expert, few of another, odd sizes.
BOOST_AUTO_TEST_CASE_TEMPLATE(many_rows, B, Backends) {
  LowRankCase c{"many", 67, 45, 37, 2, {16, 5, 0, 8, 32}, {}};
  const Random random{9, 9};
  for (int s = 0; s < c.rows * c.k; ++s) {
    const int e = int(random.draw(std::uint64_t(s))[0] % 12);
    c.expert.push_back(e < 5 ? e : e < 6 ? -1 : 0);
  }
  auto in = low_rank_inputs(c);
  for (auto& i : in) i.learns = false;
  check_op<B>(
      in, [&]<class D>(const Context<D>& cx, const Inputs<D>& x) { return run_low_rank<D>(c, cx, x); },
      low_rank_sum(c, in));
  // gradients against the untuned double ones only: finite differences would take minutes
  if constexpr (!std::is_same_v<typename B::real, double>) {
    for (auto& i : in) i.learns = true;
    check_op<B>(
        in, [&]<class D>(const Context<D>& cx, const Inputs<D>& x) { return run_low_rank<D>(c, cx, x); },
        low_rank_sum(c, in));
  }
}

// Experts are views of their files until a row is routed to them; on the host no other is read.
BOOST_AUTO_TEST_CASE_TEMPLATE(only_used_experts_are_read, B, Backends) {
  using R = typename B::real;
  using E = typename B::element;
  const Context<B> cx{device<B>()};
  const std::vector<bf16> bytes(6, bf16(1.f));  // of another type than R: reading converts, and then evicts
  std::vector<int> read(3);
  const auto experts = std::make_shared<LowRankExperts<B>>();
  for (std::size_t e = 0; e < 3; ++e) {
    auto bound = [&](Shape shape) {
      return Real<B>(cx.device, Stored{DType::bf16, shape, reinterpret_cast<const std::byte*>(bytes.data()), nullptr,
                                       "memory", [&read, e] { ++read[e]; }});
    };
    experts->add(bound({2, 3}), bound({2, 2}), 1);
  }
  const auto expert = indices(cx.device, {2, 1}, {2, 0});
  const auto weight = tensor<B>(cx.device, {2, 1}, {1, 0.5});
  const auto x = tensor<B, E>(cx.device, {2, 3}, {1, 2, 3, 4, 5, 6});
  const auto y = tensor<B>(cx.device, {2, 2}, {0, 0, 0, 0});
  const auto groups = group_by_expert(cx, expert, 3);
  for (int again = 0; again < 2; ++again) add_low_rank<B, E>(cx, y, x, experts, expert, weight, groups);
  check_near(doubles(y.host()), {24, 24, 30, 30}, 1e-6, "twice the products");
  static_assert(!std::is_same_v<R, bf16>);
  BOOST_TEST(read[0] == 2);
  BOOST_TEST(read[1] == (B::on_host ? 0 : 2));
  BOOST_TEST(read[2] == 2);
  // What is bound anew is read anew, packed or not.
  const std::vector<bf16> others(6, bf16(2.f));
  experts->a(2).bind(
      Stored{DType::bf16, {2, 3}, reinterpret_cast<const std::byte*>(others.data()), nullptr, "memory", [&read] {
               ++read[2];
             }});
  add_low_rank<B, E>(cx, y, x, experts, expert, weight, groups);
  check_near(doubles(y.host()), {48, 48, 45, 45}, 1e-6, "an A twice as large for the first row");
  BOOST_TEST((read[2] == 3 || read[2] == 4));  // where both are packed, both are read
}

// Experts are read in their files at first; when they have served some rows, they are packed and their pages given
// back.
BOOST_AUTO_TEST_CASE_TEMPLATE(experts_are_packed_when_they_are_used_often, B, Backends) {
  using R = typename B::real;
  using E = typename B::element;
  if constexpr (requires(B & d, const GroupedLowRank<E, R>& g, const R* p) {
                  d.low_rank(g);
                  d.pack_low_rank(p, p, 1, 1, 1);
                }) {
    const Context<B> cx{device<B>()};
    const int in = 37, out = 50, rank = 5;
    std::vector<std::vector<R>> files;
    files.reserve(16);
    const auto file = [&](Shape shape, int* given_back) {
      const auto v = numbers(std::size_t(shape[0]) * std::size_t(shape[1]), 1 + files.size());
      files.emplace_back(v.begin(), v.end());
      return Stored{dtype_of<R>, shape,    reinterpret_cast<const std::byte*>(files.back().data()),
                    nullptr,     "memory", [given_back] { ++*given_back; }};
    };
    for (const int rows : {9, 300}) {
      std::vector<int> given_back(2);
      const auto experts = std::make_shared<LowRankExperts<B>>();
      for (std::size_t e = 0; e < 2; ++e)
        experts->add(Real<B>(cx.device, file({rank, in}, &given_back[e])),
                     Real<B>(cx.device, file({out, rank}, &given_back[e])), 0.5,
                     tensor<B>(cx.device, {1, rank}, numbers(std::size_t(rank), 3)));
      const auto x = tensor<B, E>(cx.device, {rows, in}, numbers(std::size_t(rows * in), 7));
      const auto weight = tensor<B>(cx.device, {rows, 1}, numbers(std::size_t(rows), 6));
      const auto use = [&](int of_second, const std::shared_ptr<LowRankExperts<B>>& pool) {
        std::vector<std::int32_t> who(std::size_t(rows), 0);
        std::fill_n(who.begin(), of_second, 1);
        const auto expert = indices(cx.device, {rows, 1}, who);
        const auto y = tensor<B>(cx.device, {rows, out}, numbers(std::size_t(rows * out), 8));
        add_low_rank<B, E>(cx, y, x, pool, expert, weight, group_by_expert(cx, expert, 2));
        return y.host();
      };
      const auto first = use(0, experts);
      if (rows == 9) BOOST_TEST((use(0, experts) == first));
      BOOST_TEST(given_back == std::vector<int>({0, 0}), boost::test_tools::per_element());
      BOOST_TEST((use(0, experts) == first));  // packed, and bit for bit the same
      BOOST_TEST(given_back == std::vector<int>({2, 0}), boost::test_tools::per_element());
      const auto mixed = use(4, experts);
      BOOST_TEST(given_back == std::vector<int>({2, 0}), boost::test_tools::per_element());
      BOOST_TEST((use(4, experts) == mixed));
      BOOST_TEST(given_back == std::vector<int>({2, rows == 300 ? 2 : 0}), boost::test_tools::per_element());

      // What is packed is heard no more once it is bound anew, assigned or trained: as if it had never been.
      const auto as_new = [&] {
        const auto fresh = std::make_shared<LowRankExperts<B>>();
        const auto copy = [&](const Real<B>& t) {
          const auto v = doubles(t.host());
          return tensor<B>(cx.device, t.shape(), v);
        };
        for (int e = 0; e < 2; ++e)
          fresh->add(copy(experts->a(e)), copy(experts->b(e)), experts->scale(e), copy(experts->bias(e)));
        return use(4, fresh);
      };
      const auto changed = [&](const std::vector<R>& before) {
        auto now = use(4, experts);
        BOOST_TEST((now != before));
        BOOST_TEST((now == as_new()));
        return now;
      };
      int other = 0;
      experts->a(0).bind(file({rank, in}, &other));
      auto now = changed(mixed);
      for (int again = 0; again < 4; ++again) BOOST_TEST((use(4, experts) == now));
      BOOST_TEST(other == 1);  // packed again
      const std::vector<R> bias(std::size_t(rank), R(0.25));
      experts->bias(0).assign(bias);
      now = changed(now);
      const std::vector<R> a(std::size_t(rank * in), R(0.5));
      experts->a(0).assign(a);
      now = changed(now);
      experts->b(0).require_grad();
      experts->b(0).assign(std::vector<R>(std::size_t(out * rank), R(-0.5)));
      changed(now);
    }

    // Numbers that have to be converted are packed at once, so that no copy of them stays.
    const std::vector<bf16> narrow(std::size_t(rank * std::max(in, out)), bf16(1.f));
    const auto converted = std::make_shared<LowRankExperts<B>>();
    const auto bound = [&](Shape shape) {
      return Real<B>(cx.device, Stored{DType::bf16, shape, reinterpret_cast<const std::byte*>(narrow.data()), nullptr,
                                       "memory", nullptr});
    };
    converted->add(bound({rank, in}), bound({out, rank}), 1);
    const auto x = tensor<B, E>(cx.device, {1, in}, numbers(std::size_t(in), 7));
    const auto one = tensor<B>(cx.device, {1, 1}, {1});
    const auto y = tensor<B>(cx.device, {1, out}, numbers(std::size_t(out), 8));
    const auto expert = indices(cx.device, {1, 1}, {0});
    const auto groups = group_by_expert(cx, expert, 1);
    const auto before = cx.device.memory().live;
    add_low_rank<B, E>(cx, y, x, converted, expert, one, groups);
    BOOST_TEST(cx.device.memory().live == before);
  } else {
    BOOST_TEST_MESSAGE("this backend packs no experts");
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_frozen_product_and_its_experts_at_once, B, Backends) {
  using E = typename B::element;
  if constexpr (MultipliesLowRank<B>) {
    const Context<B> cx{device<B>()};
    for (const int rows : {1, 40}) {  // files of experts; many rows of packed ones are one pass
      const int in = 50, out = 96, rank = 3;
      const auto x = tensor<B, E>(cx.device, {rows, in}, numbers(std::size_t(rows * in), 1));
      const auto w = tensor<B, E>(cx.device, {out, in}, numbers(std::size_t(out * in), 2));
      const auto weight = tensor<B>(cx.device, {rows, 1}, numbers(std::size_t(rows), 3));
      std::vector<std::vector<float>> files;
      const auto experts = std::make_shared<LowRankExperts<B>>();
      const auto bound = [&](Shape shape) {
        const auto v = numbers(std::size_t(shape[0]) * std::size_t(shape[1]), 4 + files.size());
        files.emplace_back(v.begin(), v.end());
        const auto* bytes = reinterpret_cast<const std::byte*>(files.back().data());
        return Real<B>(cx.device, Stored{DType::f32, shape, bytes, nullptr, "memory", nullptr});
      };
      files.reserve(40);
      std::vector<std::int32_t> who;
      for (int e = 0; e < 20; ++e) experts->add(bound({rank, in}), bound({out, rank}), 0.5);
      for (int r = 0; r < rows; ++r) who.push_back(r % 20);
      const auto expert = indices(cx.device, {rows, 1}, who);
      const auto groups = group_by_expert(cx, expert, experts->size());
      const Matrix<const E> block = w.matrix();
      const auto packed = cx.device.pack({&block, 1}, {&out, 1}, in);
      const auto expected = matmul_t(cx, x, w);
      add_low_rank<B, E>(cx, expected, x, experts, expert, weight, groups);
      auto y = multiply_low_rank(cx, x, packed, *experts, weight, groups);
      for (int again = 0; again < 16; ++again)  // until they are packed
        y = multiply_low_rank(cx, x, packed, *experts, weight, groups);
      check_near(doubles(y.host()), doubles(expected.host()), Tolerance<B>::value, "both");
    }
    const LowRankExperts<B> nobody;
    const auto x = tensor<B, E>(cx.device, {2, 3}, numbers(6, 1));
    typename B::Packed w;
    w.n = 4;
    w.k = 3;
    const auto weight = tensor<B>(cx.device, {3, 1}, numbers(3, 1));
    BOOST_CHECK_EXCEPTION(multiply_low_rank(cx, x, w, nobody, weight, {}), Error,
                          says("multiply_low_rank: x [2, 3], weight [4, 3], routing [3, 1]"));
    w.k = 2;
    BOOST_CHECK_EXCEPTION(multiply_low_rank(cx, x, w, nobody, weight, {}), Error, says("weight [4, 2]"));
  } else {
    BOOST_TEST_MESSAGE("this backend makes them one after the other");
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(pieces_that_do_not_meet, B, Backends) {
  using E = typename B::element;
  const Context<B> cx{device<B>()};
  const auto a = tensor<B>(cx.device, {2, 3}, numbers(6, 1));
  const auto experts = std::make_shared<LowRankExperts<B>>();
  BOOST_CHECK_EXCEPTION(experts->add(a, a, 1), Error, says("A and B do not meet"));
  BOOST_CHECK_EXCEPTION(experts->add(a, {}, 1), Error, says("A and B do not meet"));
  BOOST_CHECK_EXCEPTION(
      experts->add(a, tensor<B>(cx.device, {3, 2}, numbers(6, 2)), 1, tensor<B>(cx.device, {3}, numbers(3, 1))), Error,
      says("A and its bias do not meet"));
  BOOST_TEST(experts->size() == 0);
  experts->add(a, tensor<B>(cx.device, {3, 2}, numbers(6, 2)), 2);
  BOOST_TEST(experts->size() == 1);
  BOOST_TEST(experts->max_rank() == 2);
  BOOST_TEST(experts->scale(0) == 2);
  BOOST_TEST(!experts->learns());
  const auto expert = indices(cx.device, {2, 1}, {0, 0});
  const auto x = tensor<B, E>(cx.device, {2, 3}, numbers(6, 1));
  BOOST_CHECK_EXCEPTION((add_low_rank<B, E>(cx, tensor<B>(cx.device, {3, 3}, numbers(9, 1)), x, experts, expert,
                                            tensor<B>(cx.device, {2, 1}, {1, 1}), group_by_expert(cx, expert, 1))),
                        Error, says("add_low_rank: x [2, 3], y [3, 3], routing [2, 1]"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
