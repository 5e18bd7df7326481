#pragma once
#include <fmt/core.h>

#include <charconv>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace anser::cli {

/// What a value must be: says what is wrong with one, or nothing, and may rewrite it. `description` is for --help.
struct Check {
  std::string description;
  std::function<std::string(std::string&)> find_fault;
};

/// A file or folder must have a name: an unset variable of a script would else be as an option that was not given.
struct Named : Check {
  Named();
};

/// A name in a comma list, whose blanks around it go.
struct Trimmed : Check {
  Trimmed();
};

/// One of these words.
struct Among : Check {
  explicit Among(std::vector<std::string> words);
};

/// A number from `least` to `most`, which --help shows. It is read as it stands: no octal, no negative unsigned, no
/// NaN.
struct Between : Check {
  template <class T>
  Between(T least, T most) {
    description = fmt::format("{} to {}", least, most);
    find_fault = [=](std::string& text) {
      T value{};
      const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (problem != std::errc() || end != text.data() + text.size() || !(value >= least && value <= most))
        return fmt::format("{} is not {} from {} to {}", text, std::is_integral_v<T> ? "a whole number" : "a number",
                           least, most);
      text = fmt::format("{}", value);
      return std::string();
    };
  }
};

/// An option of a command. CLI11 behind a door: its headers take seconds to read, and only command.cpp and those that
/// look into it need to.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}
  Option* required(bool is = true);
  Option* needs(Option* other);
  Option* excludes(Option* other);
  Option* check(const Check& c);
  Option* check(std::function<std::string(const std::string&)> find_fault);
  Option* delimiter(char c);
  Option* type_name(const std::string& name);
  Option* group(const std::string& name);
  Option* capture_default_str();
  std::size_t count() const;

 private:
  CLI::Option* option_;
};

/// A command of the program, or the program itself. What it returns lives as long as it does.
class Command {
 public:
  explicit Command(CLI::App& app) : app_(&app) {}
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  Command& add_subcommand(const std::string& name, const std::string& description);
  /// One of its subcommands must be named.
  void require_subcommand();
  /// The variable is set before the callback runs, and holds the default until then.
  Option* add_option(const std::string& name, std::string& value, const std::string& help);
  Option* add_option(const std::string& name, std::vector<std::string>& value, const std::string& help);
  Option* add_option(const std::string& name, int& value, const std::string& help);
  Option* add_option(const std::string& name, long long& value, const std::string& help);
  Option* add_option(const std::string& name, std::uint64_t& value, const std::string& help);
  Option* add_option(const std::string& name, double& value, const std::string& help);
  /// One whose value somebody else reads off the command line.
  Option* add_option(const std::string& name, const std::string& help);
  /// One that was added.
  Option* find_option(const std::string& name);
  Option* add_flag(const std::string& name, bool& value, const std::string& help);
  /// From here on each option and argument of this command, and of those below it, that is a file or a folder is Named.
  void require_names();
  void callback(std::function<void()> work);
  /// What stands below the options in --help.
  void footer(const std::string& text);

  CLI::App& app() const { return *app_; }

 private:
  Option* keep(CLI::Option* option);

  CLI::App* app_;
  std::deque<Option> options_;
  std::deque<Command> commands_;
};

/// Examples and remarks below the options in a command's --help.
void add_examples(Command& command, const std::vector<std::string>& lines);

/// Wrong usage that is found once everything is read: ends the program with status 2.
[[noreturn]] void refuse_missing(const std::string& option);

}  // namespace anser::cli
