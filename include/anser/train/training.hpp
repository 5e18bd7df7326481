#pragma once
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../nn/routing.hpp"
#include "checkpoint.hpp"
#include "feed.hpp"
#include "fit.hpp"
#include "metrics.hpp"
#include "plan.hpp"

namespace anser {

/// Where a training keeps what it goes on from, and how often.
struct TrainingOptions {
  std::string directory;         // last.safetensors, best.safetensors, metrics.jsonl; made where it is missing
  long long steps = 1'000;       // in all
  long long save_every = 100;    // steps; 0: only after the last
  long long validate_every = 0;  // steps, and after the last; 0: never
  std::string trained{};         // what is trained; a training of something else is not gone on with
  std::uint64_t seed = 0;        // of dropout, and whatever a loss draws
  bool resume = false;           // go on after last.safetensors, where there is one
  bool checkpointing = false;    // activations are computed again for the gradient
};

/// A training from its first step to its last: batches, steps, validation, checkpoints, metrics. Stopped at any moment,
/// even by SIGKILL, it goes on from the last checkpoint to the same bits as if never stopped, on the same machine and
/// number of threads.
template <Backend B, class O>
class Training {
 public:
  /// The mean loss of a batch -> [1]; `batch` says whether it trains, the step, and where randomness comes from.
  using Loss = std::function<Real<B>(const Context<B>&, const TokenBatch&, const Batch<B>& batch)>;
  /// Told of each step and validation; false: save, and stop.
  using Watch = std::function<bool(const Metric&)>;
  /// Told what a step of the largest batch yet takes of the device's memory, before it runs: of the first window's
  /// batches at the start, and again where a larger one comes. What it throws ends the training; what was saved stays.
  using Planned = std::function<void(const MemoryPlan&)>;

  /// `validation` is what the loss is validated on. Throws Error where there is a training in the directory and it is
  /// not to be resumed, or its checkpoint does not fit.
  Training(Fit<B, O> fit, Feed feed, std::vector<TokenBatch> validation, Loss loss, TrainingOptions o)
      : fit_(std::move(fit)),
        feed_(std::move(feed)),
        validation_(std::move(validation)),
        loss_(std::move(loss)),
        options_(std::move(o)),
        metrics_(prepare()) {}

  /// Makes the steps that are missing. Returns whether all are made. Throws Error where a loss or a gradient is not
  /// finite, naming the batch's lines; the last checkpoint stays.
  /// (Never inlined, or a program that links the compiled library would ask for this body's kernels itself.)
  [[gnu::noinline]] bool run(const Watch& watch, const Planned& planned = {}) {
    if (planned && steps() < options_.steps) plan(feed_.extent_of_window(), planned);
    while (fit_.optimizer.steps < options_.steps) {
      const Metric m = step(planned);
      metrics_.add(m);
      bool go_on = watch(m);
      const bool last = m.step == options_.steps;
      if (!validation_.empty() && options_.validate_every > 0 && (last || m.step % options_.validate_every == 0))
        go_on = watch(validate(m.step)) && go_on;
      if (last || !go_on || (options_.save_every > 0 && m.step % options_.save_every == 0)) save();
      if (!go_on) return last;
    }
    return true;
  }

  /// Takes the parameters of the best validation, where there was one. Returns their step, or that of the last.
  long long take_best() {
    if (best_step_ == 0) return steps();
    const auto notes = load_parameters(best_path(), fit_.parameters());
    const auto step = notes.find("step");
    check(step != notes.end(), best_path(), " does not say of which step it is");
    return std::stoll(step->second);
  }

  long long steps() const { return fit_.optimizer.steps; }
  const std::vector<Metric>& metrics() const { return metrics_.all(); }
  const std::vector<Parameter<B>>& parameters() const { return fit_.parameters(); }

 private:
  using Clock = std::chrono::steady_clock;

  std::string last_path() const { return options_.directory + "/last.safetensors"; }
  std::string best_path() const { return options_.directory + "/best.safetensors"; }

