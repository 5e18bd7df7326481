#pragma once
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../core/config.hpp"

namespace anser {

/// One value of a JSON file. It knows the file and its own place there, so that every complaint names both.
/// Copies share the file's values. Objects keep the order of the file.
class Json {
 public:
  enum class Kind { null, boolean, integer, real, text, list, object };

  Kind kind() const;
  /// "config.json" or "config.json: rank_pattern"
  std::string place() const;

  /// The value itself. Throws Error naming the place and what was expected there.
  bool boolean() const;
  std::int64_t integer(std::int64_t least, std::int64_t most) const;
  double real() const;  // integers too; always finite
  const std::string& text() const;
  std::vector<Json> items() const;
  std::vector<std::string> keys() const;
  std::vector<std::string> texts() const;  // a list of texts

  /// Of an object: the value under a key; nothing where the key is absent or null.
  std::optional<Json> find(std::string_view key) const;
  bool has(std::string_view key) const { return find(key).has_value(); }
  Json at(std::string_view key) const;

  /// Of an object: the value under a key that must be there, or `otherwise` where it is absent or null.
  bool boolean(std::string_view key) const { return at(key).boolean(); }
  bool boolean(std::string_view key, bool otherwise) const;
  std::int64_t integer(std::string_view key, std::int64_t least, std::int64_t most) const;
  std::int64_t integer(std::string_view key, std::int64_t least, std::int64_t most, std::int64_t otherwise) const;
  double real(std::string_view key) const { return at(key).real(); }
  double real(std::string_view key, double otherwise) const;
  std::string text(std::string_view key) const { return at(key).text(); }
  std::string text(std::string_view key, std::string_view otherwise) const;
  std::vector<std::string> texts(std::string_view key) const;  // empty where absent

  /// The value written as JSON again, on one line, numbers digit by digit as they were; long ones are cut at `most`
  /// characters.
  std::string written(std::size_t most = std::numeric_limits<std::size_t>::max()) const;

 private:
  struct Value;
  struct File;
  friend Json parse_json(std::string_view, std::string);
  Json(std::shared_ptr<const File> file, const Value* value, std::string path);
  [[noreturn]] void expected(std::string_view what) const;

  std::shared_ptr<const File> file_;
  const Value* value_;
  std::string path_;  // dotted, below the file; empty for the whole
};

/// A text with one JSON value. `origin` is what messages call it. Throws Error naming origin, line and column where the
/// text is no JSON, is cut off, names a key twice, nests deeper than 64 or holds more than two million values.
Json parse_json(std::string_view text, std::string origin);

/// A file with one JSON value, of at most 256 MiB.
Json read_json(const std::string& path);

/// Text between quotes, as JSON writes it. Throws Error where it is not UTF-8.
std::string quote(std::string_view text);

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "json-inl.hpp"
#endif
