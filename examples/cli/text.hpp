#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace anser::cli {

/// Results: stdout, checked by finish_output.
void print(std::string_view text);
/// Throws Error where something printed could not be written.
void finish_output();
/// The text with its control characters as they are written in C: names come from files, and a terminal obeys them.
std::string visible(std::string_view text);
/// One line on stderr.
void warn(std::string_view text);
/// To stderr as it is; that stderr takes nothing is no reason to fail.
void complain(std::string_view text);
void tell(std::string_view text);

bool contains(const std::vector<std::string>& words, const std::string& word);
/// Its parts between separators; none of an empty text, and none behind a separator that ends it.
std::vector<std::string> split(std::string_view text, std::string_view separator);
/// The name of the folder that a path leads to: "." has one too, and a link has its target's.
std::string last_folder(const std::string& path);

/// 1234567 -> "1,234,567"
std::string grouped(std::uint64_t n);
/// 1234567 -> "1.2 MB"
std::string size_text(std::uint64_t bytes);
/// 75 -> "1:15", 4000 -> "1:06:40"
std::string duration_text(double seconds);
/// Columns on a terminal that a UTF-8 text of one-column characters takes.
std::size_t width(std::string_view utf8);
/// The text cut to `columns`, with a mark where something is gone.
std::string cut(std::string_view utf8, std::size_t columns);

/// Columns of the terminal that stderr is; 120 where it does not say.
std::size_t terminal_columns();

/// Columns as wide as their widest cell; those named with a leading '>' are aligned to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> head);
  void add(std::vector<std::string> cells);
  std::string text() const;

 private:
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

/// How far long work is, on stderr: a bar with rate and time left on a terminal, else a plain line twice a minute.
class Progress {
 public:
  /// `begun`: what was done before this run, and is no part of its rate.
  Progress(std::string what, std::size_t total, std::size_t begun = 0);
  ~Progress();
  /// `note` is shown behind the numbers.
  void advance(std::size_t n = 1, std::string_view note = {});

 private:
  using Clock = std::chrono::steady_clock;
  void draw(std::string_view note);
  std::string what_;
  std::size_t total_, begun_, done_;
  bool terminal_, drawn_ = false;
  Clock::time_point start_, last_;
};

}  // namespace anser::cli
