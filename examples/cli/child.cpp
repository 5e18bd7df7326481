#include "child.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <anser/core/error.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <utility>

namespace anser::cli {
namespace {

/// In the child: becomes the program. Calls only what is allowed between fork and exec.
[[noreturn]] void become(char* const* words, const char* folder, int log, pid_t parent) {
  // A terminal's Ctrl-C goes to a whole group of processes: it is for the parent, who asks its children one by one.
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  const int nothing = open("/dev/null", O_RDONLY);
  const bool ready = getppid() == parent && nothing >= 0 && dup2(nothing, 0) >= 0 && dup2(log, 1) >= 0 &&
                     dup2(log, 2) >= 0 && chdir(folder) == 0;
  if (ready) execv("/proc/self/exe", words);
  _exit(127);
}

/// What stands behind a mark in the lines of a log that have it.
std::vector<std::string> lines_behind(std::string_view mark, const std::string& log) {
  std::ifstream file(log, std::ios::binary);
  std::vector<std::string> said;
  for (std::string line; std::getline(file, line);)
    if (const auto at = line.find(mark); at != line.npos) said.push_back(line.substr(at + mark.size()));
  return said;
}

}  // namespace

Child::Child(const std::vector<std::string>& words, const std::string& folder, const std::string& log) : log_(log) {
  std::vector<std::string> copies{"anser"};
  copies.insert(copies.end(), words.begin(), words.end());
  std::vector<char*> pointers;
  for (auto& word : copies) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  check(file >= 0, log, " cannot be written: ", std::strerror(errno));
  const pid_t parent = getpid();
  process_ = fork();
  if (process_ == 0) become(pointers.data(), folder.c_str(), file, parent);
  const int problem = errno;
  close(file);
  check(process_ > 0, "no further process can be started: ", std::strerror(problem));
}

Child::Child(Child&& other) noexcept
    : process_(std::exchange(other.process_, -1)),
      status_(other.status_),
      stopped_(other.stopped_),
      log_(std::move(other.log_)) {}

Child::~Child() {
  if (process_ < 0 || status_) return;
  stop();
  int status = 0;
  while (waitpid(process_, &status, 0) < 0 && errno == EINTR) {
  }
}

bool Child::ended() {
  int status = 0;
  if (!status_ && waitpid(process_, &status, WNOHANG) == process_) status_ = status;
  return status_.has_value();
}

std::string Child::failure() const {
  if (!status_ || (WIFEXITED(*status_) && WEXITSTATUS(*status_) == 0)) return {};
  if (WIFSIGNALED(*status_))
    return concat("it was killed by signal ", WTERMSIG(*status_), " (", strsignal(WTERMSIG(*status_)), ")");
  const auto said = lines_behind("anser: error: ", log_);
  return said.empty() ? concat("it ended with status ", WEXITSTATUS(*status_)) : said.back();
}

std::vector<std::string> Child::warnings() const { return lines_behind("anser: warning: ", log_); }

std::string Child::last_line() const {
  constexpr std::streamoff most = 4096;  // a log grows for days
  std::ifstream file(log_, std::ios::binary | std::ios::ate);
  if (!file) return {};
  file.seekg(std::max<std::streamoff>(0, file.tellg() - most));
  std::string last;
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("anser: ")) last = line.substr(7);
  return last;
}

void Child::stop() {
  if (!std::exchange(stopped_, true) && !status_) kill(process_, SIGTERM);
}

}  // namespace anser::cli
