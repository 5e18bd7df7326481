#pragma once
#include <cstddef>
#include <string>
#include <vector>

/// What this machine can do at most, measured and not read from a data sheet: cases are reported as shares of it.
namespace bench {

/// f32 operations per second (a fused multiply-add is two) of vector registers alone, on so many threads at once.
/// One call takes about 20 ms.
double measure_fma(int threads);

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
