#include "machine.hpp"

#include <omp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <Eigen/Core>
#include <algorithm>
#include <anser/backend/cpu_simd-inl.hpp>
#include <anser/core/isa.hpp>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#if defined(ANSER_HAS_ONEDNN)
#include <oneapi/dnnl/dnnl.hpp>
#endif

namespace bench {
namespace {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
#elif defined(__AVX__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif
typedef float Vector __attribute__((vector_size(vector_bytes)));
constexpr int lanes = vector_bytes / int(sizeof(float));

/// Independent sums: an FMA takes 4 or 5 cycles and two start in each, so that 10 keep both units busy, and with the
/// two factors 12 fit the 16 registers of machines that have no more.
constexpr int chains = 12;

/// Operations per thread and call.
constexpr long steps = 400'000;
constexpr double chain_operations = 2.0 * lanes * chains * double(steps);

/// What the compiler must not know: from known numbers it computes chains itself, and loops with fewer FMAs than are
/// counted look quicker than the machine is.
volatile float unknown = 0.5f;

float run_chains() {
  Vector x[chains];
  for (int j = 0; j < chains; ++j) x[j] = Vector{} + unknown * float(j);
  const Vector factor = Vector{} + 2 * unknown, addend = Vector{} + 0.001f * unknown;
  for (long i = 0; i < steps; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < chains; ++j) x[j] = x[j] * factor + addend;
  }
  Vector sum{};
  for (const Vector& v : x) sum += v;
  return sum[0];
}

/// Sums of a tile of a product, with factors of 16 KiB at most: as many as the registers take beside a row of factors.
constexpr int tile_rows = lanes == 16 ? 8 : 4, tile_vectors = 3, depth = 64;
constexpr int tiles = 2000;
constexpr double tile_operations = 2.0 * lanes * tile_rows * tile_vectors * depth * double(tiles);

float run_tiles() {
  alignas(64) static thread_local float left[depth][tile_rows] = {}, right[depth][tile_vectors * lanes] = {};
  left[0][0] = right[0][0] = unknown;
  Vector sum[tile_rows][tile_vectors];
#pragma GCC unroll 8
  for (int r = 0; r < tile_rows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < tile_vectors; ++v) sum[r][v] = Vector{};
  for (int t = 0; t < tiles; ++t)
#pragma GCC unroll 4
    for (int l = 0; l < depth; ++l) {
      Vector b[tile_vectors];
#pragma GCC unroll 4
      for (int v = 0; v < tile_vectors; ++v) {
        b[v] = *reinterpret_cast<const Vector*>(&right[l][v * lanes]);
        anser::cpu::simd::keep(b[v]);
      }
#pragma GCC unroll 8
      for (int r = 0; r < tile_rows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < tile_vectors; ++v) sum[r][v] += left[l][r] * b[v];
    }
  Vector total{};
#pragma GCC unroll 8
  for (int r = 0; r < tile_rows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < tile_vectors; ++v) total += sum[r][v];
  return total[0];
}

volatile float sink;  // results that the compiler must not leave out

/// Operations of one thread in a cycle: a peak above what the units can start (64 where they are two of 512 bits) is a
/// measure gone wrong. The clock is that of multiplications that wait for one another, three cycles each on processors
/// of Intel and AMD since Nehalem and Zen; elsewhere 0.
double operations_per_cycle() {
#if defined(__x86_64__)
  std::vector<double> ratios;
  for (int i = 0; i < 9; ++i) {
    const double rate = measure_fma(1);
    constexpr int groups = 50'000;
    long x = 1;
    const double start = now();
    for (int g = 0; g < groups; ++g) asm volatile("imul %0, %0\n imul %0, %0\n imul %0, %0\n imul %0, %0" : "+r"(x));
    ratios.push_back(rate * (now() - start) / (3 * 4 * groups));
  }
  return summarise(ratios).median;
#else
  return 0;
#endif
}

/// Memory as the library holds packed weights: on huge pages where the system has them.
struct Array {
  static constexpr std::size_t bytes = std::size_t(512) << 20;
  float* data = nullptr;
  Array() {
    void* p = nullptr;
    if (posix_memalign(&p, std::size_t(2) << 20, bytes) != 0) throw std::runtime_error("512 MiB of memory are needed");
    madvise(p, bytes, MADV_HUGEPAGE);
    data = static_cast<float*>(p);
#pragma omp parallel for schedule(static)
    for (std::size_t i = 0; i < bytes / sizeof(float); ++i) data[i] = 1;
  }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  ~Array() { std::free(data); }
};

/// Four streams side by side: measured, never slower than one, and on some machines a tenth quicker.
float read_all(const float* p, std::size_t n) {
  constexpr int streams = 4, step = 4 * lanes;
  const std::size_t part = n / streams;
  Vector sum[streams][4] = {};
  for (std::size_t i = 0; i + step <= part; i += step) {
#pragma GCC unroll 4
    for (int s = 0; s < streams; ++s)
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j)
        sum[s][j] += *reinterpret_cast<const Vector*>(p + std::size_t(s) * part + i + std::size_t(j * lanes));
  }
  Vector total{};
  for (auto& stream : sum)
    for (const Vector& v : stream) total += v;
  return total[0];
}

