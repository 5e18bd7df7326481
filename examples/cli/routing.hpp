#pragma once
#include <string>
#include <utility>
#include <vector>

#include "trace.hpp"

namespace anser::cli {

/// What a router did on tasks: routing.json (docs/cli.md).
struct Routing {
  std::string router;
  std::vector<std::string> experts;
  struct Task {
    std::string name;
    std::size_t examples;
    std::vector<std::pair<std::string, std::vector<double>>> sites;  // mean weights, [experts]
  };
  std::vector<Task> tasks;
  std::vector<std::pair<std::string, TracedInput>> inputs;  // some, with their tasks
};

std::string routing_text(const Routing& r);
/// Throws Error naming the file where it is broken, or its parts do not belong together.
Routing read_routing(const std::string& path);

}  // namespace anser::cli
