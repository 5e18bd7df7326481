#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace anser::cli {

/// What routers that are trained with their pool are told.
struct JointOptions {
  std::uint64_t seed = 0;
  int tasks = 1;                    // how many the training data has
  std::vector<int> expert_of_task;  // tag: places in the pool
};

/// What `train joint` writes into a pool's router.json, besides the steps: what a router has to be told again.
struct TrainedRouter {
  std::string name;
  std::uint64_t seed = 0;
  std::vector<std::string> tasks;    // of the training data, sorted
  std::vector<std::string> experts;  // tag: each task's; hash: all
};

/// Of a pool's directory; an empty name where it was not trained with a router.
TrainedRouter read_trained_router(const std::string& pool);
void write_trained_router(const std::string& pool, const TrainedRouter& router, long long steps);

/// What the options of the command line say about routing.
struct RouterOptions {
  std::string name = "phatgoose";
  int top_k = 2;
  std::string expert;                    // single: who
  std::string weights, tasks;            // files: weights' {"expert": weight}, oracle's {"task": "expert"}
  std::vector<std::string> settings;     // --router-option key=value
  std::vector<std::string> allow, deny;  // experts that alone, or that not, are in the pool

  // What the files say, read once.
  std::vector<std::pair<std::string, double>> mix;
  std::map<std::string, std::string> expert_of_task;
  JointOptions joint;
};

/// What a setting says; empty where it is not given.
std::string setting(const RouterOptions& o, const std::string& key);
/// The number that a setting has; `otherwise` where it is not given. Throws Error where it is none above 0.
double setting(const RouterOptions& o, const std::string& key, double otherwise);

/// The object {"task": "expert"} of a file.
std::map<std::string, std::string> read_tasks_to_experts(const std::string& path);
/// The expert of each task as such a file says; with no file, one after the other. Throws Error where a task is not in
/// it, or is given an expert that will not be there.
std::vector<std::string> assign_experts(const std::string& path, const std::vector<std::string>& tasks,
                                        const std::vector<std::string>& experts);

/// Reads the router's files and checks its settings. Throws Error where a setting is missing, unknown, or not this
/// router's.
RouterOptions resolve(RouterOptions o);

}  // namespace anser::cli
