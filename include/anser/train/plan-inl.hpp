#pragma once
#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>

#include "plan.hpp"

namespace anser {
namespace detail {

/// The number after `key` in a file of "key number" lines; with no key, the file's first word. None: not there.
inline std::size_t read_number(const std::string& path, const std::string& key, std::size_t none) {
  std::ifstream in(path);
  std::string word;
  while (!key.empty() && in >> word && word != key) in.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  std::size_t n = none;
  return in >> n ? n : none;  // "max" is no number
}

/// What one control group leaves, cached pages of files counted as free. No limit: the largest number.
inline std::size_t room_in_group(const std::string& folder, const char* limit, const char* usage) {
  constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
  const std::size_t most = read_number(folder + limit, "", none);
  if (most == none) return none;
  const std::string cached = limit == std::string("memory.max") ? "inactive_file" : "total_inactive_file";
  const std::size_t used = read_number(folder + usage, "", 0), idle = read_number(folder + "memory.stat", cached, 0);
  const std::size_t held = used - std::min(used, idle);
  return most - std::min(most, held);
}

/// The least that a group and those above it leave. Within a container the path may be the host's: then only the
/// mount's own folder is there.
inline std::size_t room_in_groups(const std::string& mount, std::string path, const char* limit, const char* usage) {
  std::size_t least = room_in_group(mount + '/', limit, usage);
  for (; !path.empty() && path != "/"; path.erase(path.find_last_of('/')))
    least = std::min(least, room_in_group(mount + path + '/', limit, usage));
  return least;
}

}  // namespace detail

ANSER_INLINE std::size_t available_host_memory(const std::string& root) {
  const std::size_t system = detail::read_number(root + "/proc/meminfo", "MemAvailable:", 0) * 1024;
  if (!system) return 0;
  std::size_t least = system;
  std::ifstream groups(root + "/proc/self/cgroup");
  // Lines are number:controllers:path; version 2 has one, without controllers.
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = ',' + line.substr(first + 1, second - first - 1) + ',';
    const std::string path = line.substr(second + 1);
    if (path.empty() || path[0] != '/') continue;
    if (controllers == ",,")
      least = std::min(least, detail::room_in_groups(root + "/sys/fs/cgroup", path, "memory.max", "memory.current"));
    else if (controllers.find(",memory,") != std::string::npos)
      least = std::min(least, detail::room_in_groups(root + "/sys/fs/cgroup/memory", path, "memory.limit_in_bytes",
                                                     "memory.usage_in_bytes"));
  }
  return std::max<std::size_t>(least, 1);  // 0 would mean unknown
}

ANSER_INLINE std::string show_bytes(std::size_t bytes) {
  const char* units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  double n = double(bytes);
  for (; n >= 1000 && unit < 4; ++unit) n /= 1024;
  std::ostringstream s;
  s.precision(1);
  s << std::fixed << n;
  std::string text = s.str();
  if (unit == 0 || n >= 99.95) text.erase(text.find('.'));
  return text + ' ' + units[unit];
}

ANSER_INLINE std::string describe(const MemoryPlan& plan, std::size_t available) {
  std::string text = "a step takes " + show_bytes(plan.step) + " of memory beyond the " + show_bytes(plan.live) +
                     " of weights and optimizer";
  return available ? text + "; " + show_bytes(available) + " are available" : text;
}

ANSER_INLINE void refuse_where_too_much(const MemoryPlan& plan, std::size_t available) {
  check(!available || plan.step <= available, "training would not fit: ", describe(plan, available),
        "; take a smaller --micro-batch, cut texts shorter (--max-input, --max-target), switch --checkpointing on, or, "
        "where only "
        "experts or gates learn, use --dtype bf16");
}

}  // namespace anser