  /// Goes to where a stopped training was. Returns the metrics up to there.
  Metrics prepare() {
    begin();
    return {options_.directory + "/metrics.jsonl", fit_.optimizer.steps};
  }
  void begin() {
    std::error_code problem;
    std::filesystem::create_directories(options_.directory, problem);
    check(!problem, options_.directory, ": the folder cannot be made: ", problem.message(), "; name another output");
    lock_.emplace(options_.directory);
    const bool begun = std::filesystem::exists(last_path(), problem);
    check(!begun || options_.resume, last_path(),
          ": a training was begun here; resume it (--resume), or name another output");
    if (!begun) {
      std::filesystem::remove(best_path(), problem);  // of a training that was not saved
      return;
    }
    const auto notes = load_checkpoint(last_path(), fit_.parameters(), fit_.optimizer);
    auto note = [&](const char* name) {
      const auto at = notes.find(name);
      check(at != notes.end(), last_path(), " does not say ", name, "; it is no checkpoint of a training");
      return at->second;
    };
    check(fit_.optimizer.steps <= options_.steps, last_path(), ": ", fit_.optimizer.steps,
          " steps are made already, and ", options_.steps, " are asked for; ask for more, or name another output");
    check(note("trained") == options_.trained, last_path(), ": what was trained is ", note("trained"),
          ", and now it is ", options_.trained, "; go on with that, or name another output");
    check(note("feed.data") == data(), last_path(), ": the training to be resumed read ", note("feed.data"),
          ", and now it is ", data(), "; go on with the data and settings that it was started with");
    feed_.seek({std::stoull(note("feed.window")), std::size_t(std::stoull(note("feed.batch")))});
    best_step_ = std::stoll(note("best.step"));
    best_loss_ = best_step_ ? std::stod(note("best.loss")) : best_loss_;
  }

  /// What decides which batch comes when, besides the texts themselves.
  std::string data() const { return concat(feed_.describe(), ", ", fit_.accumulate, " batches to a step"); }

  /// The batches of the next step, planned for. What is refused is refused with everything up to here saved.
  std::vector<TokenBatch> draw(const Planned& planned) {
    const auto before = feed_.position();
    std::vector<TokenBatch> batches;
    for (int i = 0; i < fit_.accumulate; ++i) batches.push_back(feed_.next());
    if (planned) try {
        for (const auto& batch : batches) plan(BatchExtent::of(batch), planned);
      } catch (const Error&) {
        feed_.seek(before);
        save();
        throw;
      }
    return batches;
  }

  Metric step(const Planned& planned) {
    const auto batches = draw(planned);
    const auto start = Clock::now();
    Metric m;
    std::vector<std::string> places;
    try {
      const StepReport r = fit_.step([&](const Context<B>& cx, int i) {
        const TokenBatch& batch = batches[std::size_t(i)];
        places.insert(places.end(), batch.places.begin(), batch.places.end());
        m.tokens += tokens_of(batch);
        return loss_(cx, batch, about(i));
      });
      m.step = r.step;
      m.loss = r.loss;
      m.norm = r.norm;
      m.rate = r.rate;
    } catch (const NotFinite& e) {
      throw NotFinite(e.what() + lines(places));
    }
    m.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    return m;
  }

  /// What a loss may know of part i of the step that is being made.
  Batch<B> about(int i) const {
    Batch<B> b;
    b.training = true;
    b.checkpointing = options_.checkpointing;
    b.step = int(fit_.optimizer.steps);
    b.parts = fit_.accumulate;
    const auto part = std::uint64_t(fit_.optimizer.steps) * std::uint64_t(fit_.accumulate) + std::uint64_t(i);
    b.random = Random::of(options_.seed, Draws::steps).fork(part);
    return b;
  }

