#include <anser/merge/entries.hpp>
#include <numeric>

#include "../io/temporary.hpp"
#include "matrices.hpp"

namespace {

using namespace anser;
using namespace merge_test;

constexpr int out = 23, in = 70;  // no multiples of what is done at once
const std::string site = "encoder.block.0.layer.0.SelfAttention.q";
const std::vector<std::string> names{"antonym", "capital", "colour", "date", "genus"};

struct Case {
  std::vector<FactoredProduct> products;
  std::vector<double> weights{0.5, 1, -0.25, 2, 0.125};
  std::vector<Delta> deltas;
  std::vector<Numbers> values;  // as floats, which decide ties

  Case() {
    for (std::size_t e = 0; e < names.size(); ++e) products.push_back(random_product(out, in, 1 + int(e), 10 + e));
    for (std::size_t e = 0; e < names.size(); ++e) {
      deltas.push_back({names[e], &products[e], weights[e]});
      values.push_back(numbers(multiply(products[e])));
    }
  }
};

/// The `count` largest stay, by sorting.
Numbers trimmed(const Numbers& m, double density) {
  std::vector<std::size_t> order(m.size());
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return std::abs(m[a]) > std::abs(m[b]); });
  Numbers kept(m.size());
  for (std::size_t i = 0; i < std::size_t(density * double(m.size())); ++i) kept[order[i]] = m[order[i]];
  return kept;
}

Numbers dropped(const Numbers& m, const std::string& expert, double density, std::uint64_t seed) {
  std::vector<float> v(m.begin(), m.end());
  drop_entries(v, 0, density, seed, expert, site);
  for (float& x : v) x = float(x / density);
  return {v.begin(), v.end()};
}

Numbers weighted_sum(const std::vector<Numbers>& values, const std::vector<double>& weights) {
  Numbers sum(values[0].size());
  for (std::size_t e = 0; e < values.size(); ++e)
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += weights[e] * values[e][i];
  return sum;
}

/// Elect a sign, then the mean of the weighted values that have it.
Numbers disjoint_mean(const std::vector<Numbers>& values, const std::vector<double>& weights, bool by_number) {
  Numbers merged(values[0].size());
  for (std::size_t i = 0; i < merged.size(); ++i) {
    double votes = 0, sum = 0, count = 0;
    for (const Numbers& v : values) votes += by_number ? (v[i] > 0) - (v[i] < 0) : v[i];
    for (std::size_t e = 0; e < values.size(); ++e)
      if (values[e][i] * (votes >= 0 ? 1 : -1) > 0) {
        sum += weights[e] * values[e][i];
        ++count;
      }
    merged[i] = count > 0 ? sum / count : 0;
  }
  return merged;
}

BOOST_AUTO_TEST_SUITE(entries)

BOOST_AUTO_TEST_CASE(the_largest_are_found_and_among_equals_the_first) {
  const std::vector<float> v{1, -3, 2, -2, 2, 0, -0.f, 3};
  const auto kept = [&](std::size_t count) {
    const LargestEntries largest = find_largest(v, count);
    std::vector<std::size_t> indices;
    for (std::size_t i = 0; i < v.size(); ++i)
      if (largest.keeps(v[i], i)) indices.push_back(i);
    return indices;
  };
  using Indices = std::vector<std::size_t>;
  BOOST_TEST((kept(0) == Indices{}));
  BOOST_TEST((kept(1) == Indices{1}));
  BOOST_TEST((kept(2) == Indices{1, 7}));
  BOOST_TEST((kept(3) == Indices{1, 2, 7}));
  BOOST_TEST((kept(4) == Indices{1, 2, 3, 7}));
  BOOST_TEST((kept(7) == Indices{0, 1, 2, 3, 4, 5, 7}));
  BOOST_TEST(kept(8).size() == 8u);
  BOOST_TEST(find_largest(std::vector<float>{NAN, 1, INFINITY, NAN}, 3).end > 0u);  // ends, whatever it finds
}

