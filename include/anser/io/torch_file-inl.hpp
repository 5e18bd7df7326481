#pragma once
#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <map>

#include "../core/error.hpp"
#include "pickle.hpp"
#include "safetensors.hpp"
#include "torch_file.hpp"

namespace anser {

namespace detail {

/// What every file of PyTorch's old format begins with: a pickle of the number 0x1950a86a20f9469cfc6c.
inline constexpr std::string_view old_torch_magic("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 14);

inline std::string_view beginning(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.data()), std::min<std::size_t>(file.size(), 16)};
}

/// Throws Error for what people may take for a file of torch.save.
inline void check_torch_file(const std::string& path) {
  const auto file = MappedFile::open(path);
  const auto start = beginning(*file);
  check(!start.empty(), path, " is empty; fetch it again");
  check(!start.starts_with(old_torch_magic), path,
        " is in PyTorch's old format, from before 1.6, which is not read; save it again: python3 -c \"import torch; "
        "torch.save(torch.load('",
        path, "', map_location='cpu', weights_only=True), '", path, "')\"");
  check(start.starts_with("PK"), path, " is not a file of torch.save, which is a zip archive; is it the right file?");
}

/// "archive" of "archive/data.pkl": torch.save puts all into one folder, named as it likes.
inline std::string archive_folder(const ZipFile& zip) {
  std::string folder;
  for (const ZipFile::Entry& e : zip.entries())
    if (const auto slash = e.name.find('/'); slash != e.name.npos && e.name.substr(slash) == "/data.pkl") {
      check(folder.empty(), zip.path(), " has two pickles; it is not a file of torch.save");
      folder = e.name.substr(0, slash + 1);
    }
  check(!folder.empty(), zip.path(), " is a zip archive without data.pkl, so not a file of torch.save");
  check(!zip.find(folder + "constants.pkl"), zip.path(),
        " is a TorchScript program, which is not read; torch.save the state_dict() of the module");
  if (const auto* order = zip.find(folder + "byteorder")) {
    zip.check_sum(*order);
    check(zip.text(*order) == "little", zip.path(),
          " was saved on a big-endian machine, which is not read; load it in Python and torch.save it again");
  }
  return folder;
}

/// The numbers of a tensor, 1 too many axes included; nothing where they are too many to count.
inline std::optional<std::uint64_t> count_numbers(const std::vector<std::uint64_t>& shape) {
  if (std::find(shape.begin(), shape.end(), std::uint64_t(0)) != shape.end()) return 0;
  std::uint64_t n = 1;
  for (const std::uint64_t size : shape)
    if (__builtin_mul_overflow(n, size, &n)) return {};
  return n;
}

/// Whether the numbers lie one after the other, the last axis first.
inline bool is_contiguous(const PickledTensor& t) {
  std::uint64_t next = 1;
  for (std::size_t i = t.shape.size(); i-- > 0;) {
    if (t.shape[i] != 1 && t.strides[i] != next) return false;
    next *= t.shape[i];  // the product was counted before
  }
  return true;
}

inline TorchFile::Entry place_tensor(const ZipFile& zip, const std::string& folder, PickledTensor t) {
  const auto complain = [&](const auto&... parts) {
    fail(zip.path(), ": ", t.name, ": ", parts..., "; the file is damaged, fetch it again");
  };
  const ZipFile::Entry* storage = zip.find(folder + "data/" + t.storage);
  if (!storage) complain("its storage ", printable(t.storage), " is missing");
  const std::size_t width = size_of(t.dtype);
  if (storage->bytes / width != t.storage_size)
    complain("its storage must have ", t.storage_size, ' ', name_of(t.dtype), " numbers and has ", storage->bytes,
             " bytes");
  TorchFile::Entry e{t.name, t.dtype, t.shape, t.strides, storage->offset, true};
  const auto numbers = count_numbers(t.shape);
  if (numbers == 0) return e;
  std::uint64_t last = t.offset;
  bool outside = !numbers;
  for (std::size_t i = 0; i < t.shape.size() && !outside; ++i) {
    std::uint64_t reach = 0;
    outside =
        __builtin_mul_overflow(t.shape[i] - 1, t.strides[i], &reach) || __builtin_add_overflow(last, reach, &last);
  }
  if (outside || last >= t.storage_size) complain("it reaches beyond its storage of ", t.storage_size, " numbers");
  check(*numbers <= t.storage_size, zip.path(), ": ", t.name, " has ", *numbers, " numbers and its storage ",
        t.storage_size, "; it was expanded, save its .contiguous()");
  e.contiguous = is_contiguous(t);
  e.offset += std::size_t(t.offset) * width;
  return e;
}

/// The numbers of a view in order, row-major. `shape` and `strides` have four axes, the front ones 1.
template <std::size_t Width>
void gather_numbers(const std::byte* from, const std::array<std::size_t, 4>& shape,
                    const std::array<std::size_t, 4>& strides, std::byte* to) {
  for (std::size_t a = 0; a < shape[0]; ++a)
    for (std::size_t b = 0; b < shape[1]; ++b)
      for (std::size_t c = 0; c < shape[2]; ++c)
        for (std::size_t d = 0; d < shape[3]; ++d, to += Width)
          std::memcpy(to, from + (a * strides[0] + b * strides[1] + c * strides[2] + d * strides[3]) * Width, Width);
}

inline std::shared_ptr<const std::vector<std::byte>> gather_numbers(const TorchFile::Entry& e, const std::byte* from,
                                                                    std::size_t bytes) {
  std::array<std::size_t, 4> shape{1, 1, 1, 1}, strides{};
  std::copy(e.shape.begin(), e.shape.end(), shape.end() - std::ptrdiff_t(e.shape.size()));
  std::copy(e.strides.begin(), e.strides.end(), strides.end() - std::ptrdiff_t(e.strides.size()));
  auto numbers = std::make_shared<std::vector<std::byte>>(bytes);
  switch (size_of(e.dtype)) {
    case 8: gather_numbers<8>(from, shape, strides, numbers->data()); break;
    case 4: gather_numbers<4>(from, shape, strides, numbers->data()); break;
    case 2: gather_numbers<2>(from, shape, strides, numbers->data()); break;
    default: gather_numbers<1>(from, shape, strides, numbers->data());
  }
  return numbers;
}

}  // namespace detail

