#include <anser/nn/linear.hpp>

#include "../gradient.hpp"
#include "../ops/host.hpp"
#include "fill.hpp"

namespace anser::test {

BOOST_AUTO_TEST_SUITE(linear_hpp)

template <Backend B>
LinearGroup<B> three() {
  LinearGroup<B> g(device<B>(), 7, {{"q", 4}, {"k", 3}, {"v", 5}});
  fill<B>(g);
  return g;
}
std::vector<double> weight_of(int i, int out) {
  auto w = numbers(std::size_t(out * 7), 40 + std::uint64_t(i));
  for (double& v : w) v *= 0.25;
  return w;
}

BOOST_AUTO_TEST_CASE_TEMPLATE(packed_equals_unpacked_and_both_the_product, B, Backends) {
  const Context<B> cx{device<B>()};
  for (int rows : {1, 3, 20}) {
    const auto values = numbers(std::size_t(rows * 7), 1);
    const auto x = tensor<B, typename B::element>(cx.device, {rows, 7}, values);
    auto g = three<B>();
    for (bool packed : {false, true, false}) {
      if (packed)
        g.pack();
      else
        g.unpack();
      const auto y = g.forward(cx, x, {});
      BOOST_TEST_REQUIRE(y.size() == 3u);
      int i = 0;
      for (int out : {4, 3, 5}) {
        check_near(doubles(y[std::size_t(i)].host()), product_t(values, weight_of(i, out), rows, out, 7),
                   Tolerance<B>::value, "a member");
        if (packed) BOOST_TEST(y[std::size_t(i)].stride() == 12);  // columns of one tensor
        ++i;
      }
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_frozen_pack_still_passes_gradients_to_its_input, B, Backends) {
  std::vector<std::shared_ptr<void>> alive;
  const std::vector<Input> in{input({4, 7}, 1)};
  check_op<B>(
      in,
      [&]<class D>(const Context<D>& cx, const Inputs<D>& t) {
        const auto g = std::make_shared<LinearGroup<D>>(three<D>());
        alive.push_back(g);
        g->pack();
        const auto y = g->forward(cx, cast<typename D::element>(cx, t[0]), {});
        return add(cx, y[0], matmul_t(cx, y[1], tensor<D>(cx.device, {4, 3}, numbers(12, 9))));
      },
      [&] {
        const auto a = product_t(in[0].values, weight_of(0, 4), 4, 4, 7);
        auto y = product_t(product_t(in[0].values, weight_of(1, 3), 4, 3, 7), numbers(12, 9), 4, 4, 3);
        for (std::size_t i = 0; i < y.size(); ++i) y[i] += a[i];
        return y;
      }());
}

/// Breaks while the group is packed.
template <Backend B>
struct Broken : SiteExperts<B> {
  Real<B> forward(const Context<B>&, const Host<B>& host, const Tensor<B>& x, const Scores<B>&,
                  const Batch<B>&) const override {
    return host(x);
  }
  Tensor<B> rows() const override { return tensor<B, typename B::element>(device<B>(), {2, 6}, numbers(12, 1)); }
  void visit(const typename SiteExperts<B>::Leaf&) override {}
};

BOOST_AUTO_TEST_CASE_TEMPLATE(what_cannot_be_packed_stays_as_it_was, B, Backends) {
  const Context<B> cx{device<B>()};
  auto g = three<B>();
  for (auto& m : g.members()) m.experts = std::make_unique<Broken<B>>();
  BOOST_CHECK_EXCEPTION(g.pack(), Error, says("q: the router's rows are 6 wide and the site reads 7"));
  const auto x = tensor<B, typename B::element>(cx.device, {5, 7}, numbers(35, 1));
  const auto y = g.forward(cx, x, {});
  check_near(doubles(y[2].host()), product_t(numbers(35, 1), weight_of(2, 5), 5, 5, 7), Tolerance<B>::value, "v");
}

/// Keeps what it was given.
template <Backend B>
struct Listening : SiteExperts<B> {
  Tensor<B> own;
  mutable Scores<B> heard;
  mutable bool packed = false;  // the host's weight, by itself
  Real<B> forward(const Context<B>&, const Host<B>& host, const Tensor<B>& x, const Scores<B>& s,
                  const Batch<B>&) const override {
    heard = s;
    packed = host.packed() != nullptr;
    return host(x);
  }
  Tensor<B> rows() const override { return own; }
  void visit(const typename SiteExperts<B>::Leaf&) override {}
};

BOOST_AUTO_TEST_CASE_TEMPLATE(rows_of_a_router_are_scored_where_they_are, B, Backends) {
  using E = typename B::element;
  const Context<B> cx{device<B>()};
  auto g = three<B>();
  for (int i : {0, 2}) {
    auto listener = std::make_unique<Listening<B>>();
    listener->own = tensor<B, E>(cx.device, {2 + i, 7}, numbers(std::size_t((2 + i) * 7), 60 + std::uint64_t(i)));
    g.members()[std::size_t(i)].experts = std::move(listener);
  }
  const auto listener = [&](int i) -> const Listening<B>& {
    return static_cast<const Listening<B>&>(*g.members()[std::size_t(i)].experts);
  };
  const auto heard = [&](int i) { return listener(i).heard; };
  const auto out = [](int i) { return 4 + i / 2; };
  for (const int rows : {5, 40}) {  // few are multiplied with all weights at once
    const auto values = numbers(std::size_t(rows * 7), 1);
    const auto x = tensor<B, E>(cx.device, {rows, 7}, values);
    g.unpack();
    g.forward(cx, x, {});
    BOOST_TEST(!heard(0).raw);  // scores come with the packed product alone
    g.pack();
    const auto y = g.forward(cx, x, {});
    for (int i : {0, 2}) {
      const auto gates = numbers(std::size_t((2 + i) * 7), 60 + std::uint64_t(i));
      check_near(doubles(heard(i).raw.host()), product_t(values, gates, rows, 2 + i, 7), Tolerance<B>::value, "scores");
      check_near(doubles(heard(i).statistics.host()), doubles(statistics(cx, x).host()), Tolerance<B>::value,
                 "statistics");
      BOOST_TEST(listener(i).packed == (MultipliesLowRank<B> && rows == 40));
      check_near(doubles(y[std::size_t(i)].host()), product_t(values, weight_of(i, out(i)), rows, out(i), 7),
                 Tolerance<B>::value, "a member with experts");
    }
    check_near(doubles(y[1].host()), product_t(values, weight_of(1, 3), rows, 3, 7), Tolerance<B>::value,
               "a member without experts");
  }
}

BOOST_AUTO_TEST_CASE(linears_have_their_names) {
  auto g = three<Cpu<float>>();
  std::vector<std::string> names;
  walk(g, [&](const std::string& n, auto&) { names.push_back(n); });
  BOOST_TEST((names == std::vector<std::string>{"q.weight", "k.weight", "v.weight"}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace anser::test
