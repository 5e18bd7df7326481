#pragma once
#include <cstddef>
#include <string>
#include <utility>

#include "../backend/memory.hpp"
#include "../core/error.hpp"
#include "fit.hpp"

namespace anser {

/// What a run takes of a device's memory, in bytes.
struct MemoryPlan {
  std::size_t live = 0;  // lies there before and after: weights, what the optimizer remembers
  std::size_t step = 0;  // beyond that, where the run needs most
  std::size_t peak() const { return live + step; }
};

/// The memory that f() will take, to the byte, without a formula: f runs dry, with blocks that are counted and not
/// touched. What f does to the host's own numbers is done; what it reads back from the device is 0. Throws what f
/// throws, and Error where f left numbers behind that a device computes: they are not there.
template <Accounted B, class F>
MemoryPlan plan_memory(B& device, F&& f) {
  const std::size_t dry = device.memory().dry;
  device.reset_peak();
  {
    const DryRun<B> run(device);
    std::forward<F>(f)();
  }
  const MemoryUse after = device.memory();
  check(after.dry == dry, "plan: the run that was planned leaves ", after.dry - dry,
        " bytes of results behind, which nothing has computed; let them go before it ends");
  device.reset_peak();
  return {after.live, after.peak - after.live};
}

/// The same for a step of training: `fit.step(loss)`, of which neither parameters nor optimizer learn. The batch should
/// be the largest that is to come.
template <Accounted B, class O, class F>
MemoryPlan plan_step(Fit<B, O>& fit, F&& loss) {
  for (const Parameter<B>& p : fit.parameters()) p.value.data();  // a file's numbers are read when first asked for
  struct Restore {
    long long& steps;
    long long before = steps;
    ~Restore() { steps = before; }
  } restore{fit.optimizer.steps};
  return plan_memory(fit.parameters().at(0).value.device(), [&] { fit.step(loss); });
}

/// What this process may still take of the machine's memory, in bytes: what the system calls available, or less where
/// a control group (a container) has a limit. 0 where the system does not say. `root` is where /proc and /sys are.
std::size_t available_host_memory(const std::string& root = "/");

/// What may still be taken of a device's memory; what it keeps for reuse included. 0: unknown.
template <Accounted B>
std::size_t available_memory(const B& device) {
  if constexpr (B::on_host) {
    const std::size_t system = available_host_memory();
    return system ? system + device.memory().kept : 0;
  } else {
    return device.free_memory() + device.memory().kept;
  }
}

/// 1536 MiB as "1.5 GiB".
std::string show_bytes(std::size_t bytes);

/// One line for people: what a step takes, and what there is.
std::string describe(const MemoryPlan& plan, std::size_t available);

/// Throws Error with advice where a step takes more than is available (0: unknown, and nothing is refused).
void refuse_where_too_much(const MemoryPlan& plan, std::size_t available);

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "plan-inl.hpp"
#endif