BOOST_AUTO_TEST_CASE(drops_depend_on_place_expert_site_and_seed_alone) {
  const std::vector<float> ones(1000, 1.f);
  const auto drop = [&](std::uint64_t seed, const std::string& expert, const std::string& where) {
    auto v = ones;
    drop_entries(v, 0, 0.3, seed, expert, where);
    return v;
  };
  const auto whole = drop(1, "a", "q");
  BOOST_TEST((drop(1, "a", "q") == whole));
  for (const auto& other : {drop(2, "a", "q"), drop(1, "b", "q"), drop(1, "a", "k")}) BOOST_TEST((other != whole));
  for (const std::size_t cut : {1u, 63u, 64u, 65u, 500u, 999u}) {
    auto v = ones;
    drop_entries(std::span(v).first(cut), 0, 0.3, 1, "a", "q");
    drop_entries(std::span(v).subspan(cut), cut, 0.3, 1, "a", "q");
    BOOST_TEST((v == whole), cut);
  }
}

BOOST_AUTO_TEST_CASE(drops_have_their_probability) {
  for (const double density : {0.1, 0.5, 0.9}) {
    std::vector<float> v(100000, 1.f);
    drop_entries(v, 0, density, 3, "a", "q");
    const double share = std::accumulate(v.begin(), v.end(), 0.0) / 100000;
    BOOST_TEST(std::abs(share - density) < 5 * std::sqrt(density * (1 - density) / 100000));
  }
  std::vector<float> v(1000, 1.f);
  drop_entries(v, 0, 1, 3, "a", "q");
  BOOST_TEST(std::count(v.begin(), v.end(), 1.f) == 1000);
}

BOOST_AUTO_TEST_CASE(one_expert_of_weight_1_and_density_1_is_itself) {
  const Case c;
  for (const MergeRule& rule : merge_rules) {
    MergeOptions o;
    o.method = rule.method;
    const std::vector<Delta> one{{names[2], &c.products[2], 1}};
    BOOST_TEST((merge_entries(one, site, o).values == multiply(c.products[2]).values), rule.name);
  }
}

BOOST_AUTO_TEST_CASE(methods_are_their_plain_transcriptions) {
  const Case c;
  for (const double density : {1.0, 0.3, 0.05}) {
    MergeOptions o;
    o.density = density;
    o.lambda = 0.7;
    o.seed = 5;
    std::vector<double> weights;
    for (double w : c.weights) weights.push_back(0.7 * w);
    std::vector<Numbers> large, sparse;
    for (std::size_t e = 0; e < names.size(); ++e) {
      large.push_back(trimmed(c.values[e], density));
      sparse.push_back(dropped(c.values[e], names[e], density, 5));
    }
    const auto is = [&](MergeMethod method, const Numbers& expected, MajoritySign sign = MajoritySign::total) {
      o.method = method;
      o.sign = sign;
      const double e = error(numbers(merge_entries(c.deltas, site, o)), expected);
      BOOST_TEST(e < 1e-6, rule_of(method).name << " of density " << density << ": error " << e);
    };
    is(MergeMethod::linear, weighted_sum(c.values, weights));
    is(MergeMethod::task_arithmetic, weighted_sum(c.values, weights));
    is(MergeMethod::magnitude_prune, weighted_sum(large, weights));
    is(MergeMethod::ties, disjoint_mean(large, weights, false));
    is(MergeMethod::ties, disjoint_mean(large, weights, true), MajoritySign::frequency);
    is(MergeMethod::dare_linear, weighted_sum(sparse, weights));
    is(MergeMethod::dare_ties, disjoint_mean(sparse, weights, false));
    is(MergeMethod::dare_ties, disjoint_mean(sparse, weights, true), MajoritySign::frequency);
  }
}

BOOST_AUTO_TEST_CASE(dropping_and_rescaling_keeps_the_mean) {
  const Case c;
  MergeOptions o;
  o.method = MergeMethod::dare_linear;
  o.density = 0.5;
  Numbers mean(c.values[0].size());
  constexpr int seeds = 400;
  for (o.seed = 0; o.seed < seeds; ++o.seed) {
    const Numbers once = numbers(merge_entries(c.deltas, site, o));
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += once[i] / seeds;
  }
  // Half of the energy is noise in one draw, a 400th of it in the mean.
  BOOST_TEST(error(mean, weighted_sum(c.values, c.weights)) < 0.1);
}

BOOST_AUTO_TEST_CASE(densities_out_of_range_are_refused) {
  const Case c;
  MergeOptions o;
  o.density = 0;
  CHECK_SAYS(merge_entries(c.deltas, site, o), "a density of 0;");
  o.density = 1.5;
  CHECK_SAYS(merge_entries(c.deltas, site, o), "a density of 1.5");
  CHECK_SAYS(merge_entries({}, site, MergeOptions{}), "no delta at " + site);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
