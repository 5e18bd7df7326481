#pragma once
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>

#include "../core/error.hpp"
#include "mapped_file.hpp"

namespace anser {

namespace detail {
/// What the system says about errno, for the end of a message.
inline std::string reason_of(int error) { return std::generic_category().message(error); }
}  // namespace detail

ANSER_INLINE MappedFile::MappedFile(std::string path, const std::byte* data, std::size_t size)
    : path_(std::move(path)), data_(data), size_(size) {}

ANSER_INLINE MappedFile::~MappedFile() {
  if (size_) munmap(const_cast<std::byte*>(data_), size_);
}

ANSER_INLINE std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  // Without O_NONBLOCK, opening a named pipe would wait for its writer.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  check(file >= 0, path, " cannot be opened: ", detail::reason_of(errno));
  struct Closer {
    int file;
    ~Closer() { ::close(file); }
  } const closer{file};
  struct stat about {};
  check(fstat(file, &about) == 0, path, " cannot be examined: ", detail::reason_of(errno));
  check(!S_ISDIR(about.st_mode), path, " is a directory, and a file was expected");
  check(S_ISREG(about.st_mode), path, " is not a regular file; copy its contents into one first");
  const auto size = std::size_t(about.st_size);
  const std::byte* data = nullptr;
  if (size) {
    void* p = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
    check(p != MAP_FAILED, path, " cannot be mapped: ", detail::reason_of(errno));
    data = static_cast<const std::byte*>(p);
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(path, data, size));
}

ANSER_INLINE void MappedFile::evict(std::size_t offset, std::size_t bytes) const noexcept {
  if (offset >= size_) return;
  // Linux maps a whole window of 64 KiB at each fault, if it is in memory. Without its neighbours, most of a file of
  // vectors smaller than that would stay.
  const std::size_t window = std::max(std::size_t(sysconf(_SC_PAGESIZE)), std::size_t(1) << 16);
  const std::size_t first = offset / window * window;
  const std::size_t end = std::min(size_, (offset + std::min(bytes, size_ - offset) + window - 1) / window * window);
  if (first < end) madvise(const_cast<std::byte*>(data_) + first, end - first, MADV_DONTNEED);
}

ANSER_INLINE bool has_file(const std::string& path) {
  std::error_code error, ignored;
  const auto status = std::filesystem::status(path, error);
  check(!std::filesystem::is_directory(status), path, " is a directory, and a file was expected");
  if (std::filesystem::exists(status)) return true;
  check(!std::filesystem::is_symlink(std::filesystem::symlink_status(path, ignored)), path, " is a link to ",
        std::filesystem::read_symlink(path, ignored).string(),
        ", which cannot be followed: ", detail::reason_of(error ? error.value() : ENOENT),
        "; put the file itself there");
  check(status.type() == std::filesystem::file_type::not_found, path, " cannot be examined: ", error.message());
  return false;
}

ANSER_INLINE void check_directory(const std::string& path, std::string_view what) {
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  check(std::filesystem::exists(status), path, " does not exist; ", what, " is a directory");
  check(std::filesystem::is_directory(status), path, " is a file; name the directory of ", what);
}

}  // namespace anser
