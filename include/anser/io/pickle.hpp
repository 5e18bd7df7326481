#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../core/config.hpp"
#include "../core/scalar.hpp"

namespace anser {

/// A tensor as a pickle of torch.save describes it: a view of a storage whose numbers are kept elsewhere.
/// Nothing of it has been compared with the storage yet.
struct PickledTensor {
  std::string name;  // the keys that lead to it, joined by dots
  DType dtype = DType::f32;
  std::string storage;             // its key
  std::uint64_t storage_size = 0;  // in numbers, as are the next
  std::uint64_t offset = 0;
  std::vector<std::uint64_t> shape, strides;  // of the same length
};

/// The named tensors in a pickle that torch.save wrote: those of a dict or OrderedDict, and of dicts and lists in it.
/// Where the dict has "state_dict", those of that alone. Other values (numbers, texts, None) are passed over.
/// Nothing is ever called: tensors, parameters, OrderedDict and storages are recognised, any other name that the pickle
/// wants called is refused by that name. Throws Error naming `origin`; memory is bounded by a multiple of the bytes.
std::vector<PickledTensor> read_pickle(std::string_view bytes, const std::string& origin);

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "pickle-inl.hpp"
#endif
