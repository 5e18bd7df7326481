#pragma once
#include <anser/module/adapter.hpp>

#include "pool.hpp"

namespace anser::test {

constexpr int adapter_width = 6;

inline Site sublayer_site() {
  Site s = linear_site(adapter_width, adapter_width);
  s.kind = SiteKind::sublayer;
  s.name = "encoder.block.0.layer.0.adapter";
  return s;
}

struct AdapterNumbers {
  std::vector<double> down, bias, up;
};
inline AdapterNumbers adapter_numbers(int rank, std::size_t e) {
  const auto n = std::size_t(rank * adapter_width);
  return {numbers(n, 400 + 3 * e), numbers(std::size_t(rank), 401 + 3 * e), numbers(n, 402 + 3 * e)};
}
inline std::vector<double> adapter_norm(int part) { return numbers(adapter_width, 500 + std::uint64_t(part)); }

/// Adapters of these bottlenecks, 0: absent; all with the same norm, or without.
inline std::vector<Expert> adapter_pool(const std::vector<int>& ranks, bool norm) {
  auto pool = pool_of("ANSER_ADAPTER", {sublayer_site()}, ranks.size(),
                      [&](MemorySource& tensors, const Site& s, std::size_t e) {
                        if (!ranks[e]) return false;
                        const auto n = adapter_numbers(ranks[e], e);
                        tensors.add(s.name + ".down.weight", {ranks[e], s.in}, floats(n.down));
                        tensors.add(s.name + ".down.bias", {ranks[e]}, floats(n.bias));
                        tensors.add(s.name + ".up.weight", {s.out, ranks[e]}, floats(n.up));
                        if (norm) {
                          tensors.add(s.name + ".norm.weight", {s.out}, floats(adapter_norm(0)));
                          tensors.add(s.name + ".norm.bias", {s.out}, floats(adapter_norm(1)));
                        }
                        return true;
                      });
  for (Expert& e : pool) e.activation = Activation::silu;
  return pool;
}

/// up(silu(down x + bias)) of rows.
inline std::vector<double> bottleneck(const AdapterNumbers& n, int rank, const std::vector<double>& x, int rows) {
  auto h = product_t(x, n.down, rows, rank, adapter_width);
  for (std::size_t i = 0; i < h.size(); ++i) h[i] = function::Silu{}(h[i] + n.bias[i % std::size_t(rank)]);
  return product_t(h, n.up, rows, adapter_width, rank);
}
inline void add_row(std::vector<double>& to, int row, const std::vector<double>& from, double by) {
  for (std::size_t j = 0; j < adapter_width; ++j) to[std::size_t(row) * adapter_width + j] += by * from[j];
}
inline std::vector<double> row_of(const std::vector<double>& x, int row) {
  return part(x, adapter_width, row, 1, 0, adapter_width);
}
/// h + ln(sum), where anybody is heard.
inline std::vector<double> joined(std::vector<double> h, const std::vector<double>& sum, bool norm,
                                  const std::vector<bool>& heard) {
  for (int r = 0; r < int(heard.size()); ++r) {
    auto s = row_of(sum, r);
    if (norm) {
      double mean = 0, variance = 0;
      for (const double v : s) mean += v / adapter_width;
      for (const double v : s) variance += (v - mean) * (v - mean) / adapter_width;
      for (std::size_t j = 0; j < s.size(); ++j)
        s[j] = (s[j] - mean) / std::sqrt(variance + 1e-5) * adapter_norm(0)[j] + adapter_norm(1)[j];
    }
    if (heard[std::size_t(r)]) add_row(h, r, s, 1);
  }
  return h;
}

/// The site's host is the sub-layer's output as it is.
template <class D, class F>
Real<D> with_sublayer(const Context<D>& cx, const Real<D>& y, const F& f) {
  const auto x = cast<typename D::element>(cx, y);
  const Host<D> host(x, y, [&](const Tensor<D>& u) { return cast<typename D::real>(cx, u); });
  return f(host, x);
}

BOOST_AUTO_TEST_SUITE(adapter_hpp)

BOOST_AUTO_TEST_CASE_TEMPLATE(outputs_are_mixed_before_the_norm, B, Backends) {
  const std::vector<int> ranks{2, 0, 3};
  for (const bool norm : {false, true})
    for (const int times : {1, 2}) {
      const int decisions = 3, rows = decisions * times, k = 2;
      const std::vector<std::int32_t> expert{0, 2, 2, -1, -1, -1};
      const std::vector<Input> in{input({rows, adapter_width}, 1), input({decisions, k}, 2)};
      std::vector<double> sum(in[0].values.size());
      std::vector<bool> heard;
      for (int r = 0; r < rows; ++r) {
        heard.push_back(r / times < 2);
        for (int s = 0; s < k; ++s) {
          const auto slot = std::size_t(r / times * k + s);
          if (expert[slot] < 0) continue;
          const auto e = std::size_t(expert[slot]);
          add_row(sum, r, bottleneck(adapter_numbers(ranks[e], e), ranks[e], row_of(in[0].values, r), 1),
                  in[1].values[slot]);
        }
      }
      check_op<B>(
          in,
          [&]<class D>(const Context<D>& cx, const Inputs<D>& t) {
            Adapter::On<D> adapter(cx.device, {}, sublayer_site());
            adapter.load(sublayer_site(), adapter_pool(ranks, norm));
            return with_sublayer<D>(cx, t[0], [&](const Host<D>& h, const Tensor<D>& x) {
              return adapter.forward(cx, h, x, OutputRouting<D>{indices(cx.device, {decisions, k}, expert), t[1]});
            });
          },
          joined(in[0].values, sum, norm, heard));
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(parameters_are_averaged_per_example, B, Backends) {
  constexpr int examples = 2, rows = 2, rank = 3;
  const std::vector<std::int32_t> expert{0, 2, 2, 2};
  const std::vector<Input> in{input({examples * rows, adapter_width}, 1), input({examples, 2}, 2)};
  for (const bool norm : {false, true}) {
    std::vector<double> sum(in[0].values.size());
    for (int r = 0; r < examples * rows; ++r) {
      AdapterNumbers merged;
      for (auto part : {&AdapterNumbers::down, &AdapterNumbers::bias, &AdapterNumbers::up})
        for (std::size_t s = 0; s < 2; ++s) {
          const auto slot = std::size_t(r / rows) * 2 + s;
          const auto from = adapter_numbers(rank, std::size_t(expert[slot])).*part;
          (merged.*part).resize(from.size());
          for (std::size_t i = 0; i < from.size(); ++i) (merged.*part)[i] += in[1].values[slot] * from[i];
        }
      add_row(sum, r, bottleneck(merged, rank, row_of(in[0].values, r), 1), 1);
    }
    check_op<B>(
        in,
        [&]<class D>(const Context<D>& cx, const Inputs<D>& t) {
          Adapter::On<D> adapter(cx.device, {}, sublayer_site());
          adapter.load(sublayer_site(), adapter_pool({rank, 0, rank}, norm));
          return with_sublayer<D>(cx, t[0], [&](const Host<D>& h, const Tensor<D>& x) {
            return adapter.forward(cx, h, x,
                                   ParameterRouting<D>{indices(cx.device, {examples, 2}, expert), t[1], {}, {}});
          });
        },
        joined(in[0].values, sum, norm, std::vector<bool>(examples * rows, true)));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(with_weights_of_zero_the_host_remains_exactly, B, Backends) {
  const Context<B> cx{device<B>()};
  const auto y = tensor<B>(cx.device, {3, adapter_width}, numbers(3 * adapter_width, 1));
  Adapter::On<B> adapter(cx.device, {}, sublayer_site());
  adapter.load(sublayer_site(), adapter_pool({2, 3}, true));
  with_sublayer<B>(cx, y, [&](const Host<B>& h, const Tensor<B>& x) {
    const auto zero = tensor<B>(cx.device, {3, 1}, {0, 0, 0});
    BOOST_TEST((adapter.forward(cx, h, x, OutputRouting<B>{indices(cx.device, {3, 1}, {0, 1, 0}), zero}).host() ==
                h(x).host()));
    return h(x);
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(parameters_are_named_once, B, Backends) {
  Adapter::On<B> adapter(device<B>(), {}, sublayer_site());
  adapter.load(sublayer_site(), adapter_pool({2, 0, 3}, true));
  std::vector<std::string> names;
  walk(adapter, [&](const std::string& name, Real<B>&) { names.push_back(name); });
  BOOST_TEST((names == std::vector<std::string>{"down.e0.weight", "down.e0.bias", "up.e0.weight", "down.e2.weight",
                                                "down.e2.bias", "up.e2.weight", "norm.weight", "norm.bias"}));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(experts_that_do_not_fit_are_named, B, Backends) {
  const auto load = [](const std::vector<Expert>& pool) {
    Adapter::On<B>(device<B>(), {}, sublayer_site()).load(sublayer_site(), pool);
  };
  BOOST_CHECK_EXCEPTION(load(lora_pool({sublayer_site()}, {1})), Error, says("the module here is Adapter"));
  auto pool = adapter_pool({2, 2}, true);
  pool[1].tensors = adapter_pool({2, 2}, false)[1].tensors;
  BOOST_CHECK_EXCEPTION(load(pool), Error, says("one has a norm"));
  pool = adapter_pool({2, 2}, false);
  pool[1].activation = Activation::relu;
  BOOST_CHECK_EXCEPTION(load(pool), Error, says("other activations"));
  pool = adapter_pool({2, 2}, true);
  const auto other = std::make_shared<MemorySource>("other");
  for (const auto& name : pool[1].tensors->names()) {
    const auto t = *pool[1].tensors->find(name);
    std::vector<float> v(t.shape.size());
    convert(t, v.data());
    if (name.ends_with("norm.bias")) v[0] += 1;
    other->add(name, t.shape, v);
  }
  pool[1].tensors = other;
  BOOST_CHECK_EXCEPTION(load(pool), Error, says("have other norms"));
}

BOOST_AUTO_TEST_CASE(a_new_expert) {
  const std::vector<Site> sites{sublayer_site()};
  const Expert e = create_expert("new", sites, Adapter{.bottleneck = 4}, Random{1});
  BOOST_TEST(e.kind == "ANSER_ADAPTER");
  BOOST_TEST((e.tensors->find(sites[0].name + ".down.weight")->shape == Shape{4, adapter_width}));
  BOOST_TEST((e.activation == Activation::silu));
  Adapter::On<Cpu<float>> adapter(device<Cpu<float>>(), {}, sites[0]);
  adapter.load(sites[0], std::vector<Expert>{e});
  BOOST_TEST(adapter.experts->max_rank() == 4);
  BOOST_CHECK_EXCEPTION(create_expert("new", sites, Adapter{.bottleneck = 0}, Random{1}), Error,
                        says("bottleneck of 0"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
