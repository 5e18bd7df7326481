#pragma once
#include <sys/types.h>
#include <optional>
#include <string>
#include <vector>

namespace anser::cli {

/// A run of this program beside this one, which takes it along when it ends.
class Child {
 public:
  /// In a folder, with what it says in a file. Throws Error where the system gives no process.
  Child(const std::vector<std::string>& words, const std::string& folder, const std::string& log);
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  /// Asks it to end, and waits until it has.
  ~Child();

  /// Whether it has ended; how, is then in failure().
  bool ended();
  /// What became of it: empty where it did its work, else the error that it told, or the signal that killed it.
  std::string failure() const;
  /// What it warned of, a line each.
  std::vector<std::string> warnings() const;
  /// The last line that it said so far, without the program's name; may be empty.
  std::string last_line() const;
  /// Asks it to save and end.
  void stop();

 private:
  pid_t process_;
  std::optional<int> status_;
  bool stopped_ = false;
  std::string log_;
};

}  // namespace anser::cli
