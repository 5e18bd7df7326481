// Peak resident memory of loading and running t5-large in f32 from a file, and of a pool of 166 experts on top of which
// four are heard. Not a Google Benchmark: each measurement is a program of its own, whose peak the system tells.
//   bench_memory FOLDER [--smoke] [--keep]     writes about 4 GB there once, and removes it at the end
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <anser/cpu.hpp>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "machine.hpp"
#include "shapes.hpp"

using namespace bench;
namespace fs = std::filesystem;
using Device = anser::Cpu<float>;
using Model = anser::T5Model<Device>;

namespace {

constexpr int pool_size = 166, heard = 4, rank = 16;

anser::T5Config shape_of(bool smoke) {
  return smoke ? published_shapes(true)[0].config : published_shapes(false)[2].config;
}

void write_model(const std::string& folder, const anser::T5Config& c) {
  fs::create_directories(folder);
  Device device;
  Model model(device, c);
  const auto source = RandomTensors::of(model);
  std::vector<anser::NamedTensor> tensors;
  for (const auto& name : source.names()) tensors.push_back({name, *source.find(name)});
  anser::write_safetensors(folder + "/model.safetensors", tensors, {{"format", "pt"}});
  std::ofstream(folder + "/config.json") << "{\"model_type\": \"t5\", \"vocab_size\": " << c.vocabulary
                                         << ", \"d_model\": " << c.d_model << ", \"d_kv\": " << c.d_kv
                                         << ", \"d_ff\": " << c.d_ff << ", \"num_layers\": " << c.layers
                                         << ", \"num_heads\": " << c.heads << "}\n";
}

/// Gates of the first four are v, -v, w and -w, those of the others zeros: the two best are always of the four.
/// The files of the others are one file under many names, which each expert maps for itself.
void write_pool(const std::string& folder, const anser::T5Config& c) {
  Device device;
  Model model(device, c);
  std::vector<anser::Site> sites;
  model.each_site([&](const anser::Site& s, auto&) { sites.push_back(s); });
  anser::LoraDescription description;
  description.rank = rank;
  description.alpha = 0.001;
  description.targets = anser::Targets::parse("q,k,v,o,wi,wo");
  auto path = [&](int e) {
    char name[32];
    std::snprintf(name, sizeof name, "/expert-%03d", e);
    return folder + name;
  };
  const auto experts = make_experts(sites, 2, rank);
  for (int e = 0; e < pool_size; ++e) {
    if (e > heard) {
      fs::create_directories(path(e));
      for (const char* file : {"/adapter_config.json", "/adapter_model.safetensors", "/gate.safetensors"})
        fs::create_hard_link(path(heard) + file, path(e) + file);
      continue;
    }
    fs::create_directories(path(e));
    std::vector<anser::NamedTensor> tensors, gates;
    for (const auto& name : experts[0].tensors->names()) tensors.push_back({name, *experts[0].tensors->find(name)});
    anser::write_expert(path(e), description, tensors);
    std::vector<std::vector<float>> numbers;
    for (const auto& s : sites) {
      std::vector<float> v(std::size_t(s.in), 0.f);
      if (e < heard) {
        anser::convert(experts[std::size_t(e / 2)].gates->get(s.name, {s.in}), v.data());
        for (float& x : v) x = e % 2 ? -x : x;
      }
      numbers.push_back(std::move(v));
      gates.push_back({s.name, anser::stored_view(numbers.back().data(), {s.in})});
    }
    anser::write_gates(path(e), gates);
  }
}

/// Loads and runs one input, of 512 tokens and 8 new ones. Prints how many experts were heard.
void run_model(const std::string& folder, const std::string& pool_folder) {
  Device device;
  const auto files = anser::ModelDirectory::open(folder);
  Model model(device, anser::read_config(*files));
  model.load(*files);
  anser::Pool pool;
  std::vector<anser::TraceEntry<Device>> trace;
  anser::Batch<Device> batch;
  if (!pool_folder.empty()) {
    const double start = now();
    pool = anser::load_pool(pool_folder);
    std::printf("%zu experts opened in %.0f ms\n", pool.experts.size(), 1e3 * (now() - start));
    anser::attach(model, std::span<const anser::Expert>(pool.experts), anser::Lora{}, anser::PhatGoose{2});
    batch.trace = &trace;
  }
  model.pack();
  model.encode({device}, random_tokens(model.config(), 1, 512));  // what is used again is packed
  auto session = model.encode({device}, random_tokens(model.config(), 1, 512), batch);
  anser::generate(model, session, {.max_new_tokens = 8});
  int last = -1;
  for (const auto& t : trace)
    for (const std::int32_t e : t.expert.host()) last = std::max(last, int(e));
  if (last >= 0) std::printf("the highest expert heard: %d\n", last);
  std::fflush(stdout);
}

/// Peak resident bytes of this program run with other arguments.
double peak_of(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "bench_memory");
  const pid_t child = fork();
  if (child == 0) {
    std::vector<char*> argv;
    for (auto& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);
    execv("/proc/self/exe", argv.data());
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  anser::check(child > 0 && wait4(child, &status, 0, &usage) == child && status == 0, "bench_memory ", arguments[1],
               " failed");
  return double(usage.ru_maxrss) * 1024;
}

bool report(const char* what, double peak, double limit) {
  std::printf("| %s | %.0f | %.0f | %s |\n", what, peak / 1e6, limit / 1e6, peak <= limit ? "holds" : "FAILS");
  std::fflush(stdout);
  return peak <= limit;
}

int measure_all(const std::string& folder, bool smoke, bool keep) {
  const std::string model = folder + "/model", pool = folder + "/pool";
  const char* size = smoke ? "smoke" : "full";
  if (!fs::exists(model + "/config.json")) peak_of({"write-model", model, size});
  if (!fs::exists(pool + "/expert-165/gate.safetensors")) peak_of({"write-pool", pool, size});
  const double file = double(fs::file_size(model + "/model.safetensors"));
  const double expert = double(fs::file_size(pool + "/expert-000/adapter_model.safetensors"));
  const double gates = pool_size * double(fs::file_size(pool + "/expert-000/gate.safetensors"));
  std::printf("file %.0f MB; %d experts of %.0f MB, %d of them heard; their gates %.0f MB\n\n", file / 1e6, pool_size,
              expert / 1e6, heard, gates / 1e6);
  const double alone = peak_of({"run", model}), pooled = peak_of({"run", model, pool});
  std::puts("\n| peak resident memory | MB | at most | |\n|---|---|---|---|");
  bool good = report("load and run one input of 512 tokens; the file and 1 GB", alone, file + 1e9);
  // Used are the experts that are heard, and all gates, once: under the packed weights.
  good = report("the pool on top; experts that are heard, all gates once, and 2 MB for each expert's names and places",
                pooled - alone, heard * expert + gates + 2e6 * pool_size) &&
         good;
  if (!keep) fs::remove_all(model), fs::remove_all(pool);
  return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "write-model" && argc == 4) return write_model(argv[2], shape_of(!std::strcmp(argv[3], "smoke"))), 0;
  if (command == "write-pool" && argc == 4) return write_pool(argv[2], shape_of(!std::strcmp(argv[3], "smoke"))), 0;
  if (command == "run" && (argc == 3 || argc == 4)) return run_model(argv[2], argc == 4 ? argv[3] : ""), 0;
  bool smoke = false, keep = false;
  for (int i = 2; i < argc; ++i) {
    smoke |= !std::strcmp(argv[i], "--smoke");
    keep |= !std::strcmp(argv[i], "--keep");
  }
  if (argc < 2) return std::fprintf(stderr, "usage: bench_memory FOLDER [--smoke] [--keep]\n"), 2;
  return measure_all(command, smoke, keep);
} catch (const std::exception& e) {
  return std::fprintf(stderr, "bench_memory: error: %s\n", e.what()), 1;
}
