#pragma once
// Zip archives and pickles made by hand, for what torch.save would not write.
#include <anser/io/zip.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace io_test {

inline std::string little(std::uint64_t v, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += char(i < 8 ? v >> (8 * i) & 255u : 0u);
  return text;
}

struct ZipOptions {
  bool wide = false;  // sizes, places and counts in zip64's fields, as if they were too large for the others
  unsigned method = 0, flags = 0;
  std::string comment{};
};

/// Stored files in the given order.
inline std::string zip(const std::vector<std::pair<std::string, std::string>>& files, const ZipOptions& o = {}) {
  std::string out, directory;
  for (const auto& [name, data] : files) {
    const auto size = data.size(), place = out.size();
    const auto crc = little(anser::crc32(data.data(), size), 4);
    const std::string tail = crc + (o.wide ? little(~0u, 4) + little(~0u, 4) : little(size, 4) + little(size, 4));
    const std::string wide = little(1, 2) + little(24, 2) + little(size, 8) + little(size, 8) + little(place, 8);
    const std::string start = little(45, 2) + little(o.flags, 2) + little(o.method, 2) + little(0, 4) + tail;
    // A field of padding before the data, as torch.save has it, and before zip64's in the directory.
    const std::string pad = "FB" + little(3, 2) + "ZZZ", extra = pad + (o.wide ? wide : "");
    out += "PK\3\4" + start + little(name.size(), 2) + little(pad.size(), 2) + name + pad + data;
    directory += "PK\1\2" + little(45, 2) + start + little(name.size(), 2) + little(extra.size(), 2) + little(0, 10) +
                 little(o.wide ? ~0u : place, 4) + name + extra;
  }
  const auto place = out.size(), count = files.size();
  out += directory;
  if (o.wide) {
    const auto record = out.size();
    out += "PK\6\6" + little(44, 8) + little(45, 2) + little(45, 2) + little(0, 8) + little(count, 8) +
           little(count, 8) + little(directory.size(), 8) + little(place, 8);
    out += "PK\6\7" + little(0, 4) + little(record, 8) + little(1, 4);
  }
  out += std::string("PK\5\6") + little(0, 4) + little(o.wide ? 0xffff : count, 2) +
         little(o.wide ? 0xffff : count, 2) + little(o.wide ? ~0u : directory.size(), 4) +
         little(o.wide ? ~0u : place, 4) + little(o.comment.size(), 2);
  return out + o.comment;
}

/// A pickle's text, integer, tuple of integers, and a tensor, in the opcodes that torch.save writes.
inline std::string pickled(std::string_view text) { return 'X' + little(text.size(), 4) + std::string(text); }
inline std::string pickled(int n) { return 'J' + little(std::uint64_t(n), 4); }
inline std::string pickled_tuple(const std::vector<int>& numbers) {
  std::string text = "(";
  for (const int n : numbers) text += pickled(n);
  return text + 't';
}
struct PickledView {
  int offset = 0;
  std::vector<int> shape{2, 3}, strides{3, 1};
  std::string storage = "FloatStorage", key = "0";
  int numbers = 6;
};
inline std::string pickled_tensor(const PickledView& v = {}) {
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + pickled("storage") + "ctorch\n" + v.storage + '\n' + pickled(v.key) +
         pickled("cpu") + pickled(v.numbers) + "tQ" + pickled(v.offset) + pickled_tuple(v.shape) +
         pickled_tuple(v.strides) + "\x89" + "ccollections\nOrderedDict\n)RtR";
}
/// A whole pickle of a dict with one value.
inline std::string pickled_dict(const std::string& key, const std::string& value) {
  return "\x80\x02}(" + pickled(key) + value + "u.";
}

/// A file of torch.save with this pickle and storages "0", "1", ...
inline std::string torch_file(const std::string& pickle, const std::vector<std::string>& storages,
                              const ZipOptions& o = {}) {
  std::vector<std::pair<std::string, std::string>> files{{"archive/data.pkl", pickle}, {"archive/byteorder", "little"}};
  for (std::size_t i = 0; i < storages.size(); ++i)
    files.emplace_back("archive/data/" + std::to_string(i), storages[i]);
  files.emplace_back("archive/version", "3\n");
  return zip(files, o);
}

}  // namespace io_test
