#pragma once
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "../core/error.hpp"
#include "output_directory.hpp"

namespace anser {

ANSER_INLINE OutputDirectory::OutputDirectory(std::string path) : path_(std::move(path)) {
  namespace fs = std::filesystem;
  check(!path_.empty(), "an output directory needs a name");
  std::error_code problem;
  const fs::file_status status = fs::status(path_, problem);
  check(!fs::exists(status) || fs::is_directory(status), path_, " is a file; name a directory that is not there yet");
  if (fs::exists(status)) {
    check(fs::is_empty(path_, problem) && !problem, path_,
          " is there already and not empty; name a directory that is not there yet");
    target_ = fs::canonical(path_, problem).string();
  } else {
    fs::path named = fs::path(path_).lexically_normal();
    if (!named.has_filename()) named = named.parent_path();  // "a/b/"
    target_ = named.string();
    check(!fs::is_symlink(fs::symlink_status(target_, problem)), path_, " is a link that leads nowhere; remove it");
  }
  const fs::path parent = fs::path(target_).parent_path();
  problem.clear();
  if (!parent.empty()) fs::create_directories(parent, problem);
  check(!problem, path_, " cannot be made: the folder ", parent.string(), ": ", problem.message(), "; name another");
  bool fresh = false;
  for (int count = 0; !fresh && !problem; ++count) {
    temporary_ = concat(parent.empty() ? "." : parent.string(), "/.",
                        fs::path(target_).filename().string().substr(0, 200),  // names may have 255 bytes
                        '.', getpid(), '-', count, ".partial");
    fresh = fs::create_directory(temporary_, problem);
  }
  if (problem) temporary_.clear();
  check(!problem, path_, " cannot be made: ", problem.message(), "; name another folder");
}

ANSER_INLINE OutputDirectory::~OutputDirectory() {
  std::error_code ignored;
  if (!temporary_.empty()) std::filesystem::remove_all(temporary_, ignored);
}

ANSER_INLINE std::string OutputDirectory::name() const { return std::filesystem::path(target_).filename().string(); }

ANSER_INLINE void OutputDirectory::commit() {
  check(!temporary_.empty(), path_, " is already there");
  std::error_code problem;
  std::filesystem::rename(temporary_, target_, problem);  // over an empty directory too
  check(!problem, path_, " cannot be made: ", problem.message(), "; name another folder");
  temporary_.clear();
}

}  // namespace anser
