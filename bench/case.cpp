#include "case.hpp"

#include <omp.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace bench {
namespace {

/// For as long as the case took, within reason.
double measure_limit(Limit limit, double seconds) {
  return limit == Limit::fma ? measure_fma(all_threads(), std::clamp(seconds, 0.02, 0.5)) : measure_read();
}
double measure_cached(Limit limit, double seconds) {
  return limit == Limit::fma ? measure_cached_fma(all_threads(), std::clamp(seconds, 0.02, 0.5)) : 0;
}

/// How many calls make a round of about 50 ms; also warms caches, pages and primitives up.
int count_calls(const std::function<void()>& once) {
  double start = now();
  once();
  if (now() - start > 1) return 1;
  start = now();
  once();
  return int(std::clamp(0.05 / (now() - start), 1.0, 1e5));
}

double time_calls(const std::function<void()>& once, int calls) {
  const double start = now();
  for (int i = 0; i < calls; ++i) once();
  return (now() - start) / calls;
}

void count(benchmark::State& state, const std::string& name, const Summary& s) {
  state.counters[name] = s.median;
  state.counters[name + "_low"] = s.low;
  state.counters[name + "_high"] = s.high;
}

/// One Markdown row per case.
class Table : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override {
    std::puts("| case | ms, median (quarters) | rate | limit | share of it (quarters) | |");
    std::puts("|---|---|---|---|---|---|");
    return true;
  }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      std::string name = run.benchmark_name();
      name = name.substr(0, name.find("/iterations:"));
      if (run.error_occurred) {
        failed = true;
        std::printf("| %s | %s | | | | |\n", name.c_str(), run.error_message.c_str());
        continue;
      }
      auto value = [&](const char* key) {
        const auto it = run.counters.find(key);
        return it == run.counters.end() ? 0.0 : double(it->second);
      };
      const char* unit = value("bytes") != 0 ? "GB/s" : "GFLOP/s";
      std::printf("| %s | %.3f (%.3f to %.3f) | %.1f %s | %.1f | %.0f %% (%.0f to %.0f) | %s |\n", name.c_str(),
                  value("ms"), value("ms_low"), value("ms_high"), value("rate"), unit, value("limit"),
                  100 * value("share"), 100 * value("share_low"), 100 * value("share_high"), run.report_label.c_str());
      std::fflush(stdout);
    }
  }
  bool failed = false;
};

}  // namespace

Options read_options(int& argc, char** argv) {
  Options o;
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--smoke")) {
      o.smoke = true;
      o.rounds = 2;
    } else if (!std::strcmp(argv[i], "--rounds") && i + 1 < argc) {
      o.rounds = std::max(1, std::atoi(argv[++i]));
    } else if (!std::strcmp(argv[i], "--threads") && i + 1 < argc) {
      o.threads = std::max(0, std::atoi(argv[++i]));
    } else {
      argv[kept++] = argv[i];
    }
  }
  argc = kept;
  if (o.threads > 0) omp_set_num_threads(o.threads);
  return o;
}

void compare(benchmark::State& state, Limit limit, const std::vector<Way>& ways, const std::string& note) {
  std::vector<int> calls;
  for (const Way& w : ways) calls.push_back(count_calls(w.once));
  std::vector<std::vector<double>> seconds(ways.size()), ratios(ways.size());
  std::vector<double> shares, cached_shares, limits, times;
  double round = 0.1;  // seconds that the last way's calls take
  for (auto _ : state) {
    for (std::size_t i = 0; i + 1 < ways.size(); ++i) seconds[i].push_back(time_calls(ways[i].once, calls[i]));
    const double before = measure_limit(limit, round), cached_before = measure_cached(limit, round);
    const double last = time_calls(ways.back().once, calls.back());
    round = last * calls.back();
    const double at_most = (before + measure_limit(limit, round)) / 2;
    const double in_cache = (cached_before + measure_cached(limit, round)) / 2;
    seconds.back().push_back(last);
    limits.push_back(at_most / 1e9);
    shares.push_back(ways.back().amount / last / at_most);
    if (in_cache > 0) cached_shares.push_back(ways.back().amount / last / in_cache);
    times.push_back(last * 1e3);
    for (std::size_t i = 0; i < ways.size(); ++i) ratios[i].push_back(seconds[i].back() / seconds[0].back());
    state.SetIterationTime(last);
  }
  count(state, "ms", summarise(times));
  count(state, "share", summarise(shares));
  const double middle = summarise(times).median;
  state.counters["rate"] = ways.back().amount / middle / 1e6;
  state.counters["limit"] = summarise(limits).median;
  state.counters["bytes"] = limit == Limit::read;
  std::string label = note;
  auto append = [&](const char* format, auto... values) {
    char text[160];
    std::snprintf(text, sizeof text, format, values...);
    label += (label.empty() ? "" : "; ") + std::string(text);
  };
  if (!cached_shares.empty()) {
    const Summary s = summarise(cached_shares);
    append("%.0f %% (%.0f to %.0f) of a tile in the cache", 100 * s.median, 100 * s.low, 100 * s.high);
  }
  for (std::size_t i = 1; i < ways.size(); ++i) {
    const double ratio = summarise(seconds[i]).median / summarise(seconds[0]).median;
    const Summary spread = summarise(ratios[i]);
    state.counters["ratio_" + ways[i].name] = ratio;
    append("%s %.2f x %s (%.2f to %.2f)", ways[i].name.c_str(), ratio, ways[0].name.c_str(), spread.low, spread.high);
  }
  if (!label.empty()) state.SetLabel(label);
}

void measure(benchmark::State& state, Limit limit, double amount, const std::function<void()>& once,
             const std::string& note) {
  compare(state, limit, {{"alone", amount, once}}, note);
}

void add(const std::string& name, const Options& options, double seconds, std::function<void(benchmark::State&)> body) {
  const int affordable = std::max(3, int(20 / std::max(seconds, 1e-3)));
  benchmark::RegisterBenchmark(name.c_str(),
                               [body = std::move(body)](benchmark::State& state) {
                                 try {
                                   body(state);
                                 } catch (const std::exception& e) {
                                   state.SkipWithError(e.what());
                                 }
                               })
      ->Iterations(std::min(options.rounds, affordable))
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

int run(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  std::printf("%s\n", describe_machine().c_str());
  Table table;
  benchmark::RunSpecifiedBenchmarks(&table);
  benchmark::Shutdown();
  return table.failed ? 1 : 0;
}

}  // namespace bench
