#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "../core/error.hpp"
#include "charsmap.hpp"
#include "json.hpp"
#include "mapped_file.hpp"

namespace anser {

struct Json::Value {
  Kind kind = Kind::null;
  union {
    std::int64_t integer = 0;
    double real;
    bool boolean;
  };
  std::string text;          // of a number: as it was written, where `integer` or nothing else says it exactly
  std::vector<Value> items;  // of a list, or an object's values
  std::vector<std::string> keys;
  std::vector<std::uint32_t> order;  // places of the keys, sorted bytewise

  const Value* find(std::string_view key) const {
    auto less = [&](std::uint32_t i, std::string_view k) { return keys[i] < k; };
    auto it = std::lower_bound(order.begin(), order.end(), key, less);
    return it != order.end() && keys[*it] == key ? &items[*it] : nullptr;
  }
};

struct Json::File {
  std::string origin;
  Value root;
};

namespace detail {

/// Receives the parser's events and builds the values, within limits.
template <class Value, class Kind>
struct JsonBuilder {
  static constexpr std::size_t depth_limit = 64, value_limit = 2'000'000;
  const std::string& origin;
  std::string_view source;
  Value& root;
  std::vector<Value*> open{};
  std::size_t values = 0;

  Value& add(Kind kind) {
    if (++values > value_limit) fail(origin, ": more than ", value_limit, " values; is this the right file?");
    Value* v = &root;
    if (!open.empty()) v = &open.back()->items.emplace_back();
    v->kind = kind;
    return *v;
  }
  bool null() { return add(Kind::null), true; }
  bool boolean(bool v) { return add(Kind::boolean).boolean = v, true; }
  bool number_integer(std::int64_t v) {  // below zero, or -0
    Value& number = add(Kind::integer);
    number.integer = v;
    if (!v) number.text = "-0";
    return true;
  }
  bool number_unsigned(std::uint64_t v) {
    if (v > std::uint64_t(std::numeric_limits<std::int64_t>::max())) return number_float(double(v), std::to_string(v));
    return add(Kind::integer).integer = std::int64_t(v), true;
  }
  bool number_float(double v, const std::string& written) {
    Value& number = add(Kind::real);
    number.real = v;
    number.text = written;
    return true;
  }
  bool string(std::string& v) { return add(Kind::text).text = std::move(v), true; }
  bool binary(std::vector<std::uint8_t>&) { return false; }  // never in text
  bool start(Kind kind) {
    if (open.size() >= depth_limit) fail(origin, ": nested deeper than ", depth_limit, "; is this the right file?");
    open.push_back(&add(kind));
    return true;
  }
  bool start_object(std::size_t) { return start(Kind::object); }
  bool key(std::string& k) { return open.back()->keys.push_back(std::move(k)), true; }
  bool end_object() {
    Value& v = *open.back();
    open.pop_back();
    v.order.resize(v.keys.size());
    std::iota(v.order.begin(), v.order.end(), 0u);
    std::sort(v.order.begin(), v.order.end(), [&](auto a, auto b) { return v.keys[a] < v.keys[b]; });
    for (std::size_t i = 1; i < v.order.size(); ++i)
      if (v.keys[v.order[i]] == v.keys[v.order[i - 1]])
        fail(origin, ": the key ", quote(v.keys[v.order[i]]), " occurs twice; remove one");
    return true;
  }
  bool start_array(std::size_t) { return start(Kind::list); }
  bool end_array() { return open.pop_back(), true; }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) {
    const std::string_view before = source.substr(0, std::min(position ? position - 1 : 0, source.size()));
    std::string line;  // of a text of one line, such as a line of JSONL, the origin says all
    if (source.find('\n') != source.npos)
      line = concat("line ", 1 + std::count(before.begin(), before.end(), '\n'), ", ");
    const auto start_of_line = before.rfind('\n');
    const auto column = before.size() - (start_of_line == before.npos ? 0 : start_of_line + 1) + 1;
    fail(origin, ": not valid JSON at ", line, "column ", column,
         !is_utf8(source)            ? ": it is not UTF-8; convert it, such as with iconv"
         : position >= source.size() ? " (the text ends too early; is it cut off?)"
         : error.id == 406           ? ": a number is out of range; write it as a text"
                                     : "");
  }
};

inline const char* kind_name(Json::Kind kind) {
  constexpr const char* names[] = {"null", "true or false", "an integer", "a number", "a text", "a list", "an object"};
  return names[std::size_t(kind)];
}

}  // namespace detail

ANSER_INLINE std::string quote(std::string_view text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    using nlohmann::json;
    fail("a text or name is not valid UTF-8 and cannot be written as JSON: ",
         json(text.substr(0, 100)).dump(-1, ' ', false, json::error_handler_t::replace),
         "; rename or convert what it is of");
  }
}

ANSER_INLINE Json parse_json(std::string_view text, std::string origin) {
  auto file = std::make_shared<Json::File>();
  file->origin = std::move(origin);
  // nlohmann/json would take it for the end of the text.
  check(text.find('\0') == std::string_view::npos, file->origin,
        ": not valid JSON: it holds a NUL byte; if it is UTF-16, convert it to UTF-8");
  detail::JsonBuilder<Json::Value, Json::Kind> builder{file->origin, text, file->root};
  check(nlohmann::json::sax_parse(text.begin(), text.end(), &builder), file->origin, ": not valid JSON");
  const Json::Value* root = &file->root;
  return Json(std::move(file), root, {});
}

