#pragma once
#include <benchmark/benchmark.h>

#include <functional>
#include <string>
#include <vector>

#include "machine.hpp"

/// How a case is timed and told. Machines are shared and clocks wander, so every round measures the limit, the case,
/// and the limit again, and what is reported is the median of the rounds' shares.
namespace bench {

struct Options {
  int rounds = 15;
  int threads = 0;     // 0: as many as OpenMP finds
  bool smoke = false;  // tiny sizes, to see that everything runs
};
/// Takes --rounds N, --threads N and --smoke from the command line; the others are Google Benchmark's.
Options read_options(int& argc, char** argv);

enum class Limit { fma, read };

/// Times `once`, which does `amount` operations or reads `amount` bytes, and counts its share of the limit. It is
/// called as often in a round as makes 50 ms.
void measure(benchmark::State& state, Limit limit, double amount, const std::function<void()>& once,
             const std::string& note = {});

/// One of several ways to do a thing.
struct Way {
  std::string name;
  double amount;  // operations or bytes of a call
  std::function<void()> once;
};
/// Times them in turn, in every round. Reports the last way's time and share, and of each way the median's ratio to
/// that of the first.
void compare(benchmark::State& state, Limit limit, const std::vector<Way>& ways, const std::string& note = {});

/// Registers a case. `seconds` is about what a round takes: where all would pass 20 s, there are fewer, at least three.
void add(const std::string& name, const Options& options, double seconds, std::function<void(benchmark::State&)> body);

/// Prints the machine and then a Markdown row per case; --benchmark_out writes Google Benchmark's JSON besides.
int run(int argc, char** argv);

}  // namespace bench
