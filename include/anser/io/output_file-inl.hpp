#pragma once
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "../core/error.hpp"
#include "output_file.hpp"

namespace anser {

namespace detail {
inline constexpr std::size_t output_buffer = std::size_t(1) << 18;
/// Temporary files that are there now. A signal may come at any moment, so they are pointers in fixed places.
inline std::atomic<const char*> unfinished[16];
inline void replace_unfinished(const char* from, const char* to) noexcept {
  for (auto& slot : unfinished)
    if (const char* expected = from; slot.compare_exchange_strong(expected, to)) return;
}

/// The number of a descriptor of ours that a path such as /dev/stdout names, or -1.
inline int descriptor_of(std::filesystem::path path) {
  namespace fs = std::filesystem;
  std::error_code problem;
  for (int links = 0; links < 40; ++links) {
    const std::string folder = path.parent_path().string(), name = path.filename().string();
    if ((folder == "/proc/self/fd" || folder == "/dev/fd") && !name.empty() && name.size() < 9 &&
        name.find_first_not_of("0123456789") == name.npos)
      return std::stoi(name);
    if (!fs::is_symlink(fs::symlink_status(path, problem))) break;
    path = path.parent_path() / fs::read_symlink(path, problem);
  }
  return -1;
}

/// Where a path leads; where its links lead nowhere yet, the name that they have for it.
inline std::string follow_links(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code problem;
  if (const fs::path real = fs::canonical(path, problem); !problem) return real.string();
  fs::path target = path;
  if (fs::exists(path, problem)) return path;  // such as a pipe's /dev/stdout
  check(problem != std::errc::too_many_symbolic_link_levels, path, " is a link that leads in circles; remove it");
  while (fs::is_symlink(fs::symlink_status(target, problem)))
    target = target.parent_path() / fs::read_symlink(target, problem);
  return target.string();
}
}  // namespace detail

ANSER_INLINE void remove_unfinished_files() noexcept {
  for (auto& slot : detail::unfinished)
    if (const char* path = slot.exchange(nullptr)) ::unlink(path);
}

ANSER_INLINE OutputFile::OutputFile(std::string path) : path_(std::move(path)), target_(detail::follow_links(path_)) {
  namespace fs = std::filesystem;
  check(!path_.empty(), "an output file needs a name");
  std::error_code ignored;
  const fs::file_status status = fs::status(target_, ignored);
  check(status.type() != fs::file_type::directory, path_,
        " is a directory, and a file is to be written; name one in it");
  if (const int open_file = detail::descriptor_of(path_); open_file >= 0) {
    file_ = fcntl(open_file, F_DUPFD_CLOEXEC, 0);  // written on from where it is: a shell's >> keeps what is there
  } else if (fs::exists(status) && !fs::is_regular_file(status)) {
    file_ = ::open(target_.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    const fs::path folder = fs::path(target_).parent_path();
    std::error_code problem;
    if (!folder.empty()) fs::create_directories(folder, problem);
    check(!problem, path_, " cannot be written: the folder ", folder.string(), ": ", problem.message(),
          "; name another folder");
    static std::atomic<unsigned> count{0};
    do {
      temporary_ = concat(folder.empty() ? "." : folder.string(), "/.",
                          fs::path(target_).filename().string().substr(0, 200),  // names may have 255 bytes
                          ".", getpid(), "-", count++, ".partial");
      file_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (file_ < 0 && errno == EEXIST);
  }
  if (file_ < 0) {
    const int error = errno;
    temporary_.clear();
    give_up("cannot be written", error);
  }
  if (!temporary_.empty()) {
    detail::replace_unfinished(nullptr, temporary_.c_str());
    struct stat older;  // who may read what is replaced may read what replaces it, and nobody else
    if (::stat(target_.c_str(), &older) == 0 && ::fchmod(file_, older.st_mode & 07777) != 0)
      give_up("cannot take the older file's permissions", errno);
  }
  buffer_.reserve(detail::output_buffer);
}

ANSER_INLINE OutputFile::~OutputFile() { discard(); }

ANSER_INLINE void OutputFile::discard() noexcept {
  if (file_ >= 0) ::close(std::exchange(file_, -1));
  if (temporary_.empty()) return;
  ::unlink(temporary_.c_str());
  forget();
}

ANSER_INLINE void OutputFile::forget() noexcept {
  detail::replace_unfinished(temporary_.c_str(), nullptr);
  temporary_.clear();
}

ANSER_INLINE void OutputFile::give_up(const char* what, int error) {
  discard();
  fail(path_, " ", what, ": ", std::generic_category().message(error),
       error == ENOSPC || error == EDQUOT || error == EFBIG ? "; make room or" : ";", " name another folder");
}

ANSER_INLINE void OutputFile::write(const void* data, std::size_t bytes) {
  check(file_ >= 0, path_, " is already closed");
  const char* p = static_cast<const char*>(data);
  if (buffer_.size() + bytes > detail::output_buffer) flush();
  if (bytes >= detail::output_buffer)
    drain(p, bytes);
  else
    buffer_.insert(buffer_.end(), p, p + bytes);
}

ANSER_INLINE void OutputFile::flush() {
  drain(buffer_.data(), buffer_.size());
  buffer_.clear();
}

ANSER_INLINE void OutputFile::drain(const char* data, std::size_t bytes) {
  while (bytes) {
    const ssize_t n = ::write(file_, data, bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) give_up("could not be written whole", errno);
    data += n, bytes -= std::size_t(n);
  }
}

ANSER_INLINE void OutputFile::commit() {
  check(file_ >= 0, path_, " is already closed");
  flush();
  if (temporary_.empty()) return discard();
  if (::fsync(file_) != 0) give_up("could not be written whole", errno);
  if (::close(std::exchange(file_, -1)) != 0) give_up("could not be written whole", errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) give_up("cannot be replaced", errno);
  forget();
  // The new name is on the disk once its folder is; not every file system lets one ask for that.
  const std::string folder = std::filesystem::path(target_).parent_path().string();
  if (const int f = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); f >= 0) {
    ::fsync(f);
    ::close(f);
  }
}

ANSER_INLINE void write_file(const std::string& path, std::string_view text) {
  OutputFile out(path);
  out.write(text);
  out.commit();
}

}  // namespace anser
