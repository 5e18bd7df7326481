// A training step of LoRA r 16 on every linear of t5-small and t5-base: forward with dropout, loss, backward, clipping,
// AdamW, on 8 x 128 input and 8 x 128 target tokens. Not a Google Benchmark: every shape is a program of its own, whose
// peak the system tells.
//   bench_train [--rounds N] [--threads N] [--smoke] [SHAPE ...]
//   bench_train --on-request SHAPE     a step for each line of input; bench/pytorch_train.py runs it so, in turn
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <anser/cpu.hpp>
#include <anser/train/adamw.hpp>
#include <anser/train/fit.hpp>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>

#include "case.hpp"
#include "shapes.hpp"

using namespace bench;
using Device = anser::Cpu<float>;
using Model = anser::T5Model<Device>;

namespace {

constexpr int rank = 16, examples = 8;

/// One model with a new expert on all its linears, and how far its training has come.
class Training {
 public:
  Training(const anser::T5Config& c, int tokens)
      : config_(c), input_(random_tokens(c, examples, tokens, 1)), labels_(random_tokens(c, examples, tokens, 2)) {
    model_ = make_model(device_, c);
    model_->each_site([&](const anser::Site& s, auto&) { sites_.push_back(s); });
    const std::vector expert{anser::create_expert("new", sites_, anser::Lora{rank, rank}, anser::Random{3})};
    anser::attach(*model_, std::span<const anser::Expert>(expert), anser::Lora{rank, rank}, anser::Uniform{});
    model_->pack();
    auto parameters = anser::learn_only<Device>(anser::Pattern(".*lora.*"), [&](const auto& leaf) {
      model_->each_site([&](const anser::Site& s, auto& place) {
        place->visit([&](const std::string& name, auto& t) { leaf(s.name + '.' + name, t); });
      });
    });
    fit_ = std::make_unique<Fit>(anser::AdamW{}, std::move(parameters), anser::Schedule{});
  }

  void step() {
    last_ = fit_->step([&](const anser::Context<Device>& cx, int) {
      anser::Batch<Device> batch;
      batch.training = true;
      batch.random = anser::Random{4}.fork(std::uint64_t(fit_->optimizer.steps));
      auto session = model_->encode(cx, input_, batch);
      return anser::mean_loss(cx, *model_, session, labels_);
    });
  }
  double loss() const { return last_.loss; }
  int tokens() const { return examples * (input_.tokens + labels_.tokens); }

  /// Of a step: frozen linears and the head forward and their inputs' gradients, attention's products (two forward,
  /// four back, hidden keys counted too), the expert's products (two forward, four back). Recomputing is not counted.
  double operations() const {
    const double rows = double(examples) * input_.tokens, inner = double(config_.heads) * config_.d_kv;
    double sum = 4 * rows * config_.vocabulary * config_.d_model;
    for (const auto& s : sites_) sum += rows * (4.0 * s.in * s.out + 12.0 * rank * (double(s.in) + s.out));
    // The first layers read the embedding, which learns nothing.
    const int first = int(config_.layers > 0) + int(config_.decoder_layers > 0);
    sum -= first * rows * 3 * 2.0 * config_.d_model * (inner + rank);
    return sum + rows * (config_.layers + 2 * config_.decoder_layers) * 12.0 * input_.tokens * inner;
  }

 private:
  using Fit = anser::Fit<Device, anser::AdamW>;
  anser::T5Config config_;
  Device device_;
  anser::Tokens input_, labels_;
  std::unique_ptr<Model> model_;
  std::vector<anser::Site> sites_;
  std::unique_ptr<Fit> fit_;
  anser::StepReport last_;
};

/// Peak resident bytes of this program since it was started; unlike rusage's, not of who started it.
double peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return 1024 * std::atof(line.c_str() + 6);
  return 0;
}

const Shape& find_shape(const std::vector<Shape>& shapes, const std::string& name) {
  for (const Shape& s : shapes)
    if (s.name == name) return s;
  anser::fail("bench_train: no shape ", name);
}

double time_step(Training& training) {
  const double start = now();
  training.step();
  return now() - start;
}

void serve(const Shape& shape, int tokens) {
  Training training(shape.config, tokens);
  for (std::string line; std::getline(std::cin, line);) {
    const double seconds = time_step(training);
    std::printf("%.3f %.1f %.6f\n", 1e3 * seconds, peak_memory() / 1e6, training.loss());
    std::fflush(stdout);
  }
}

void report(const Shape& shape, int tokens, int rounds) {
  Training training(shape.config, tokens);
  training.step();
  double seconds = time_step(training);
  std::vector<double> times, shares, limits;
  for (int i = 0; i < rounds; ++i) {
    const auto limit = [&] { return measure_fma(all_threads(), std::clamp(seconds, 0.02, 0.5)); };
    const double before = limit();
    seconds = time_step(training);
    limits.push_back((before + limit()) / 2);
    times.push_back(seconds);
    shares.push_back(training.operations() / seconds / limits.back());
  }
  const Summary t = summarise(times), s = summarise(shares);
  std::printf("| %s | %.1f (%.1f to %.1f) | %.0f | %.1f GFLOP/s | %.1f | %.0f %% (%.0f to %.0f) | %.0f |\n",
              shape.name.c_str(), 1e3 * t.median, 1e3 * t.low, 1e3 * t.high, training.tokens() / t.median,
              training.operations() / t.median / 1e9, summarise(limits).median / 1e9, 100 * s.median, 100 * s.low,
              100 * s.high, peak_memory() / 1e6);
}

/// This program again, with one shape; the numbers of its memory are then its own.
bool run_alone(const std::string& shape, const Options& o) {
  const pid_t child = fork();
  if (child == 0) {
    const std::string rounds = std::to_string(o.rounds), threads = std::to_string(o.threads);
    execl("/proc/self/exe", "bench_train", "--alone", shape.c_str(), "--rounds", rounds.c_str(), "--threads",
          threads.c_str(), o.smoke ? "--smoke" : nullptr, nullptr);
    _exit(127);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

}  // namespace

int main(int argc, char** argv) try {
  Options options = read_options(argc, argv);
  std::vector<Shape> shapes = published_shapes(options.smoke);
  shapes.resize(std::min<std::size_t>(shapes.size(), 2));  // t5-small and t5-base
  const int tokens = options.smoke ? 16 : 128;
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "--on-request" && argc == 3) return serve(find_shape(shapes, argv[2]), tokens), 0;
  if (command == "--alone" && argc == 3) return report(find_shape(shapes, argv[2]), tokens, options.rounds), 0;
  std::vector<std::string> names(argv + 1, argv + argc);
  if (names.empty())
    for (const Shape& s : shapes) names.push_back(s.name);
  std::printf("%s\n", describe_machine().c_str());
  std::puts(
      "| LoRA step, 8 x 128 and 8 x 128 tokens | ms, median (quarters) | tokens/s | rate | limit | share of it "
      "(quarters) | peak memory, MB |\n|---|---|---|---|---|---|---|");
  bool good = true;
  for (const std::string& name : names) {
    std::fflush(stdout);
    good = run_alone(find_shape(shapes, name).name, options) && good;
  }
  return good ? 0 : 1;
} catch (const std::exception& e) {
  return std::fprintf(stderr, "bench_train: error: %s\n", e.what()), 1;
}
