#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../core/config.hpp"
#include "mapped_file.hpp"

namespace anser {

/// A zip archive, mapped, whose files are stored as they are, which is how torch.save packs them. Files of 4 GiB and
/// more (zip64) are read; compression and encryption are refused.
class ZipFile {
 public:
  struct Entry {
    std::string name;
    std::size_t offset = 0, bytes = 0;  // of its data, in the archive
    std::uint32_t crc = 0;              // CRC-32 of its data, by the archive's directory
  };

  /// Reads the directory. Throws Error where the archive is cut off, or its directory and its files disagree: names
  /// once each, data inside the archive that no two files share, nothing behind the directory.
  explicit ZipFile(const std::string& path);

  const std::vector<Entry>& entries() const { return entries_; }  // sorted by name, bytewise
  const Entry* find(std::string_view name) const;
  const std::byte* data(const Entry& e) const { return file_->data() + e.offset; }
  std::string_view text(const Entry& e) const { return {reinterpret_cast<const char*>(data(e)), e.bytes}; }
  /// Throws Error where its data is not what was written. Reads all of it.
  void check_sum(const Entry& e) const;

  const std::string& path() const { return file_->path(); }
  const std::shared_ptr<const MappedFile>& file() const { return file_; }

 private:
  std::shared_ptr<const MappedFile> file_;
  std::vector<Entry> entries_;
};

/// CRC-32 as zip, gzip and PNG have it; `crc` is that of the bytes before.
std::uint32_t crc32(const void* data, std::size_t bytes, std::uint32_t crc = 0);

/// A name out of a stranger's file, for messages: short, on one line, odd bytes as \xNN.
std::string printable(std::string_view text);

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "zip-inl.hpp"
#endif
