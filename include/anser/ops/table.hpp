#pragma once
#include <type_traits>
#include <vector>

#include "../tensor/context.hpp"

namespace anser {

/// Plain structs or pointers, such as one per expert, where kernels read them. The tensor keeps their memory.
template <Backend B, class T>
Index<B> upload_table(B& device, const std::vector<T>& entries) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(std::int32_t) == 0);
  Index<B> t(device, {int(entries.size() * sizeof(T) / sizeof(std::int32_t))});
  device.upload(t.data(), entries.data(), entries.size() * sizeof(T));
  return t;
}

/// What upload_table put there.
template <class T, Backend B>
const T* entries(const Index<B>& table) {
  return reinterpret_cast<const T*>(table.data());
}

}  // namespace anser