  /// Plans anew where a batch is larger than all before, and keeps the device's memory to what was planned.
  void plan(const BatchExtent& extent, const Planned& planned) {
    if (extent.within(extent_)) return;
    extent_ = extent_.joined(extent);
    const TokenBatch largest = extent_.filled(0);
    struct Restore {
      int& accumulate;
      int before = accumulate;
      ~Restore() { accumulate = before; }
    } restore{fit_.accumulate};
    fit_.accumulate =
        std::min(fit_.accumulate, 2);  // all parts are the largest batch: the third finds what the second did
    const MemoryPlan p = plan_step(fit_, [&](const Context<B>& cx, int i) { return loss_(cx, largest, about(i)); });
    planned(p);
    fit_.parameters()[0].value.device().limit_memory(p.peak());
  }

  /// The mean over examples of the validation loss; keeps the parameters where it is the lowest yet.
  Metric validate(long long step) {
    const auto start = Clock::now();
    const Context<B> cx{fit_.parameters()[0].value.device()};
    double total = 0, count = 0;
    for (const TokenBatch& batch : validation_) {
      const double n = double(batch.inputs.size());
      total += n * double(loss_(cx, batch, {}).host().at(0));
      count += n;
    }
    Metric m;
    m.step = step;
    m.validation = total / count;
    check(std::isfinite(*m.validation), "the validation loss after step ", step, " is ", *m.validation);
    if (*m.validation < best_loss_) {
      best_loss_ = *m.validation;
      best_step_ = step;
      save_parameters(best_path(), fit_.parameters(),
                      {{"step", std::to_string(best_step_)}, {"validation_loss", exact(best_loss_)}});
    }
    m.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    metrics_.add(m);
    return m;
  }

  void save() {
    const auto [window, batch] = feed_.position();
    save_checkpoint(last_path(), fit_.parameters(), fit_.optimizer,
                    {{"trained", options_.trained},
                     {"feed.data", data()},
                     {"feed.window", std::to_string(window)},
                     {"feed.batch", std::to_string(batch)},
                     {"best.step", std::to_string(best_step_)},
                     {"best.loss", exact(best_loss_)}});
  }

  static std::string exact(double v) {
    char text[40];
    std::snprintf(text, sizeof text, "%.17g", v);
    return text;
  }
  static long long tokens_of(const TokenBatch& batch) {
    long long n = 0;
    for (const auto* rows : {&batch.inputs, &batch.targets})
      for (const auto& r : *rows) n += (long long)(r.size());
    return n;
  }
  static std::string lines(const std::vector<std::string>& places) {
    if (places.empty()) return {};
    constexpr std::size_t named = 8;
    std::string text = "; the batch was ", file;
    for (std::size_t i = 0; i < std::min(named, places.size()); ++i) {  // of one file only the first is named whole
      const std::size_t colon = places[i].rfind(':');
      const bool again = i > 0 && places[i].substr(0, colon) == file;
      file = places[i].substr(0, colon);
      text += (i ? ", " : "") + (again ? places[i].substr(colon + 1) : places[i]);
    }
    return places.size() > named ? concat(text, " and ", places.size() - named, " more lines") : text;
  }

  /// One training at a time in a folder: the system lets go when the process ends, however it does.
  class Lock {
   public:
    explicit Lock(const std::string& folder)
        : file_(::open((folder + "/lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0666)) {
      check(file_ >= 0, folder, ": cannot be written");
      if (flock(file_, LOCK_EX | LOCK_NB) == 0) return;
      ::close(file_);
      fail(folder, ": another training is running here; wait for it, or name another output");
    }
    ~Lock() {
      if (file_ >= 0) ::close(file_);
    }
    Lock(Lock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
    Lock& operator=(Lock&&) = delete;

   private:
    int file_;
  };

  Fit<B, O> fit_;
  Feed feed_;
  std::vector<TokenBatch> validation_;
  Loss loss_;
  TrainingOptions options_;
  BatchExtent extent_;  // of the largest batch that was planned for
  double best_loss_ = std::numeric_limits<double>::infinity();
  long long best_step_ = 0;
  std::optional<Lock> lock_;
  Metrics metrics_;
};

}  // namespace anser
