#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../core/error.hpp"
#include "charsmap.hpp"
#include "mapped_file.hpp"

namespace anser {

/// A file of lines, one document each. Lines are found once and read when they are asked for, so that files may be
/// larger than memory. Blank lines are passed over.
class PlainText {
 public:
  /// Throws Error where the file cannot be read, or holds no line; `otherwise` then says what belongs there.
  explicit PlainText(const std::string& path, const std::string& otherwise = "no text; each line is a document")
      : file_(MappedFile::open(path)) {
    const std::string_view text = whole();
    std::uint64_t number = 0;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      ++number;
      if (text.substr(at, end - at).find_first_not_of(" \t\r") != text.npos) lines_.push_back({at, number});
      at = end + 1;
    }
    file_->evict(0, file_->size());
    check(!lines_.empty(), path, " holds ", otherwise);
  }

  std::size_t size() const { return lines_.size(); }
  const std::string& path() const { return file_->path(); }

  /// A line as the file has it, without its end; valid as long as this object.
  std::string_view line(std::size_t i) const {
    const std::string_view text = whole().substr(lines_.at(i).begin);
    return text.substr(0, text.find_first_of('\n'));
  }
  /// "file:line", for messages.
  std::string place(std::size_t i) const { return concat(path(), ':', lines_.at(i).number); }

  /// A document. Throws Error naming file and line where it is not UTF-8.
  std::string operator[](std::size_t i) const {
    std::string_view text = line(i);
    while (text.ends_with('\r')) text.remove_suffix(1);
    check(is_utf8(text), place(i), ": not valid UTF-8; convert the file, or take this line out");
    return std::string(text);
  }

 private:
  struct Line {
    std::uint64_t begin, number;
  };
  std::string_view whole() const { return {reinterpret_cast<const char*>(file_->data()), file_->size()}; }

  std::shared_ptr<const MappedFile> file_;
  std::vector<Line> lines_;
};

}  // namespace anser