std::string first_match(const char* file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(key)) {
      const auto at = line.find(':');
      return at == line.npos ? "" : line.substr(line.find_first_not_of(" \t", at + 1));
    }
  return "unknown";
}

/// Operations per second of so many threads that call `once`, which makes `operations`, until the time is over.
double rate_of(float (*once)(), double operations, int threads, double seconds) {
  float total = 0;
  long calls = 0;
  const double start = now();
#pragma omp parallel num_threads(threads) reduction(+ : total, calls)
  do {
    total += once();
    ++calls;
  } while (now() - start < seconds);
  const double taken = now() - start;
  sink = total;
  return operations * double(calls) / taken;
}

}  // namespace

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

int all_threads() { return omp_get_max_threads(); }

double measure_fma(int threads, double seconds) { return rate_of(run_chains, chain_operations, threads, seconds); }

double measure_cached_fma(int threads, double seconds) { return rate_of(run_tiles, tile_operations, threads, seconds); }

double measure_read() {
  static const Array array;
  constexpr std::size_t n = Array::bytes / sizeof(float);
  float total = 0;
  const double start = now();
#pragma omp parallel reduction(+ : total)
  {
    const std::size_t share = n / std::size_t(omp_get_num_threads()) / 1024 * 1024;  // whole vectors in every stream
    total += read_all(array.data + share * std::size_t(omp_get_thread_num()), share);
  }
  const double seconds = now() - start;
  sink = total;
  return double(Array::bytes) / seconds;
}

Summary summarise(std::vector<double> s) {
  if (s.empty()) return {};
  std::sort(s.begin(), s.end());
  auto at = [&](double q) {
    const double place = q * double(s.size() - 1);
    const std::size_t i = std::size_t(place);
    const double rest = place - double(i);
    return s[i] + (i + 1 < s.size() ? rest * (s[i + 1] - s[i]) : 0);
  };
  return {at(0.25), at(0.5), at(0.75)};
}

std::string describe_machine() {
  std::vector<double> all, one, cached, read;
  for (int i = 0; i < 9; ++i) {
    all.push_back(measure_fma(all_threads()));
    one.push_back(measure_fma(1));
    cached.push_back(measure_cached_fma(all_threads()));
    read.push_back(measure_read());
  }
  auto giga = [](const std::vector<double>& v) {
    const Summary s = summarise(v);
    std::ostringstream out;
    out.precision(4);
    out << s.median / 1e9 << " (" << s.low / 1e9 << " to " << s.high / 1e9 << ")";
    return out.str();
  };
  std::ostringstream out;
  out << "- processor: " << first_match("/proc/cpuinfo", "model name") << ", family "
      << first_match("/proc/cpuinfo", "cpu family") << " model " << first_match("/proc/cpuinfo", "model\t") << "; "
      << all_threads() << " threads of " << sysconf(_SC_NPROCESSORS_ONLN) << ", last-level cache "
      << (sysconf(_SC_LEVEL3_CACHE_SIZE) >> 20) << " MiB, memory "
      << (sysconf(_SC_PHYS_PAGES) * (sysconf(_SC_PAGESIZE) >> 10) >> 20) << " GiB\n"
      << "- compiled by GCC " << __VERSION__ << " for " << anser::instruction_set << " Eigen " << EIGEN_WORLD_VERSION
      << '.' << EIGEN_MAJOR_VERSION << '.' << EIGEN_MINOR_VERSION;
#if defined(ANSER_HAS_ONEDNN)
  const dnnl_version_t* v = dnnl_version();
  out << ", oneDNN " << v->major << '.' << v->minor << '.' << v->patch;
#else
  out << ", without oneDNN";
#endif
  out << "\n- FMA peak, f32, GFLOP/s, median (quarters): all threads " << giga(all) << ", one thread " << giga(one);
  if (const double operations = operations_per_cycle()) out << " (" << std::lround(operations) << " a cycle)";
  out << "; with factors from the first-level cache, all threads " << giga(cached) << "\n- read, GB/s: all threads "
      << giga(read) << '\n';
  return out.str();
}

}  // namespace bench
