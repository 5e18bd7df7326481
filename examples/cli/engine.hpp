#pragma once
#include <anser/io/pool.hpp>
#include <anser/t5/config.hpp>
#include <anser/t5/generate.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "router_options.hpp"

namespace anser::cli {

struct EngineOptions {
  std::string model;
  std::string pool;  // may be empty: the model alone
  bool skip_broken = false;
  RouterOptions router;
  std::string backend = "cpu";
  std::string dtype = "f32";
  int threads = 0;  // 0: one per core
};

/// What one site decided, on the host.
struct Decision {
  std::string site;
  Stack stack;  // where the site stands
  Stack rows;   // whose tokens its rows are
  int k;
  std::vector<std::int32_t> expert;  // [rows, k]
  std::vector<float> weight;         // [rows, k]
};

struct ForwardResult {
  std::vector<float> logits;      // [examples, target tokens, vocabulary]
  std::vector<float> encoded;     // [examples, source tokens, d_model]
  std::vector<Decision> routing;  // by site, encoder first; empty unless asked for
};

/// Texts with what the decoder is to read, and one site's mean input over them.
struct TeacherForced {
  Tokens input, decoder_input;
};
struct MeanRow {
  std::string site;
  std::vector<float> mean;  // [in]
};

/// A model with its pool on some backend: all that the commands need to know of it.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual const T5Config& config() const = 0;
  virtual const Pool& pool() const = 0;
  /// From now on this router decides. The model and its pool stay as they were read.
  virtual void route(const RouterOptions& o) = 0;
  /// `given`: per example a place in the pool or a task's number, where the router leaves that to whoever knows (see
  /// experts_for).
  virtual std::vector<Generated> generate(const Tokens& input, const Generation& o, std::vector<int> given) = 0;
  /// Per example and choice the mean log-likelihood; choices are target ids with eos.
  virtual std::vector<std::vector<double>> score(const Tokens& input,
                                                 const std::vector<std::vector<std::vector<std::int32_t>>>& choices,
                                                 std::vector<int> given) = 0;
  /// Per example the likeliest token at each place of its target, the decoder reading the target.
  virtual std::vector<std::vector<std::int32_t>> force(const Tokens& input,
                                                       const std::vector<std::vector<std::int32_t>>& targets,
                                                       std::vector<int> given) = 0;
  virtual ForwardResult forward(const Tokens& input, const Tokens& decoder_input, bool routing,
                                std::vector<int> given) = 0;
  /// From now on all experts are heard with these weights, one for each of the pool, whatever the router was.
  virtual void weigh(const std::vector<double>& weights) = 0;
  /// From now on the router decides as if this expert had no site; -1: among all again. Throws Error where it was
  /// trained with the pool as a whole.
  virtual void leave_out(int expert) = 0;
  /// The mean inputs of an expert's sites while it alone is heard; from then on no router decides here. `done` is told
  /// of each batch.
  virtual std::vector<MeanRow> mean_inputs(const Expert& expert, const std::vector<TeacherForced>& batches,
                                           const std::function<void(const TeacherForced&)>& done) = 0;
};

/// Throws Error where a file is at fault, the router is unknown, or the backend cannot be had on this machine.
std::unique_ptr<Engine> make_engine(const EngineOptions& o);

/// Throws Error where the program has no CUDA, or the machine no GPU.
void require_gpu();

}  // namespace anser::cli
