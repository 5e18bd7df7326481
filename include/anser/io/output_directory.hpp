#pragma once
#include <string>

#include "../core/config.hpp"

namespace anser {

/// A directory that appears under its name whole or not at all: files go into a hidden one beside it, commit() renames
/// that. Destroyed before, the hidden one goes.
class OutputDirectory {
 public:
  /// Throws Error where something other than an empty directory is there already, or no directory can be made.
  explicit OutputDirectory(std::string path);
  ~OutputDirectory();
  OutputDirectory(const OutputDirectory&) = delete;
  OutputDirectory& operator=(const OutputDirectory&) = delete;

  /// Where to write until commit().
  const std::string& path() const { return temporary_; }
  /// The last part of the name that it gets.
  std::string name() const;
  void commit();

 private:
  std::string path_;       // for messages
  std::string target_;     // path_ with links followed
  std::string temporary_;  // empty once committed
};

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "output_directory-inl.hpp"
#endif