ANSER_INLINE TorchFile::TorchFile(const std::string& path) : zip_((detail::check_torch_file(path), path)) {
  const std::string folder = detail::archive_folder(zip_);
  const ZipFile::Entry& pickle = *zip_.find(folder + "data.pkl");
  zip_.check_sum(pickle);
  for (PickledTensor& t : read_pickle(zip_.text(pickle), path + ": data.pkl"))
    entries_.push_back(detail::place_tensor(zip_, folder, std::move(t)));
  std::sort(entries_.begin(), entries_.end(), [](auto& a, auto& b) { return a.name < b.name; });
  for (std::size_t i = 1; i < entries_.size(); ++i)
    check(entries_[i - 1].name != entries_[i].name, path, ": two tensors have the name ", entries_[i].name,
          "; save them under names of their own");
}

ANSER_INLINE std::optional<Stored> TorchFile::find(std::string_view name) const {
  const auto it = std::lower_bound(entries_.begin(), entries_.end(), name, [](auto& e, auto n) { return e.name < n; });
  if (it == entries_.end() || it->name != name) return {};
  const Entry& e = *it;
  check(e.shape.size() <= 4, origin(), ": ", e.name, " has ", e.shape.size(),
        " axes; more than 4 axes are not supported");
  constexpr auto most = std::uint64_t(std::numeric_limits<int>::max());
  Stored s;
  s.dtype = e.dtype;
  std::uint64_t rows = 1;  // the product of all axes but the last, which a Shape counts in an int
  for (std::size_t i = 0; i < e.shape.size(); ++i) {
    const std::uint64_t n = e.shape[i];
    check(n <= most && (i + 1 == e.shape.size() || (rows *= n) <= most), origin(), ": ", e.name, " has an axis of ", n,
          " numbers, and is too large");
    s.shape.append(int(n));
  }
  s.origin = origin() + ": " + e.name;
  if (e.contiguous) {
    s.data = zip_.file()->data() + e.offset;
    s.keep = zip_.file();
    s.evict = [file = zip_.file(), offset = e.offset, bytes = s.bytes()] { file->evict(offset, bytes); };
  } else {
    const auto numbers = detail::gather_numbers(e, zip_.file()->data() + e.offset, s.bytes());
    s.data = numbers->data();
    s.keep = numbers;
  }
  return s;
}

ANSER_INLINE std::vector<std::string> TorchFile::names() const {
  std::vector<std::string> all;
  all.reserve(entries_.size());
  for (const Entry& e : entries_) all.push_back(e.name);
  return all;
}

ANSER_INLINE void TorchFile::check_sums() const {
  for (const ZipFile::Entry& e : zip_.entries()) {
    zip_.check_sum(e);
    zip_.file()->evict(e.offset, e.bytes);
  }
}

ANSER_INLINE std::shared_ptr<const Source> open_tensors(const std::string& path) {
  // A safetensors file begins with the length of its header, eight bytes, and the header's brace.
  const auto file = MappedFile::open(path);
  const bool header = file->size() > 8 && file->data()[8] == std::byte('{');
  if (!header && !path.ends_with(".safetensors")) return TorchFile::open(path);
  return Safetensors::open(path);
}

}  // namespace anser
