#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "../core/config.hpp"

namespace anser {

/// A file that appears under its name whole or not at all: bytes go to a temporary file in the same folder, commit()
/// puts them on the disk and renames it; destroyed before that, the temporary file goes and an older file of that name
/// stays. Missing folders are made. A path that is no regular file (a pipe, a terminal) is written to directly.
class OutputFile {
 public:
  explicit OutputFile(std::string path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  /// Throws Error, once, where the disk is full or the folder cannot be written.
  void write(const void* data, std::size_t bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  void commit();

 private:
  void flush();
  void drain(const char* data, std::size_t bytes);
  [[noreturn]] void give_up(const char* what, int error);
  void discard() noexcept;
  void forget() noexcept;  // temporary_ is no more

  std::string path_;       // for messages
  std::string target_;     // path_ with links followed
  std::string temporary_;  // empty: written directly
  std::vector<char> buffer_;
  int file_ = -1;
};

/// Unlinks the temporary files of all OutputFiles (the first 16), which can not be committed then. For handlers of
/// signals that end the program: it calls nothing that they may not.
void remove_unfinished_files() noexcept;

/// The whole text as one such file.
void write_file(const std::string& path, std::string_view text);

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "output_file-inl.hpp"
#endif
