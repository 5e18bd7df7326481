#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../core/config.hpp"
#include "../tensor/stored.hpp"
#include "mapped_file.hpp"

namespace anser {

/// A safetensors file, mapped: opening reads its header alone. Tensors are views of the file, and stay valid after the
/// Safetensors is gone.
class Safetensors : public Source {
 public:
  /// What the header says of a tensor, also where its dtype or rank is none that this library computes with.
  struct Entry {
    std::string name;
    std::string dtype;  // the file's word: "F32", "BF16", "F8_E4M3", ...
    std::vector<std::uint64_t> shape;
    std::size_t offset = 0, bytes = 0;  // in the file
  };

  /// Throws Error where the file is cut off or its header is not what the format demands: one JSON object, names once
  /// each, data that fills the file without holes or overlap, as many bytes as dtype and shape need.
  explicit Safetensors(const std::string& path);
  static std::shared_ptr<const Safetensors> open(const std::string& path) {
    return std::make_shared<const Safetensors>(path);
  }

  /// Throws Error for a tensor that is there but has an unknown dtype, more than four axes or absurd ones.
  std::optional<Stored> find(std::string_view name) const override;
  std::vector<std::string> names() const override;  // sorted bytewise
  std::string origin() const override { return file_->path(); }

  const std::vector<Entry>& entries() const { return entries_; }  // sorted by name, bytewise
  const Entry* entry(std::string_view name) const;
  const std::byte* data(const Entry& e) const { return file_->data() + e.offset; }
  /// The header's free texts ("__metadata__").
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  std::shared_ptr<const MappedFile> file_;
  std::vector<Entry> entries_;
  std::map<std::string, std::string> metadata_;
};

using NamedTensor = std::pair<std::string, Stored>;

/// A view of `data`, row-major, which the caller keeps alive.
template <class T>
Stored stored_view(const T* data, Shape shape) {
  Stored s;
  s.dtype = dtype_of<T>;
  s.shape = shape;
  s.data = reinterpret_cast<const std::byte*>(data);
  return s;
}

/// Writes the tensors under their names, whole or not at all (see OutputFile). Tensors of wide dtypes come first, so
/// that each is aligned to its own; within a dtype by name.
/// With `make`, a tensor's bytes are those of make(name, tensor), which is asked when its turn comes and must have the
/// same dtype and shape: files larger than memory.
void write_safetensors(const std::string& path, std::vector<NamedTensor> tensors,
                       const std::map<std::string, std::string>& metadata = {},
                       const std::function<Stored(const std::string& name, const Stored& tensor)>& make = {});

/// The index of the first number that is NaN or infinite. Integers have none.
std::optional<std::size_t> find_non_finite(const Stored&);
/// Throws Error naming the tensor where one of its numbers is NaN or infinite.
void check_finite(const Stored&);

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "safetensors-inl.hpp"
#endif
