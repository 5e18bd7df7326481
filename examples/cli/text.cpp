#include "text.hpp"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <anser/core/error.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace anser::cli {
namespace {
int output_error = 0;
}

void print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() && !output_error) output_error = errno;
}

void finish_output() {
  if (std::fflush(stdout) != 0 && !output_error) output_error = errno;
  const bool full = output_error == ENOSPC || output_error == EDQUOT || output_error == EFBIG;
  check(output_error == 0, "standard output: could not be written whole: ", std::strerror(output_error),
        full ? "; make room, or write elsewhere" : "; is it open for writing?");
}

void complain(std::string_view text) {
  [[maybe_unused]] const auto written = std::fwrite(text.data(), 1, text.size(), stderr);
}
std::string visible(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = (unsigned char)text[i], next = (unsigned char)(i + 1 < text.size() ? text[i + 1] : 0);
    if (c == '\n') {
      out += "\\n";
    } else if (c == 0xC2 && next >= 0x80 && next < 0xA0) {  // those beyond ASCII
      out += fmt::format("\\x{:02X}", next);
      ++i;
    } else if (c < ' ' || c == 0x7F) {
      out += fmt::format("\\x{:02X}", c);
    } else {
      out += text[i];
    }
  }
  return out;
}
void tell(std::string_view text) { complain(fmt::format("anser: {}\n", visible(text))); }
void warn(std::string_view text) { complain(fmt::format("anser: warning: {}\n", visible(text))); }

bool contains(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::vector<std::string> split(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find(separator, from), text.size());
    parts.emplace_back(text.substr(from, end - from));
    from = end + separator.size();
  }
  return parts;
}

std::string last_folder(const std::string& path) {
  const auto whole = std::filesystem::weakly_canonical(path);
  return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

std::string grouped(std::uint64_t n) {
  std::string digits = std::to_string(n);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string size_text(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double n = double(bytes);
  const char* unit = "kMGTPE";
  for (n /= 1000; n >= 999.95 && unit[1]; n /= 1000) ++unit;
  return fmt::format("{:.1f} {}B", n, *unit);
}

std::string duration_text(double seconds) {
  const auto s = (long long)(seconds + 0.5);
  return s < 3600 ? fmt::format("{}:{:02}", s / 60, s % 60)
                  : fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

std::size_t width(std::string_view utf8) {
  return std::size_t(std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string cut(std::string_view utf8, std::size_t columns) {
  if (width(utf8) <= columns) return std::string(utf8);
  std::size_t at = 0;
  for (std::size_t seen = 0; at < utf8.size(); ++at)
    if ((utf8[at] & 0xC0) != 0x80 && ++seen == columns) break;
  return std::string(utf8.substr(0, at)) + "…";
}

std::size_t terminal_columns() {
  winsize window{};
  return ioctl(2, TIOCGWINSZ, &window) == 0 && window.ws_col > 1 ? window.ws_col : 120;
}

Table::Table(std::vector<std::string> head) {
  for (auto& name : head) {
    right_.push_back(name.starts_with('>'));
    if (right_.back()) name.erase(0, 1);
    name = visible(name);
  }
  rows_.push_back(std::move(head));
}

void Table::add(std::vector<std::string> cells) {
  cells.resize(right_.size());
  for (auto& cell : cells) cell = visible(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  std::vector<std::size_t> columns(right_.size());
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) columns[i] = std::max(columns[i], width(row[i]));
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string space(columns[i] - width(row[i]), ' ');
      line += (i ? "  " : "") + (right_[i] ? space + row[i] : row[i] + space);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

Progress::Progress(std::string what, std::size_t total, std::size_t begun)
    : what_(std::move(what)),
      total_(total),
      begun_(begun),
      done_(begun),
      terminal_(isatty(2) == 1),
      start_(Clock::now()),
      last_(start_) {}

Progress::~Progress() {
  if (drawn_ && terminal_) complain("\r\033[K");
}

void Progress::advance(std::size_t n, std::string_view note) {
  done_ += n;
  const auto now = Clock::now();
  if (now - last_ < (terminal_ ? std::chrono::milliseconds(100) : std::chrono::seconds(30))) return;
  last_ = now;
  draw(note);
}

void Progress::draw(std::string_view note) {
  const double seconds = std::chrono::duration<double>(last_ - start_).count();
  const double rate = double(done_ - begun_) / std::max(seconds, 1e-9);
  const double left = rate > 0 ? double(total_ - std::min(total_, done_)) / rate : 0;
  const auto numbers = fmt::format("{} of {}, {:.3g} a second, {} left{}{}", done_, total_, rate, duration_text(left),
                                   note.empty() ? "" : ", ", note);
  if (!terminal_) {
    tell(fmt::format("{}: {}", what_, numbers));
    return;
  }
  const std::size_t full = total_ ? 24 * std::min(done_, total_) / total_ : 24;
  const auto line = fmt::format("{} [{}{}] {}", what_, std::string(full, '#'), std::string(24 - full, ' '), numbers);
  complain("\r\033[K" + cut(visible(line), terminal_columns() - 1));
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace anser::cli
