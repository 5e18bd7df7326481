#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../tensor/stored.hpp"
#include "zip.hpp"

namespace anser {

/// A file of torch.save, mapped: a zip archive of one pickle, which describes named tensors, and of their storages.
/// Opening reads directory and pickle alone; nothing in the pickle is called (see read_pickle). Tensors are views of
/// the file where their numbers lie in order, else copies, and stay valid after the TorchFile is gone.
class TorchFile : public Source {
 public:
  struct Entry {
    std::string name;
    DType dtype = DType::f32;
    std::vector<std::uint64_t> shape, strides;  // strides count numbers
    std::size_t offset = 0;                     // of its first number, in the file
    bool contiguous = true;
  };

  /// Throws Error where the archive or the pickle is damaged, the file is in PyTorch's old format or another's, or a
  /// tensor reaches beyond its storage or shows a number of it more than once.
  explicit TorchFile(const std::string& path);
  static std::shared_ptr<const TorchFile> open(const std::string& path) {
    return std::make_shared<const TorchFile>(path);
  }

  /// Throws Error for a tensor that has more than four axes or absurd ones.
  std::optional<Stored> find(std::string_view name) const override;
  std::vector<std::string> names() const override;  // sorted bytewise
  std::string origin() const override { return zip_.path(); }

  const std::vector<Entry>& entries() const { return entries_; }  // sorted by name, bytewise
  /// Throws Error where any byte of the storages is not what was saved. Reads the whole file, which opening does not:
  /// it compares the pickle's CRC-32 alone, since a file may be larger than memory.
  void check_sums() const;

 private:
  ZipFile zip_;
  std::vector<Entry> entries_;
};

/// The tensors of a file that is either a safetensors file or one of torch.save, whatever its name.
std::shared_ptr<const Source> open_tensors(const std::string& path);

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "torch_file-inl.hpp"
#endif
