#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "../core/error.hpp"
#include "json.hpp"
#include "output_file.hpp"
#include "safetensors.hpp"

namespace anser {

namespace detail {

inline constexpr std::size_t safetensors_header_limit = 100'000'000;  // the format's own limit

inline std::optional<DType> known_dtype(std::string_view name) {
  for (DType t : {DType::f64, DType::f32, DType::f16, DType::bf16, DType::i64, DType::i32, DType::i16, DType::i8,
                  DType::u8, DType::boolean})
    if (name_of(t) == name) return t;
  return {};
}

/// Bits of one number; 0 for a dtype of which this library has never heard.
inline std::size_t bits_of(std::string_view dtype) {
  if (auto known = known_dtype(dtype)) return size_of(*known) * 8;
  if (dtype == "U16") return 16;
  if (dtype == "U32") return 32;
  if (dtype == "U64" || dtype == "C64") return 64;
  if (dtype.starts_with("F8_")) return 8;
  if (dtype.starts_with("F6_")) return 6;
  if (dtype == "F4") return 4;
  return 0;
}

inline std::string written(const std::vector<std::uint64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + ']';
}

inline Safetensors::Entry read_entry(const std::string& path, std::string_view name, const Json& json,
                                     std::size_t data_start, std::size_t data_bytes) {
  Safetensors::Entry e;
  e.name = name;
  const auto complain = [&](const auto&... parts) { fail(path, ": ", name, ": ", parts...); };
  if (json.kind() != Json::Kind::object) complain("the header must give an object for it, not ", json.written(60));
  e.dtype = json.text("dtype");
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  for (const Json& n : json.at("shape").items()) e.shape.push_back(std::uint64_t(n.integer(0, most)));
  const auto offsets = json.at("data_offsets").items();
  if (offsets.size() != 2) complain("data_offsets must be two numbers");
  const auto begin = std::uint64_t(offsets[0].integer(0, most)), end = std::uint64_t(offsets[1].integer(0, most));
  if (begin > end || end > data_bytes)
    complain("its bytes ", begin, " to ", end, " lie outside the ", data_bytes,
             " bytes of data; the file is cut off or damaged, fetch it again");
  e.offset = data_start + std::size_t(begin);
  e.bytes = std::size_t(end - begin);
  // An axis of 0 makes the product 0, whatever the others; the product of the others may still be absurd.
  const bool empty = std::find(e.shape.begin(), e.shape.end(), std::uint64_t(0)) != e.shape.end();
  const std::size_t bits = bits_of(e.dtype);
  std::uint64_t need = empty ? 0 : bits;
  bool overflow = false;
  for (std::uint64_t n : e.shape) overflow |= __builtin_mul_overflow(need, empty ? 1 : n, &need);
  if (bits && (overflow || need % 8 || need / 8 != e.bytes))
    complain(e.dtype, " of the shape ", written(e.shape), " does not fill its ", e.bytes,
             " bytes; the file is damaged, fetch it again");
  return e;
}

/// Tensors must lie end to end from the first byte of the data to the last.
inline void check_layout(const std::string& path, const std::vector<Safetensors::Entry>& entries,
                         std::size_t data_start, std::size_t file_size) {
  std::vector<const Safetensors::Entry*> sorted;
  for (const auto& e : entries) sorted.push_back(&e);
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) {
    return std::pair(a->offset, a->bytes) < std::pair(b->offset, b->bytes);
  });
  std::size_t at = data_start;
  for (const auto* e : sorted) {
    check(e->offset >= at, path, ": ", e->name, " overlaps the tensor before it; the file is damaged, fetch it again");
    check(e->offset == at, path, ": ", e->offset - at, " bytes before ", e->name,
          " belong to no tensor; the file is damaged, fetch it again");
    at += e->bytes;
  }
  check(at == file_size, path, ": ", file_size - at,
        " bytes after the last tensor; the file is damaged, fetch it again");
}

}  // namespace detail

ANSER_INLINE Safetensors::Safetensors(const std::string& path) : file_(MappedFile::open(path)) {
  const std::size_t size = file_->size();
  check(size >= 8, path, " has ", size, " bytes and is no safetensors file; fetch it again");
  std::uint64_t header = 0;
  for (int i = 7; i >= 0; --i) header = header << 8 | std::uint64_t(file_->data()[i]);
  check(header <= detail::safetensors_header_limit && header <= size - 8, path, ": a header of ", header,
        " bytes in a file of ", size, "; it is cut off or no safetensors file");
  const std::size_t start = 8 + std::size_t(header);
  const std::string_view text(reinterpret_cast<const char*>(file_->data()) + 8, std::size_t(header));
  check(text.starts_with('{'), path, ": the header does not begin with {; this is no safetensors file");
  const Json json = parse_json(text, path);
  for (const std::string& name : json.keys()) {
    if (name == "__metadata__") {
      if (const auto texts = json.find(name))
        for (const std::string& key : texts->keys()) metadata_[key] = texts->at(key).text();
      continue;
    }
    const auto entry = json.find(name);
    check(entry.has_value(), path, ": ", name, ": the header must give an object for it, not null");
    entries_.push_back(detail::read_entry(path, name, *entry, start, size - start));
  }
  detail::check_layout(path, entries_, start, size);
  file_->evict(0, start);  // what it says is known now
  std::sort(entries_.begin(), entries_.end(), [](auto& a, auto& b) { return a.name < b.name; });
}

