#pragma once
#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "../core/error.hpp"
#include "zip.hpp"

namespace anser {

namespace detail {

/// crc_tables[k][b]: the remainder of the byte b followed by k zero bytes.
inline constexpr auto crc_tables = [] {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t b = 0; b < 256; ++b) {
    std::uint32_t c = b;
    for (int bit = 0; bit < 8; ++bit) c = (c >> 1) ^ (c & 1 ? 0xedb88320u : 0);
    tables[0][b] = c;
  }
  for (std::size_t k = 1; k < 8; ++k)
    for (std::size_t b = 0; b < 256; ++b) tables[k][b] = (tables[k - 1][b] >> 8) ^ tables[0][tables[k - 1][b] & 255u];
  return tables;
}();

/// A little-endian number at a place that the caller knows to be inside.
template <class T>
T read_little(const std::byte* at) {
  T value = 0;
  for (std::size_t i = sizeof(T); i-- > 0;) value = T(value << 8 | T(at[i]));
  return value;
}

/// Signatures and sizes are those of PKWARE's APPNOTE 6.3.
struct ZipDirectory {
  std::uint64_t offset = 0, bytes = 0, entries = 0;
};

inline constexpr std::size_t zip_end_bytes = 22, zip64_end_bytes = 56, zip64_locator_bytes = 20;

/// Where the directory is. Its end record is the last thing in the file, but for a comment of stated length.
inline ZipDirectory find_zip_directory(const std::string& path, const std::byte* data, std::size_t size) {
  std::optional<std::size_t> found;
  for (std::size_t back = zip_end_bytes; back <= size && back <= zip_end_bytes + 65535 && !found; ++back) {
    const std::byte* at = data + (size - back);
    if (read_little<std::uint32_t>(at) == 0x06054b50u && read_little<std::uint16_t>(at + 20) == back - zip_end_bytes)
      found = size - back;
  }
  check(found.has_value(), path, " has no directory at its end; it is cut off or no zip archive, fetch it again");
  const auto damaged = [&](bool ok) { check(ok, path, ": its directory is damaged; fetch it again"); };
  std::size_t end = *found;
  const std::byte* at = data + end;
  ZipDirectory d{read_little<std::uint32_t>(at + 16), read_little<std::uint32_t>(at + 12),
                 read_little<std::uint16_t>(at + 10)};
  damaged(read_little<std::uint32_t>(at + 4) == 0 && read_little<std::uint16_t>(at + 8) == d.entries);
  if (end >= zip64_locator_bytes && read_little<std::uint32_t>(at - zip64_locator_bytes) == 0x07064b50u) {
    const std::uint64_t record = read_little<std::uint64_t>(at - zip64_locator_bytes + 8);
    end -= zip64_locator_bytes;
    damaged(end >= zip64_end_bytes && record <= end - zip64_end_bytes);
    at = data + record;
    const auto length = read_little<std::uint64_t>(at + 4);
    damaged(read_little<std::uint32_t>(at) == 0x06064b50u && length == end - record - 12);
    const ZipDirectory wide{read_little<std::uint64_t>(at + 48), read_little<std::uint64_t>(at + 40),
                            read_little<std::uint64_t>(at + 32)};
    damaged(read_little<std::uint64_t>(at + 24) == wide.entries);
    damaged((d.offset == 0xffffffffu || d.offset == wide.offset) && (d.bytes == 0xffffffffu || d.bytes == wide.bytes) &&
            (d.entries == 0xffffu || d.entries == wide.entries));
    d = wide;
    end = std::size_t(record);
  }
  damaged(d.offset <= end && d.bytes == end - d.offset);
  return d;
}

/// The sizes and the place that do not fit 32 bits, from the extra field with the number 1.
inline bool read_zip64_extra(const std::byte* extra, std::size_t bytes, std::uint64_t& size, std::uint64_t& packed,
                             std::uint64_t& offset) {
  if (size != 0xffffffffu && packed != 0xffffffffu && offset != 0xffffffffu) return true;
  for (std::size_t at = 0; at + 4 <= bytes;) {
    const std::size_t length = read_little<std::uint16_t>(extra + at + 2);
    if (length > bytes - at - 4) return false;
    if (read_little<std::uint16_t>(extra + at) == 1) {
      std::size_t from = at + 4;
      const std::size_t end = from + length;
      for (std::uint64_t* value : {&size, &packed, &offset}) {
        if (*value != 0xffffffffu) continue;
        if (end - from < 8) return false;
        *value = read_little<std::uint64_t>(extra + from);
        from += 8;
      }
      return true;
    }
    at += 4 + length;
  }
  return false;
}

/// Where a file's data begins, by the header before it.
inline std::size_t find_zip_data(const std::string& path, const std::byte* data, std::uint64_t header,
                                 std::uint64_t limit, const ZipFile::Entry& e) {
  const auto damaged = [&](bool ok) {
    check(ok, path, ": ", printable(e.name),
          " is not where the directory says; the archive is damaged, fetch it again");
  };
  damaged(limit >= 30 && header <= limit - 30);
  const std::byte* at = data + header;
  const std::size_t name = read_little<std::uint16_t>(at + 26), extra = read_little<std::uint16_t>(at + 28);
  damaged(read_little<std::uint32_t>(at) == 0x04034b50u && read_little<std::uint16_t>(at + 8) == 0);
  damaged(name == e.name.size() && name + extra <= limit - header - 30);
  damaged(std::memcmp(at + 30, e.name.data(), name) == 0);
  const std::uint64_t begin = header + 30 + name + extra;
  damaged(e.bytes <= limit - begin);
  return std::size_t(begin);
}

}  // namespace detail

