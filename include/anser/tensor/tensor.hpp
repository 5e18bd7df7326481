#pragma once
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "../backend/concept.hpp"
#include "../core/error.hpp"
#include "../core/shape.hpp"
#include "stored.hpp"

namespace anser {

/// Numbers on a device, with a runtime shape; copies and views share storage and gradient. Storage appears when it is
/// first asked for: a tensor bound to a file stays a view of it until used (on the host, of the same type, for ever).
/// The device must outlive the tensor.
template <Backend B, class T = typename B::element>
class Tensor {
 public:
  using value_type = T;
  using gradient_type = accumulator<T>;

  Tensor() = default;
  Tensor(B& device, Shape shape, bool needs_grad = false)
      : body_(std::make_shared<Body>(device, shape.size(), needs_grad)), shape_(shape), stride_(shape.cols()) {}
  /// Throws Error unless the numbers fill the shape.
  Tensor(B& device, Shape shape, std::span<const T> host, bool needs_grad = false) : Tensor(device, shape, needs_grad) {
    check(host.size() == shape.size(), "Tensor: ", host.size(), " numbers do not fill ", shape);
    body_->memory = body_->allocate_lasting();
    device.upload(data(), host.data(), host.size() * sizeof(T));
  }
  /// A tensor whose numbers are those of a file.
  Tensor(B& device, const Stored& stored) : Tensor(device, stored.shape) {
    body_->origin = std::make_shared<Stored>(stored);
  }

  explicit operator bool() const { return body_ != nullptr; }
  const Shape& shape() const { return shape_; }
  int rows() const { return shape_.rows(); }
  int cols() const { return shape_.cols(); }
  std::ptrdiff_t stride() const { return stride_; }
  bool contiguous() const { return stride_ == cols() || rows() == 1; }
  B& device() const { return *body_->device; }
  bool same_storage(const Tensor& o) const { return body_ == o.body_; }

  T* data() const { return body_->value() + offset_; }
  gradient_type* grad() const { return body_->grad() + offset_; }
  Matrix<T> matrix() const { return {data(), stride_}; }
  Matrix<gradient_type> grad_matrix() const { return {grad(), stride_}; }
  bool needs_grad() const { return body_ && body_->needs_grad; }
  void require_grad(bool needed = true) const {
    body_->needs_grad = needed;
    if (needed) body_->learn();
  }
  /// From here on the numbers' memory is the gradient's, with the numbers in it still; whoever asks for the numbers
  /// again gets others. False, and nothing has changed, where a gradient is there already, or this is but a part, or a
  /// file's.
  bool turn_into_grad() const requires(std::same_as<T, gradient_type>) {
    return shape_.size() == body_->size && body_->turn_into_grad();
  }
  bool has_grad() const { return body_ && body_->gradient != nullptr; }
  void release_grad() const { body_->release_grad(); }
  /// Make another tensor's gradient this one's: of whole tensors without a copy, and the other is then without; of
  /// views of a part by copy. Throws Error where the shapes differ.
  void take_grad(const Tensor& from) const {
    check(shape_.size() == from.shape_.size() && cols() == from.cols(), "Tensor: ", shape_,
          " cannot take the gradient of ", from.shape_);
    if (same_storage(from)) return;
    const auto whole = [](const Tensor& t) { return t.shape_.size() == t.body_->size; };
    if (!whole(*this) || !whole(from)) {
      for (int r = 0; r < rows(); ++r)
        device().copy(grad() + r * stride_, from.grad() + r * from.stride_,
                      std::size_t(cols()) * sizeof(gradient_type));
      return;
    }
    body_->release_grad();
    std::swap(body_->gradient, from.body_->gradient);
  }

  /// The same numbers under another shape. Throws Error where they do not fill it.
  Tensor as(Shape shape) const {
    check(shape.size() == shape_.size() && (contiguous() || shape.cols() == cols()), "Tensor: ", shape_,
          " cannot be seen as ", shape);
    Tensor t = *this;
    t.shape_ = shape;
    if (contiguous()) t.stride_ = shape.cols();
    return t;
  }
  /// Columns [begin, begin + count) of the matrix; shares storage and gradient.
  Tensor columns(int begin, int count) const {
    Tensor t = *this;
    t.shape_ = {rows(), count};
    t.offset_ += begin;
    return t;
  }
  /// Rows [begin, begin + count) of the matrix; shares storage and gradient.
  Tensor slice(int begin, int count) const {
    Tensor t = *this;
    t.shape_ = {count, cols()};
    t.offset_ += begin * stride_;
    return t;
  }

  /// A copy of the numbers on the host, dense.
  std::vector<T> host() const { return fetch<T>(data()); }
  std::vector<gradient_type> host_grad() const { return fetch<gradient_type>(grad()); }
  /// Take these numbers; a file that it came from is forgotten.
  void assign(std::span<const T> host) const {
    check(host.size() == shape_.size() && contiguous(), "Tensor: ", host.size(), " numbers do not fill ", shape_);
    body_->own();
    device().upload(data(), host.data(), host.size() * sizeof(T));
  }

