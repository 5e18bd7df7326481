#include "reproduce_steps.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <unistd.h>
#include <anser/core/error.hpp>
#include <anser/core/sha256.hpp>
#include <anser/io/json.hpp>
#include <anser/io/output_file.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <list>
#include <set>
#include <thread>

#include "child.hpp"
#include "signals.hpp"
#include "text.hpp"

namespace anser::cli {
namespace {
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

/// One folder, one run: two would write over each other.
class Lock {
 public:
  explicit Lock(const std::string& directory) {
    std::error_code problem;
    fs::create_directories(directory, problem);
    check(!problem, directory, ": the folder cannot be made: ", problem.message(), "; name another");
    file_ = open((directory + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    check(file_ >= 0, directory, " cannot be written; name another folder");
    if (flock(file_, LOCK_EX | LOCK_NB) == 0) return;
    close(file_);
    fail(directory, ": another run is at work in this folder; wait for it, or name another --output");
  }
  ~Lock() { close(file_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  int file_;
};

bool varies(const std::string& path) { return fs::path(path).filename().string().starts_with("training"); }

/// The hash of what a step wrote; empty where some of it is missing.
std::string content_of(const std::string& directory, const Step& step) {
  Sha256 hash;
  for (const auto& path : step.writes) {
    if (varies(path)) continue;
    std::ifstream file(directory + '/' + path, std::ios::binary);
    if (!file) return {};
    Sha256 one;
    std::vector<char> bytes(1 << 16);
    while (file.read(bytes.data(), std::streamsize(bytes.size())), file.gcount() > 0)
      one.update(bytes.data(), std::size_t(file.gcount()));
    hash.update(path + '\n' + one.hex() + '\n');
  }
  return hash.hex();
}

/// Names, sizes and times of a file, or of all files of a folder but hidden ones: reading billions of bytes again would
/// cost more than many a step.
std::string stamp_of(const std::string& path) {
  std::vector<std::string> lines;
  const auto note = [&](const fs::path& file) {
    std::error_code problem;
    const auto size = fs::file_size(file, problem);
    check(!problem, file.string(), " cannot be read: ", problem.message());
    lines.push_back(
        concat(file.string(), ' ', size, ' ', fs::last_write_time(file, problem).time_since_epoch().count(), '\n'));
  };
  check(fs::exists(path), path, " does not exist");
  if (fs::is_directory(path)) {
    std::error_code problem, ignored;
    fs::recursive_directory_iterator at(path, fs::directory_options::follow_directory_symlink, problem), end;
    for (; !problem && at != end; at.increment(problem)) {
      const bool hidden = at->path().filename().string().starts_with('.');
      if (hidden) at.disable_recursion_pending();
      if (!hidden && at->is_regular_file(ignored)) note(at->path());
    }
    check(!problem, path, " cannot be read: ", problem.message());
  } else {
    note(path);
  }
  std::sort(lines.begin(), lines.end());
  std::string all;
  for (const auto& line : lines) all += line;
  return all;
}

enum class State { waiting, running, done };

struct Progressed {
  State state = State::waiting;
  std::string content;  // once it is done
  double path = 0;      // seconds from its beginning to the end of what waits for it
  Clock::time_point begun;
};

struct Running {
  std::size_t step;
  std::string key;
  Child child;
};

class Run {
 public:
  Run(const std::string& directory, const std::vector<Step>& steps, int jobs)
      : directory_(directory), steps_(steps), jobs_(std::size_t(jobs)), all_(steps.size()), terminal_(isatty(2) == 1) {
    for (std::size_t i = steps.size(); i-- > 0;) {
      all_[i].path += steps[i].seconds;
      for (const std::size_t before : steps[i].after) all_[before].path = std::max(all_[before].path, all_[i].path);
    }
  }

  void all() {
    note_signals();
    while (done_ < steps_.size()) {
      if (signalled()) stop_by_signal();
      start_what_can();
      if (done_ == steps_.size()) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      for (auto at = running_.begin(); at != running_.end();) at = at->child.ended() ? end(at) : std::next(at);
      show();
    }
    clear();
  }

 private:
  std::string record(std::size_t i) const { return directory_ + "/steps/" + steps_[i].name + ".json"; }
  std::string log(std::size_t i) const { return directory_ + "/steps/" + steps_[i].name + ".log"; }

  /// Starts, or passes over, the steps that wait for nobody; those that most depends on go first.
  void start_what_can() {
    while (running_.size() < jobs_ && !signalled()) {
      std::size_t next = steps_.size();
      for (std::size_t i = 0; i < steps_.size(); ++i)
        if (all_[i].state == State::waiting && is_ready(i) && (next == steps_.size() || all_[i].path > all_[next].path))
          next = i;
      if (next == steps_.size()) return;
      begin(next);
    }
  }
  bool is_ready(std::size_t i) const {
    return std::all_of(steps_[i].after.begin(), steps_[i].after.end(),
                       [&](std::size_t before) { return all_[before].state == State::done; });
  }

  std::string key_of(std::size_t i) const {
    Sha256 hash;
    hash.update(ANSER_VERSION "\n");
    for (const auto& word : steps_[i].words) hash.update(quote(word) + '\n');
    for (const auto& path : steps_[i].reads) hash.update(stamp_of(path));
    for (const std::size_t before : steps_[i].after) hash.update(all_[before].content + '\n');
    return hash.hex();
  }

  /// The key under which a step was begun, and the hash of what it wrote where it ended: empty where nobody knows.
  std::pair<std::string, std::string> noted(std::size_t i) const {
    std::error_code ignored;
    if (!fs::exists(record(i), ignored)) return {};
    try {
      const Json noted = read_json(record(i));
      return {noted.text("key", ""), noted.text("content", "")};
    } catch (const Error&) {
      return {};  // cut short by whatever ended the program, or not ours: the step is done again
    }
  }

  void begin(std::size_t i) {
    const Step& step = steps_[i];
    const std::string key = key_of(i);
    const auto [known, content] = noted(i);
    std::error_code ignored;
    if (known == key && !content.empty() && content == content_of(directory_, step)) return finish(i, content);
    if (!content.empty() && step.resumes) {  // a training, which may have taken days
      clear();
      tell(concat("doing ", step.name,
                  " again: ", known == key ? "what it wrote was changed" : "its command or what it reads is another"));
    }
    if (known != key || !step.resumes || !content.empty())
      for (const auto* list : {&step.writes, &step.folders})
        for (const auto& path : *list) fs::remove_all(directory_ + '/' + path, ignored);
    write_file(record(i), "{\"key\": " + quote(key) + "}\n");
    auto words = step.words;
    if (step.resumes) words.push_back("--resume");
    all_[i].state = State::running;
    all_[i].begun = Clock::now();
    running_.push_back({i, key, Child(words, directory_, log(i))});
  }

  std::list<Running>::iterator end(std::list<Running>::iterator at) {
    const std::size_t i = at->step;
    const std::string failure = at->child.failure(), key = at->key;
    if (!failure.empty() && signalled()) stop_by_signal();
    if (!failure.empty()) {
      stop_others();
      fail(steps_[i].name, " failed: ", failure, " (what it said: ", log(i), ')');
    }
    const std::string content = content_of(directory_, steps_[i]);
    check(!content.empty(), steps_[i].name, " ended without all that it should have written; its log is ", log(i));
    write_file(record(i), "{\"key\": " + quote(key) + ", \"content\": " + quote(content) + "}\n");
    clear();
    for (const auto& text : at->child.warnings())
      if (warned_.insert(text).second) warn(text);
    const double seconds = since(all_[i].begun);
    spent_ += seconds;
    expected_ += steps_[i].seconds;
    const auto next = running_.erase(at);
    finish(i, content);
    if (!terminal_) tell(fmt::format("{} of {}: {}, {}", done_, steps_.size(), steps_[i].name, duration_text(seconds)));
    return next;
  }

  void finish(std::size_t i, const std::string& content) {
    all_[i].state = State::done;
    all_[i].content = content;
    ++done_;
    if (!steps_[i].accept) return;
    try {
      steps_[i].accept();
    } catch (...) {
      stop_others();
      throw;
    }
  }

  void stop_others() {
    clear();
    for (auto& r : running_) r.child.stop();
    running_.clear();  // waits for each
  }
  [[noreturn]] void stop_by_signal() {
    stop_others();
    fail("stopped by a signal, and saved; the same command goes on from here");
  }

  static double since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

  /// Seconds that are left: what remains of each step, as this machine takes them.
  double left() const {
    const double pace = expected_ > 0 ? spent_ / expected_ : 1;
    double work = 0, longest = 0;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      if (all_[i].state == State::done) continue;
      const double made =
          all_[i].state == State::running ? std::min(since(all_[i].begun) / pace, 0.95 * steps_[i].seconds) : 0;
      work += steps_[i].seconds - made;
      longest = std::max(longest, all_[i].path - made);
    }
    return pace * std::max(work / double(jobs_), longest);
  }

  void show() {
    if (!terminal_) return tell_of_long_steps();
    if (since(shown_) < 0.2) return;
    shown_ = Clock::now();
    std::string now;
    for (const auto& r : running_)
      now += (now.empty() ? "" : ", ") + steps_[r.step].name + ' ' + duration_text(since(all_[r.step].begun));
    if (running_.size() == 1) now += ": " + running_.front().child.last_line();
    const std::string left_text = expected_ > 0 ? fmt::format(", about {} left", duration_text(left())) : std::string();
    complain("\r\033[K" + cut(visible(fmt::format("{} of {} steps{}: {}", done_, steps_.size(), left_text, now)),
                              terminal_columns() - 1));
  }
  /// What those say of themselves that run for long, twice a minute.
  void tell_of_long_steps() {
    constexpr double pause = 30;
    if (since(shown_) < pause) return;
    shown_ = Clock::now();
    for (const auto& r : running_)
      if (const std::string line = r.child.last_line(); since(all_[r.step].begun) > pause && !line.empty())
        tell(steps_[r.step].name + ": " + line);
  }
  void clear() {
    if (terminal_) complain("\r\033[K");
  }

  const std::string& directory_;
  const std::vector<Step>& steps_;
  std::size_t jobs_, done_ = 0;
  std::vector<Progressed> all_;
  std::list<Running> running_;
  bool terminal_;
  double spent_ = 0, expected_ = 0;
  Clock::time_point shown_ = Clock::now();
  std::set<std::string> warned_;
};

}  // namespace

void run_steps(const std::string& directory, const std::string& experiment, const std::vector<Step>& steps, int jobs) {
  const Lock lock(directory);
  const std::string path = directory + "/steps/experiment.json";
  if (fs::exists(path)) {
    const std::string before = read_json(path).text("experiment");
    check(before == experiment, directory, " holds another experiment (", before, "; this is ", experiment,
          "); name another --output, or remove the folder");
  } else {
    std::error_code problem;
    for (fs::directory_iterator at(directory, problem), end; !problem && at != end; at.increment(problem))
      check(
          at->path().filename() == "lock", directory, " holds ", at->path().filename().string(),
          ", and no experiment (steps/experiment.json), and could lose it; name another --output, or an empty folder");
    check(!problem, directory, " cannot be listed: ", problem.message());
  }
  write_file(path, "{\"experiment\": " + quote(experiment) + "}\n");
  Run(directory, steps, jobs).all();
}

}  // namespace anser::cli
