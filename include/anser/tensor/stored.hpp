#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../core/error.hpp"
#include "../core/scalar.hpp"
#include "../core/shape.hpp"

namespace anser {

/// A tensor as a file holds it: bytes of the host, usually a view of a mapped file.
struct Stored {
  DType dtype = DType::f32;
  Shape shape;
  const std::byte* data = nullptr;   // not necessarily aligned
  std::shared_ptr<const void> keep;  // owns the bytes
  std::string origin;                // "file: tensor", for messages
  std::function<void()> evict;       // may be empty: the bytes will not be read soon, their pages can go

  std::size_t bytes() const { return shape.size() * size_of(dtype); }
};

/// Something that has tensors by name: a safetensors file, a model directory, one expert.
class Source {
 public:
  virtual ~Source() = default;
  virtual std::optional<Stored> find(std::string_view name) const = 0;
  virtual std::vector<std::string> names() const = 0;
  /// The file or directory, for messages.
  virtual std::string origin() const = 0;

  /// Throws Error naming the file and the tensor where it is missing or of another shape.
  Stored get(std::string_view name, const Shape& shape) const {
    auto t = find(name);
    if (!t) fail(origin(), ": the tensor ", name, " is missing; is this file complete and of the right kind?");
    check(t->shape == shape, origin(), ": ", name, " has the shape ", t->shape, " and must have ", shape);
    return *std::move(t);
  }
};

/// Tensors that no file holds yet, in f32.
class MemorySource : public Source {
 public:
  explicit MemorySource(std::string origin) : origin_(std::move(origin)) {}
  /// Throws Error unless the numbers fill the shape.
  void add(const std::string& name, const Shape& shape, std::vector<float> numbers) {
    check(numbers.size() == shape.size(), origin_, ": ", numbers.size(), " numbers do not fill ", name, ' ', shape);
    const auto kept = std::make_shared<const std::vector<float>>(std::move(numbers));
    tensors_[name] = {DType::f32, shape, reinterpret_cast<const std::byte*>(kept->data()), kept, origin_ + ": " + name,
                      {}};
  }
  std::optional<Stored> find(std::string_view name) const override {
    const auto it = tensors_.find(name);
    return it == tensors_.end() ? std::nullopt : std::optional(it->second);
  }
  std::vector<std::string> names() const override {
    std::vector<std::string> n;
    for (const auto& [name, _] : tensors_) n.push_back(name);
    return n;
  }
  std::string origin() const override { return origin_; }

 private:
  std::string origin_;
  std::map<std::string, Stored, std::less<>> tensors_;
};

/// `count` numbers read as T, whatever the file's dtype. Throws Error for a dtype that holds no real numbers.
template <class T>
void convert(const Stored& s, T* out) {
  const std::size_t n = s.shape.size();
  auto each = [&]<class S>(S) {
    for (std::size_t i = 0; i < n; ++i) {
      S v;
      __builtin_memcpy(&v, s.data + i * sizeof(S), sizeof(S));
      if constexpr (std::is_integral_v<S> || std::is_same_v<S, T> || std::is_same_v<S, double>)
        out[i] = T(v);
      else
        out[i] = T(float(v));
    }
  };
  switch (s.dtype) {
    case DType::f64: return each(double{});
    case DType::f32: return each(float{});
    case DType::f16: return each(f16{});
    case DType::bf16: return each(bf16{});
    case DType::i64: return each(std::int64_t{});
    case DType::i32: return each(std::int32_t{});
    default: fail(s.origin, " holds ", name_of(s.dtype), "; F32, F16, BF16, F64, I32 or I64 was expected");
  }
}

#if defined(ANSER_COMPILED)  // the loop over a model's numbers, as quick as the library is compiled
extern template void convert(const Stored&, double*);
extern template void convert(const Stored&, float*);
extern template void convert(const Stored&, bf16*);
extern template void convert(const Stored&, int*);
#endif

}  // namespace anser
