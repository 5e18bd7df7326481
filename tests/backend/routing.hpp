#pragma once
#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "anser/backend/cpu_low_rank.hpp"
#include "products.hpp"

namespace reference {

using namespace anser;

/// Experts and a routing drawn at random; `experts` may be fewer than `k` so that an expert comes twice in a row.
template <class In, class T>
struct Routing {
  Routing(int rows, int in, int out, int k, int experts, int max_rank, unsigned seed)
      : x(rows, in, 1, 3), y(rows, out, 2, 5), weight(rows, k, 3) {
    std::mt19937 random(seed);
    auto up_to = [&](int n) { return int(random() % unsigned(n)); };
    for (int e = 0; e < experts; ++e) {
      const int rank = up_to(5) == 0 ? 0 : 1 + up_to(max_rank);
      // Exactly as long as the matrix, one number beyond alignment: as in a mapped file.
      a.emplace_back(std::size_t(rank * in) + 1);
      b.emplace_back(std::size_t(rank * out) + 1);
      for (T& v : a.back()) v = T(up_to(2001) - 1000) / 1000;
      for (T& v : b.back()) v = T(up_to(2001) - 1000) / 1000;
      table.push_back(
          {rank ? a.back().data() + 1 : nullptr, rank ? b.back().data() + 1 : nullptr, rank, T(up_to(8)) / 4});
    }
    for (int slot = 0; slot < rows * k; ++slot) expert.push_back(up_to(6) == 0 ? -1 : up_to(experts));
    begin.push_back(0);
    for (int e = 0; e < experts; ++e) {
      for (int slot = 0; slot < rows * k; ++slot)
        if (expert[std::size_t(slot)] == e) order.push_back(slot);
      begin.push_back(int(order.size()));
    }
    request = {x.matrix(),   y.matrix(),        rows, in, out, k, experts, table.data(), order.data(),
               begin.data(), weight.data.data()};
  }

  /// As experts that are used often lie in memory.
  void pack() {
    for (std::size_t e = 0; e < table.size(); ++e)
      if (LowRank<T>& of = table[e]; of.rank > 0) {
        packed.push_back(cpu::pack_low_rank(pieces, of.a, of.b, of.rank, request.in, request.out));
        of = {packed.back().a, nullptr, of.rank, of.scale, packed.back().panels};
      }
  }

  double difference(const std::vector<T>& before) const {
    double worst = 0;
    const auto& g = request;
    for (int row = 0; row < g.rows; ++row) {
      std::vector<double> expected(std::size_t(g.out));
      for (int s = 0; s < g.k; ++s) {
        const int e = expert[std::size_t(row * g.k + s)];
        if (e < 0) continue;
        const T *of_a = a[std::size_t(e)].data() + 1, *of_b = b[std::size_t(e)].data() + 1;
        for (int r = 0; r < g.table[e].rank; ++r) {
          double h = 0;
          for (int i = 0; i < g.in; ++i) h += double(of_a[r * g.in + i]) * double(g.x[row][i]);
          h *= double(g.weight[row * g.k + s]) * double(g.table[e].scale);
          for (int o = 0; o < g.out; ++o) expected[std::size_t(o)] += h * double(of_b[o * g.table[e].rank + r]);
        }
      }
      for (int o = 0; o < y.stride; ++o) {
        const auto at = std::size_t(row * y.stride + o);
        const double e = double(before[at]) + (o < g.out ? expected[std::size_t(o)] : 0.0);
        worst = std::max(worst, std::abs(e - double(y.data[at])));
      }
    }
    return worst;
  }

  Numbers<In> x;
  Numbers<T> y, weight;
  std::vector<std::vector<T>> a, b;
  cpu::PieceMemory pieces;
  std::vector<PackedLowRank<T>> packed;
  std::vector<LowRank<T>> table;
  std::vector<std::int32_t> expert, order, begin;
  GroupedLowRank<In, T> request;
};

}  // namespace reference