  /// A result's gradient as a tensor of its own (for GEMM). The tensor shares and keeps the storage.
  static Tensor alias_gradient(const Tensor& of) requires(std::same_as<T, gradient_type>) {
    Tensor g(of.device(), {of.rows(), of.cols()});
    g.body_->memory = of.grad();
    g.body_->borrowed = true;
    g.body_->lender = of.body_;
    g.stride_ = of.stride_;
    return g;
  }

  /// The file that it came from, or null.
  std::shared_ptr<const Stored> stored() const { return body_ ? body_->origin : nullptr; }
  /// Take another file's numbers. Throws nothing: whoever binds has compared the shapes.
  void bind(const Stored& from) const {
    body_->release_value();
    body_->origin = std::make_shared<Stored>(from);
  }
  /// Give the memory back where a file can bring the numbers again (after packing a frozen weight).
  void evict() const {
    if (body_) body_->evict();
  }

 private:
  template <class V>
  std::vector<V> fetch(const V* from) const {
    std::vector<V> v(shape_.size());
    if (contiguous()) {
      device().download(v.data(), from, v.size() * sizeof(V));
    } else {
      const std::size_t n = std::size_t(cols());
      for (int r = 0; r < rows(); ++r)
        device().download(v.data() + std::size_t(r) * n, from + r * stride_, n * sizeof(V));
    }
    return v;
  }

  struct Body {
    Body(B& d, std::size_t n, bool g) : device(&d), size(n), needs_grad(g) {}
    Body(const Body&) = delete;
    Body& operator=(const Body&) = delete;
    ~Body() {
      release_value();
      release_grad();
    }
    T* value() {
      if (!memory) materialise();
      return memory;
    }
    gradient_type* grad() {
      if (!gradient) {
        gradient = static_cast<gradient_type*>(device->allocate(size * sizeof(gradient_type)));
        device->zero(gradient, size * sizeof(gradient_type));
      }
      return gradient;
    }
    void materialise() {
      if (origin && B::on_host && !needs_grad && origin->dtype == dtype_of<T> &&
          reinterpret_cast<std::uintptr_t>(origin->data) % alignof(T) == 0) {
        memory = reinterpret_cast<T*>(const_cast<std::byte*>(origin->data));  // a mapped file; written by nobody
        borrowed = true;
        return;
      }
      load();
      if (needs_grad) origin.reset();
    }
    /// A mapped file is written by nobody, and what has learned is in no file: only what is unread stays bound.
    void learn() {
      drop_view();
      if (memory) origin.reset();
    }
    /// Memory of its own, with the file's numbers where there is one.
    void load() {
      memory = origin ? allocate_lasting() : static_cast<T*>(device->allocate(size * sizeof(T)));
      if (!origin) return;
      try {
        if constexpr (B::on_host) {
          convert(*origin, memory);
        } else {
          std::vector<T> staging(size);
          convert(*origin, staging.data());
          device->upload(memory, staging.data(), size * sizeof(T));
        }
      } catch (...) {  // whoever asks again gets the same error, and no numbers
        release_value();
        throw;
      }
      if (origin->evict) origin->evict();
    }
    /// For numbers of the host or a file, which may outlive a dry run in which they are first read.
    T* allocate_lasting() {
      void* p = nullptr;
      if constexpr (requires { device->allocate_lasting(size); })
        p = device->allocate_lasting(size * sizeof(T));
      else
        p = device->allocate(size * sizeof(T));
      return static_cast<T*>(p);
    }
    void drop_view() {
      if (origin && borrowed) release_value();
    }
    /// About to be written: no file can bring these numbers again.
    void own() {
      if (!origin) return;
      drop_view();
      if (!memory) load();
      origin.reset();
    }
    void release_value() {
      if (memory && !borrowed) device->release(memory, size * sizeof(T));
      memory = nullptr;
      borrowed = false;
    }
    bool turn_into_grad() {
      if (gradient || !memory || borrowed || origin) return false;
      gradient = memory;
      memory = nullptr;
      return true;
    }
    void release_grad() {
      if (gradient) device->release(gradient, size * sizeof(gradient_type));
      gradient = nullptr;
    }
    void evict() {
      if (!origin) return;
      const bool converted = memory && !borrowed;  // then the file's pages have gone already
      release_value();
      if (!converted && origin->evict) origin->evict();
    }

    B* device;
    std::size_t size;
    bool needs_grad;
    bool borrowed = false;
    T* memory = nullptr;
    gradient_type* gradient = nullptr;
    std::shared_ptr<const Stored> origin;
    std::shared_ptr<const void> lender;  // whose storage this borrows, other than a file's
  };

  std::shared_ptr<Body> body_;
  Shape shape_;
  std::ptrdiff_t offset_ = 0;
  std::ptrdiff_t stride_ = 0;
};

/// What accumulates: residual stream, norms, scores, logits, learned parameters.
template <Backend B>
using Real = Tensor<B, typename B::real>;
/// Token ids, masks, expert indices.
template <Backend B>
using Index = Tensor<B, std::int32_t>;

}  // namespace anser
