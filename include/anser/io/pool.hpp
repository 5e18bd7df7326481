#pragma once
#include <string>
#include <vector>

#include "../nn/expert.hpp"
#include "peft.hpp"

namespace anser {

/// A pool: a directory of expert directories, of one kind. Experts are ordered by folder name, bytewise; that order
/// numbers them.
struct Pool {
  std::string origin;
  std::string kind;  // of all its experts
  std::vector<Expert> experts;
  std::vector<std::string> skipped;   // one line for each folder that was left out, with the reason
  std::vector<std::string> warnings;  // odd, but usable: unknown fields, experts of another base model
};

struct PoolOptions {
  bool skip_broken = false;  // leave broken folders out instead of refusing the pool
  std::string base_hash;     // ModelDirectory::hash(); experts that name another are warned of. Empty: not compared
  std::vector<std::string> allow{}, deny{};  // folders that alone, or that not, are the pool. Empty: all are
};

/// Reads headers only; 1,024 experts open in about a second. Hidden folders and plain files are ignored, and so is
/// whoever is denied: nothing of such a folder is opened.
/// Throws one Error that names every broken folder, or the experts of another kind than the first; also for a name that
/// no folder has, and where nobody is left.
Pool load_pool(const std::string& directory, const PoolOptions& options = {});

/// "a, b, c", for messages; of many the first.
std::string list_names(const std::vector<std::string>& names);

/// Throws one Error that names every expert that does not fit the linears of the base model.
void check_against(const Pool& pool, const std::vector<LinearSizes>& linears);

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "pool-inl.hpp"
#endif