ANSER_INLINE const Safetensors::Entry* Safetensors::entry(std::string_view name) const {
  auto it = std::lower_bound(entries_.begin(), entries_.end(), name, [](auto& e, auto n) { return e.name < n; });
  return it != entries_.end() && it->name == name ? &*it : nullptr;
}

ANSER_INLINE std::optional<Stored> Safetensors::find(std::string_view name) const {
  const Entry* e = entry(name);
  if (!e) return {};
  const auto dtype = detail::known_dtype(e->dtype);
  check(dtype.has_value(), origin(), ": ", name, " holds ", e->dtype,
        ", which is not supported; convert it to F32 or BF16");
  if (e->shape.size() > 4)
    fail(origin(), ": ", name, " has the shape ", detail::written(e->shape), "; more than 4 axes are not supported");
  constexpr auto most = std::uint64_t(std::numeric_limits<int>::max());
  Stored s;
  s.dtype = *dtype;
  std::uint64_t rows = 1;  // the product of all axes but the last, which a Shape counts in an int
  for (std::size_t i = 0; i < e->shape.size(); ++i) {
    const std::uint64_t n = e->shape[i];
    if (n > most || (i + 1 < e->shape.size() && (rows *= n) > most))
      fail(origin(), ": ", name, " has the shape ", detail::written(e->shape), ", which is too large");
    s.shape.append(int(n));
  }
  s.data = file_->data() + e->offset;
  s.keep = file_;
  s.origin = origin() + ": " + e->name;
  s.evict = [file = file_, offset = e->offset, bytes = e->bytes] { file->evict(offset, bytes); };
  return s;
}

ANSER_INLINE std::vector<std::string> Safetensors::names() const {
  std::vector<std::string> all;
  all.reserve(entries_.size());
  for (const Entry& e : entries_) all.push_back(e.name);
  return all;
}

ANSER_INLINE void write_safetensors(const std::string& path, std::vector<NamedTensor> tensors,
                                    const std::map<std::string, std::string>& metadata,
                                    const std::function<Stored(const std::string&, const Stored&)>& make) {
  std::sort(tensors.begin(), tensors.end(), [](const NamedTensor& a, const NamedTensor& b) {
    const std::size_t wide_a = size_of(a.second.dtype), wide_b = size_of(b.second.dtype);
    return wide_a != wide_b ? wide_a > wide_b : a.first < b.first;
  });
  std::map<std::string_view, int> seen;
  std::string header = "{";
  if (!metadata.empty()) {
    header += "\"__metadata__\":{";
    for (const auto& [key, text] : metadata)
      header += (header.back() == '{' ? "" : ",") + quote(key) + ':' + quote(text);
    header += '}';
  }
  std::size_t offset = 0;
  for (const auto& [name, t] : tensors) {
    check(name != "__metadata__" && seen[name]++ == 0, path, ": two tensors would have the name ", name);
    header += (header.size() > 1 ? "," : "") + quote(name) + ":{\"dtype\":\"" + std::string(name_of(t.dtype)) +
              "\",\"shape\":[";
    for (int i = 0; i < t.shape.rank(); ++i) header += (i ? "," : "") + std::to_string(t.shape[i]);
    header += "],\"data_offsets\":[" + std::to_string(offset) + ',';
    offset += t.bytes();
    header += std::to_string(offset) + "]}";
  }
  header += '}';
  header.append((8 - header.size() % 8) % 8, ' ');
  check(header.size() <= detail::safetensors_header_limit, path, ": too many tensors for one file");
  OutputFile out(path);
  std::array<char, 8> length;
  for (std::size_t i = 0; i < 8; ++i) length[i] = char(std::uint64_t(header.size()) >> (8 * i) & 255u);
  out.write(length.data(), length.size());
  out.write(header);
  for (const auto& [name, t] : tensors) {
    const Stored made = make ? make(name, t) : t;
    check(made.dtype == t.dtype && made.shape == t.shape, path, ": ", name, " was announced as ", name_of(t.dtype), ' ',
          t.shape, " and is ", name_of(made.dtype), ' ', made.shape);
    out.write(made.data, made.bytes());
    if (t.evict) t.evict();
  }
  out.commit();
}

ANSER_INLINE std::optional<std::size_t> find_non_finite(const Stored& s) {
  const std::size_t n = s.shape.size();
  const auto search = [&]<class U>(U exponent) -> std::optional<std::size_t> {
    for (std::size_t i = 0; i < n; ++i) {
      U bits;
      std::memcpy(&bits, s.data + i * sizeof(U), sizeof(U));
      if ((bits & exponent) == exponent) return i;
    }
    return {};
  };
  switch (s.dtype) {
    case DType::f64: return search(std::uint64_t(0x7ff0000000000000));
    case DType::f32: return search(std::uint32_t(0x7f800000));
    case DType::f16: return search(std::uint16_t(0x7c00));
    case DType::bf16: return search(std::uint16_t(0x7f80));
    default: return {};
  }
}

ANSER_INLINE void check_finite(const Stored& s) {
  if (const auto i = find_non_finite(s))
    fail(s.origin, " holds NaN or infinity, first at index ", *i, " of ", s.shape.size(),
         "; it was damaged or its training diverged (`anser inspect --values FILE` shows all of a file)");
}

}  // namespace anser