ANSER_INLINE ZipFile::ZipFile(const std::string& path) : file_(MappedFile::open(path)) {
  using detail::read_little;
  const std::byte* data = file_->data();
  const auto directory = detail::find_zip_directory(path, data, file_->size());
  const auto damaged = [&](bool ok) { check(ok, path, ": its directory is damaged; fetch it again"); };
  damaged(directory.entries <= directory.bytes / 46);
  entries_.reserve(std::size_t(directory.entries));
  std::vector<std::pair<std::size_t, std::size_t>> places;  // from each file's header to the end of its data
  places.reserve(std::size_t(directory.entries));
  const std::byte* at = data + directory.offset;
  const std::byte* const end = at + directory.bytes;
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    damaged(end - at >= 46 && read_little<std::uint32_t>(at) == 0x02014b50u);
    const std::size_t name = read_little<std::uint16_t>(at + 28), extra = read_little<std::uint16_t>(at + 30),
                      comment = read_little<std::uint16_t>(at + 32);
    damaged(std::size_t(end - at) - 46 >= name + extra + comment && name > 0);
    const unsigned flags = read_little<std::uint16_t>(at + 8), method = read_little<std::uint16_t>(at + 10);
    std::uint64_t packed = read_little<std::uint32_t>(at + 20), size = read_little<std::uint32_t>(at + 24),
                  header = read_little<std::uint32_t>(at + 42);
    Entry e;
    e.name.assign(reinterpret_cast<const char*>(at) + 46, name);
    e.crc = read_little<std::uint32_t>(at + 16);
    damaged(detail::read_zip64_extra(at + 46 + name, extra, size, packed, header));
    check(!(flags & 0x41u), path, ": ", printable(e.name), " is encrypted, which is not read; unpack it first");
    check(method == 0, path, ": ", printable(e.name),
          " is compressed, which torch.save never does; unpack the archive and pack it again with zip -0");
    damaged(size == packed && size <= file_->size());
    e.bytes = std::size_t(size);
    e.offset = detail::find_zip_data(path, data, header, directory.offset, e);
    places.emplace_back(std::size_t(header), e.offset + e.bytes);
    entries_.push_back(std::move(e));
    at += 46 + name + extra + comment;
  }
  damaged(at == end);
  std::sort(places.begin(), places.end());
  for (std::size_t i = 1; i < places.size(); ++i)
    check(places[i - 1].second <= places[i].first, path, ": two of its files overlap; it is damaged, fetch it again");
  std::sort(entries_.begin(), entries_.end(), [](auto& a, auto& b) { return a.name < b.name; });
  for (std::size_t i = 1; i < entries_.size(); ++i)
    check(entries_[i - 1].name != entries_[i].name, path, ": ", printable(entries_[i].name),
          " is in it twice; it is damaged, fetch it again");
}

ANSER_INLINE const ZipFile::Entry* ZipFile::find(std::string_view name) const {
  auto it = std::lower_bound(entries_.begin(), entries_.end(), name, [](auto& e, auto n) { return e.name < n; });
  return it != entries_.end() && it->name == name ? &*it : nullptr;
}

ANSER_INLINE void ZipFile::check_sum(const Entry& e) const {
  check(crc32(data(e), e.bytes) == e.crc, path(), ": ", printable(e.name),
        " is not what was written (its CRC-32 differs); the archive is damaged, fetch it again");
}

ANSER_INLINE std::uint32_t crc32(const void* data, std::size_t bytes, std::uint32_t crc) {
  const auto& t = detail::crc_tables;
  const auto* p = static_cast<const std::byte*>(data);
  std::uint32_t c = ~crc;
  for (; bytes >= 8; bytes -= 8, p += 8) {
    const std::uint32_t low = c ^ detail::read_little<std::uint32_t>(p),
                        high = detail::read_little<std::uint32_t>(p + 4);
    c = t[7][low & 255u] ^ t[6][low >> 8 & 255u] ^ t[5][low >> 16 & 255u] ^ t[4][low >> 24] ^ t[3][high & 255u] ^
        t[2][high >> 8 & 255u] ^ t[1][high >> 16 & 255u] ^ t[0][high >> 24];
  }
  for (; bytes > 0; --bytes, ++p) c = (c >> 8) ^ t[0][(c ^ std::uint32_t(*p)) & 255u];
  return ~c;
}

ANSER_INLINE std::string printable(std::string_view text) {
  constexpr std::size_t most = 100;
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const char c : text.substr(0, most)) {
    const auto u = static_cast<unsigned char>(c);
    if (u >= 0x20 && u < 0x7f)
      out += c;
    else
      out += {'\\', 'x', digits[u >> 4], digits[u & 15u]};
  }
  return text.size() > most ? out + "..." : out;
}

}  // namespace anser
