#pragma once
#include <atomic>
#include <exception>
#if defined(_OPENMP)
#include <omp.h>
#endif

/// OpenMP as this backend uses it; without OpenMP, one thread.
namespace anser::cpu {

/// How many threads a loop that starts here would have.
inline int thread_count() {
#if defined(_OPENMP)
  return omp_in_parallel() ? 1 : omp_get_max_threads();
#else
  return 1;
#endif
}

/// Whether work of so many operations is worth waking the other threads.
inline bool worth_threads(double operations) { return operations > 1e6 && thread_count() > 1; }

/// Carries the first exception out of a parallel region, where it would end the program.
class Rescue {
 public:
  template <class F>
  void run(F&& f) noexcept {
    try {
      f();
    } catch (...) {
      if (!taken_.test_and_set()) first_ = std::current_exception();
    }
  }
  void rethrow() const {
    if (first_) std::rethrow_exception(first_);
  }

 private:
  std::atomic_flag taken_{};
  std::exception_ptr first_;
};

/// f(0) to f(units - 1), by whoever is free. Throws what the first f threw.
template <class F>
void for_units(int units, [[maybe_unused]] bool parallel, F&& f) {
  Rescue rescue;
#pragma omp parallel for schedule(dynamic) if (parallel)
  for (int i = 0; i < units; ++i) rescue.run([&] { f(i); });
  rescue.rethrow();
}

}  // namespace anser::cpu
