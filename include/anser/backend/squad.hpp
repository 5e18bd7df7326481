#pragma once
#include <barrier>
#include <thread>
#include <vector>

#include "cpu.hpp"

namespace anser {

/// A CPU that runs every row kernel as a GPU block would: four threads, barriers, shared slots for reductions.
/// Slow on purpose; it lets a machine without a GPU catch a kernel that forgot to reduce or to wait.
template <class T = float>
class Squad : public Cpu<T> {
 public:
  static constexpr int threads = 4;

  class Team {
   public:
    struct Shared {
      std::barrier<> gate{threads};
      double slot[threads] = {};
    };
    Team(Shared& shared, int rank) : shared_(&shared), rank_(rank) {}
    int rank() const { return rank_; }
    static constexpr int size() { return threads; }
    template <class V>
    V sum(V v) const {
      return reduce(v, [](V a, V b) { return a + b; });
    }
    template <class V>
    V max(V v) const {
      return reduce(v, [](V a, V b) { return a > b ? a : b; });
    }

   private:
    template <class V, class F>
    V reduce(V v, F f) const {
      shared_->slot[rank_] = double(v);
      shared_->gate.arrive_and_wait();
      V all = V(shared_->slot[0]);
      for (int i = 1; i < threads; ++i) all = f(all, V(shared_->slot[i]));
      shared_->gate.arrive_and_wait();
      return all;
    }
    Shared* shared_;
    int rank_;
  };

  /// The tuned forms of Cpu are not for a squad: it is here to run the row kernels.
  template <class Request>
  void attend(const Request&) = delete;
  template <class Request>
  void low_rank(const Request&) = delete;
  template <class Request>
  void gemm_low_rank(const CpuWeights&, const Request&) = delete;

  template <class K>
  void for_rows(int n, std::size_t, K kernel) {
    if (this->dry()) return;
    typename Team::Shared shared;
    std::vector<std::jthread> squad;
    for (int t = 0; t < threads; ++t)
      squad.emplace_back([&shared, &kernel, n, t] {
        for (int r = 0; r < n; ++r) {
          kernel(Team(shared, t), r);
          shared.gate.arrive_and_wait();
        }
      });
  }
};
static_assert(Accounted<Squad<float>> && Accounted<Squad<double>>);

}  // namespace anser
