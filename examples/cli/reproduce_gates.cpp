// anser reproduce gates: experts under other gates than their own.
#include <anser/io/peft.hpp>
#include <anser/io/pool.hpp>

#include <filesystem>

#include "options.hpp"
#include "reproduce.hpp"

namespace anser::cli {
namespace {
namespace fs = std::filesystem;

struct GatesOptions {
  std::string experts, gates, output;
};

void copy_whole(const fs::path& from, const fs::path& to) {
  std::error_code problem;
  fs::copy_file(from, to, fs::copy_options::overwrite_existing, problem);
  check(!problem, to.string(), ": ", from.string(), " cannot be copied there: ", problem.message());
}

/// The expert's own gates with zeros in them, as they are before training.
void write_untrained(const Expert& e, const std::string& directory) {
  check(e.gates != nullptr, e.origin, " has no gates");
  MemorySource zeros(e.origin);
  std::vector<NamedTensor> gates;
  for (const auto& name : e.gates->names()) {
    const Shape shape = e.gates->find(name)->shape;
    zeros.add(name, shape, std::vector<float>(shape.size()));
    gates.emplace_back(name, *zeros.find(name));
  }
  write_gates(directory, std::move(gates));
}

void run(const GatesOptions& o) {
  for (const Expert& e : load_pool(o.experts).experts) {
    const fs::path from = fs::path(o.experts) / e.name, to = fs::path(o.output) / e.name;
    std::error_code problem;
    fs::create_directories(to, problem);
    check(!problem, to.string(), ": the folder cannot be made: ", problem.message(), "; name another --output");
    for (const char* file : {"adapter_config.json", "adapter_model.safetensors", "expert.json"})
      copy_whole(from / file, to / file);
    if (o.gates.empty())
      write_untrained(e, to.string());
    else
      copy_whole(fs::path(o.gates) / e.name / "gate.safetensors", to / "gate.safetensors");
  }
}

}  // namespace

void add_reproduce_gates(Command& reproduce) {
  auto o = std::make_shared<GatesOptions>();
  Command& c = reproduce.add_subcommand(
      "gates", "A step of phatgoose's sweeps: copies a pool's experts, with other gates than their own.");
  c.add_option("--experts", o->experts, "The pool")->required()->type_name("DIR");
  c.add_option("--gates", o->gates,
               "Has <expert>/gate.safetensors; where not given, gates are zero, as before training")
      ->type_name("DIR");
  c.add_option("--output", o->output, "The new pool")->required()->type_name("DIR");
  add_examples(c, {"anser reproduce gates --experts experts --output untrained"});
  c.callback([o] { run(*o); });
}

}  // namespace anser::cli
