#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "../core/config.hpp"

namespace anser {

/// A whole file as read-only memory. The system reads a page when it is first touched and may drop it again.
/// The mapping lives as long as somebody holds the pointer; the file itself may be renamed or replaced meanwhile, but
/// one that another program makes shorter while it is mapped ends this program (SIGBUS), as with every mapped file.
class MappedFile {
 public:
  /// Throws Error where the path does not exist, is no regular file, or cannot be read or mapped.
  static std::shared_ptr<const MappedFile> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  const std::string& path() const { return path_; }
  /// Lets the pages of [offset, offset + bytes) go, and those around that the system mapped along with them. Reading
  /// them again maps them again.
  void evict(std::size_t offset, std::size_t bytes) const noexcept;

 private:
  MappedFile(std::string path, const std::byte* data, std::size_t size);
  std::string path_;
  const std::byte* data_;
  std::size_t size_;
};

/// Whether there is a file of that name. Throws Error where something is there that is none: a directory, a link that
/// leads nowhere, a place that may not be looked at.
bool has_file(const std::string& path);
/// Throws Error unless the path is a directory; `what` says of what: "a model".
void check_directory(const std::string& path, std::string_view what);

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "mapped_file-inl.hpp"
#endif
