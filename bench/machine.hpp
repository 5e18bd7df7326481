#pragma once
#include <cstddef>
#include <string>
#include <vector>

/// What this machine can do at most, measured and not read from a data sheet: cases are reported as shares of it.
namespace bench {

/// f32 operations per second (a fused multiply-add is two) of vector registers alone, on so many threads at once and
/// for so long: what a shared machine holds for 10 ms is not what it holds for a second.
double measure_fma(int threads, double seconds = 0.1);

/// The same of a tile of a product whose factors lie in the first-level cache: what a product can at most reach here.
double measure_cached_fma(int threads, double seconds = 0.1);

/// Bytes per second of all threads reading an array of 512 MiB, which no cache holds, once.
double measure_read();

/// The middle of the samples, and the quarter and three-quarter marks.
struct Summary {
  double low = 0, median = 0, high = 0;
};
Summary summarise(std::vector<double> samples);

/// Seconds of a clock that only goes forward.
double now();

int all_threads();
/// The processor's name, its threads and caches, the compiler and the libraries: a Markdown list.
std::string describe_machine();

}  // namespace bench