ANSER_INLINE Json read_json(const std::string& path) {
  const auto file = MappedFile::open(path);
  check(file->size() > 0, path, " is empty, and JSON was expected");
  check(file->size() <= std::size_t(256) << 20, path, " is larger than 256 MiB; is this the right file?");
  return parse_json({reinterpret_cast<const char*>(file->data()), file->size()}, path);
}

ANSER_INLINE Json::Json(std::shared_ptr<const File> file, const Value* value, std::string path)
    : file_(std::move(file)), value_(value), path_(std::move(path)) {}

ANSER_INLINE Json::Kind Json::kind() const { return value_->kind; }

ANSER_INLINE std::string Json::place() const { return path_.empty() ? file_->origin : file_->origin + ": " + path_; }

ANSER_INLINE void Json::expected(std::string_view what) const {
  fail(place(), " must be ", what, ", not ", written(60));
}

ANSER_INLINE bool Json::boolean() const {
  if (kind() != Kind::boolean) expected("true or false");
  return value_->boolean;
}

ANSER_INLINE std::int64_t Json::integer(std::int64_t least, std::int64_t most) const {
  if (kind() != Kind::integer || value_->integer < least || value_->integer > most)
    expected(concat("an integer from ", least, " to ", most));
  return value_->integer;
}

ANSER_INLINE double Json::real() const {
  if (kind() == Kind::integer) return double(value_->integer);
  if (kind() != Kind::real) expected("a number");
  return value_->real;
}

ANSER_INLINE const std::string& Json::text() const {
  if (kind() != Kind::text) expected("a text");
  return value_->text;
}

ANSER_INLINE std::vector<Json> Json::items() const {
  if (kind() != Kind::list) expected("a list");
  std::vector<Json> all;
  all.reserve(value_->items.size());
  for (std::size_t i = 0; i < value_->items.size(); ++i)
    all.push_back(Json(file_, &value_->items[i], path_ + '[' + std::to_string(i) + ']'));
  return all;
}

ANSER_INLINE std::vector<std::string> Json::keys() const {
  if (kind() != Kind::object) expected("an object");
  return value_->keys;
}

ANSER_INLINE std::vector<std::string> Json::texts() const {
  std::vector<std::string> all;
  for (const Json& item : items()) all.push_back(item.text());
  return all;
}

ANSER_INLINE std::optional<Json> Json::find(std::string_view key) const {
  if (kind() != Kind::object) expected("an object");
  const Value* v = value_->find(key);
  if (!v || v->kind == Kind::null) return {};
  return Json(file_, v, path_.empty() ? std::string(key) : path_ + '.' + std::string(key));
}

ANSER_INLINE Json Json::at(std::string_view key) const {
  auto v = find(key);
  if (!v) fail(place(), ": the key \"", key, "\" is missing");
  return *std::move(v);
}

ANSER_INLINE bool Json::boolean(std::string_view key, bool otherwise) const {
  const auto v = find(key);
  return v ? v->boolean() : otherwise;
}

ANSER_INLINE std::int64_t Json::integer(std::string_view key, std::int64_t least, std::int64_t most) const {
  return at(key).integer(least, most);
}

ANSER_INLINE std::int64_t Json::integer(std::string_view key, std::int64_t least, std::int64_t most,
                                        std::int64_t otherwise) const {
  const auto v = find(key);
  return v ? v->integer(least, most) : otherwise;
}

ANSER_INLINE double Json::real(std::string_view key, double otherwise) const {
  const auto v = find(key);
  return v ? v->real() : otherwise;
}

ANSER_INLINE std::string Json::text(std::string_view key, std::string_view otherwise) const {
  const auto v = find(key);
  return v ? v->text() : std::string(otherwise);
}

ANSER_INLINE std::vector<std::string> Json::texts(std::string_view key) const {
  const auto v = find(key);
  return v ? v->texts() : std::vector<std::string>{};
}

ANSER_INLINE std::string Json::written(std::size_t most) const {
  std::string out;
  auto write = [&](auto& self, const Value& v) -> void {
    if (out.size() > most) return;
    switch (v.kind) {
      case Kind::null: out += "null"; break;
      case Kind::boolean: out += v.boolean ? "true" : "false"; break;
      case Kind::integer: out += v.text.empty() ? std::to_string(v.integer) : v.text; break;
      case Kind::real: out += v.text; break;
      case Kind::text: out += quote(v.text); break;
      case Kind::list:
      case Kind::object:
        out += v.kind == Kind::list ? '[' : '{';
        for (std::size_t i = 0; i < v.items.size() && out.size() <= most; ++i) {
          if (i) out += ", ";
          if (v.kind == Kind::object) out += quote(v.keys[i]) + ": ";
          self(self, v.items[i]);
        }
        out += v.kind == Kind::list ? ']' : '}';
    }
  };
  write(write, *value_);
  if (out.size() > most) {
    out.resize(most);
    while (!out.empty() && (out.back() & 0xC0) == 0x80) out.pop_back();  // never half a character
    if (!out.empty() && (out.back() & 0x80)) out.pop_back();
    out += "...";
  }
  return out;
}

}  // namespace anser
