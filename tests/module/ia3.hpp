#pragma once
#include <anser/module/ia3.hpp>

#include "pool.hpp"

namespace anser::test {

inline std::vector<double> ia3_of(int n, std::size_t e) { return numbers(std::size_t(n), 300 + e); }

/// IA3 experts that scale a site's input or output; expert 1 is absent.
inline std::vector<Expert> ia3_pool(const Site& site, std::size_t n, bool input) {
  return pool_of("IA3", {site}, n, [&](MemorySource& tensors, const Site& s, std::size_t e) {
    const int width = input ? s.in : s.out;
    if (e != 1) tensors.add(s.name + ".ia3_l", input ? Shape{1, width} : Shape{width, 1}, floats(ia3_of(width, e)));
    return e != 1;
  });
}

/// 1 + sum of weight (g - 1), times numbers [rows, n].
inline void scale_rows(std::vector<double>& y, int n, int times, int k, const std::vector<std::int32_t>& expert,
                       const std::vector<double>& weight) {
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t row = i / std::size_t(n) / std::size_t(times), j = i % std::size_t(n);
    double factor = 1;
    for (std::size_t s = row * std::size_t(k); s < (row + 1) * std::size_t(k); ++s)
      if (expert[s] >= 0) factor += weight[s] * (ia3_of(n, std::size_t(expert[s]))[j] - 1);
    y[i] *= factor;
  }
}

BOOST_AUTO_TEST_SUITE(ia3_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(outputs_and_inputs_are_scaled, B, Backends) {
  const Site site = linear_site(5, 3);
  for (const bool input_side : {false, true})
    for (const int times : {1, 2}) {
      const int decisions = 2, rows = decisions * times, k = 2;
      const std::vector<std::int32_t> expert{0, 2, 2, -1};
      const std::vector<Input> in{input({rows, 5}, 1), input({3, 5}, 2), input({decisions, k}, 3)};
      auto x = in[0].values;
      if (input_side) scale_rows(x, 5, times, k, expert, in[2].values);
      auto expected = product_t(x, in[1].values, rows, 3, 5);
      if (!input_side) scale_rows(expected, 3, times, k, expert, in[2].values);
      for (const bool parameters : {false, true})
        check_op<B>(
            in,
            [&]<class D>(const Context<D>& cx, const Inputs<D>& t) {
              Ia3::On<D> ia3(cx.device, {}, site);
              ia3.load(site, ia3_pool(site, 3, input_side));
              BOOST_TEST(ia3.changes_input() == input_side);
              return with_host<D>(cx, t, [&](const Host<D>& h, const Tensor<D>& u) {
                const auto who = indices(cx.device, {decisions, k}, expert);
                return parameters ? ia3.forward(cx, h, u, ParameterRouting<D>{who, t[2], {}, {}})
                                  : ia3.forward(cx, h, u, OutputRouting<D>{who, t[2]});
              });
            },
            expected);
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(with_weights_of_zero_the_host_remains_exactly, B, Backends) {
  const Site site = linear_site(5, 3);
  const Context<B> cx{device<B>()};
  const Inputs<B> in{tensor<B>(cx.device, {4, 5}, numbers(20, 1)), tensor<B>(cx.device, {3, 5}, numbers(15, 2))};
  const auto zero = tensor<B>(cx.device, {4, 1}, {0, 0, 0, 0});
  for (const bool input_side : {false, true}) {
    Ia3::On<B> ia3(cx.device, {}, site);
    ia3.load(site, ia3_pool(site, 3, input_side));
    with_host<B>(cx, in, [&](const Host<B>& h, const Tensor<B>& x) {
      const auto plain = h(x).host();
      BOOST_TEST(
          (ia3.forward(cx, h, x, OutputRouting<B>{indices(cx.device, {4, 1}, {0, 2, 0, 2}), zero}).host() == plain));
      BOOST_TEST((ia3.forward(cx, h, x, OutputRouting<B>{}).host() == plain));
      return h(x);
    });
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(vectors_are_named_once, B, Backends) {
  const Site site = linear_site(5, 3);
  Ia3::On<B> ia3(device<B>(), {}, site);
  ia3.load(site, ia3_pool(site, 3, false));
  std::vector<std::string> names;
  walk(ia3, [&](const std::string& name, Real<B>& t) {
    names.push_back(name);
    BOOST_TEST((t.shape() == Shape{3, 1}));
  });
  BOOST_TEST((names == std::vector<std::string>{"ia3_l.e0", "ia3_l.e2"}));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(experts_that_do_not_fit_are_named, B, Backends) {
  const Site site = linear_site(5, 3);
  Ia3::On<B> ia3(device<B>(), {}, site);
  BOOST_CHECK_EXCEPTION(ia3.load(site, lora_pool({site}, {1})), Error, says("a LORA expert; the module here is IA3"));
  BOOST_CHECK_EXCEPTION(Ia3::On<B>(device<B>(), {}, site).load(site, ia3_pool(linear_site(5, 4), 1, false)), Error,
                        says("has the shape [4, 1]"));
  auto mixed = ia3_pool(site, 1, false);
  mixed.push_back(ia3_pool(site, 1, true)[0]);
  BOOST_CHECK_EXCEPTION(Ia3::On<B>(device<B>(), {}, site).load(site, mixed), Error, says("cannot be in one pool"));
}

BOOST_AUTO_TEST_CASE(a_new_expert_starts_as_the_base) {
  const std::vector<Site> sites{linear_site(5, 3, 0, "k"), linear_site(7, 5, 0, "wo")};
  const Expert e = create_expert("new", sites, Ia3{}, Random{1});
  BOOST_TEST(e.kind == "IA3");
  BOOST_TEST((e.tensors->find(sites[0].name + ".ia3_l")->shape == Shape{3, 1}));
  BOOST_TEST((e.tensors->find(sites[1].name + ".ia3_l")->shape == Shape{1, 7}));
  std::vector<float> v(7);
  convert(*e.tensors->find(sites[1].name + ".ia3_l"), v.data());
  BOOST_TEST((v == std::vector<float>(7, 1.f)));
  BOOST_CHECK_EXCEPTION(create_expert("new", std::span<const Site>{}, Ia3{}, Random{1}), Error, says("no linear"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
