#pragma once
#include <functional>
#include <memory>
#include <string>

#include "routing.hpp"

namespace anser {

/// The host as a module sees it: callable on the site's input, or on another one. What it returns is the module's to
/// change in place; for the site's input it may be the same tensor each time, or made each time, so ask once.
template <Backend B>
class Host {
 public:
  using Compute = std::function<Real<B>(const Tensor<B>&)>;
  Host(Tensor<B> input, Real<B> ready, Compute compute, const typename B::Packed* packed = nullptr)
      : input_(std::move(input)), ready_(std::move(ready)), compute_(std::move(compute)), packed_(packed) {}
  /// The host's output for x; what the group's GEMM has made already, if it has, where x is the site's input, all of
  /// it.
  Real<B> operator()(const Tensor<B>& x) const {
    const bool same = ready_ && x.data() == input_.data() && x.shape() == input_.shape() && x.same_storage(input_);
    return same ? ready_ : compute_(x);
  }

  /// The host's frozen weight [out, in], for who makes its product and more in one pass; null where it is not packed by
  /// itself, or its product is made already.
  const typename B::Packed* packed() const { return packed_; }

 private:
  Tensor<B> input_;
  Real<B> ready_;
  Compute compute_;
  const typename B::Packed* packed_;
};

/// A site's module and router behind one type: all that a stack knows of them, so that stacks are compiled once.
template <Backend B>
class SiteExperts {
 public:
  using Leaf = std::function<void(const std::string&, Real<B>&)>;

  virtual ~SiteExperts() = default;
  /// The site's output with its experts heard: x [rows, in] -> [rows, out]. It is the caller's to change in place: what
  /// was recorded for its gradient reads its gradient alone.
  virtual Real<B> forward(const Context<B>&, const Host<B>&, const Tensor<B>& x, const Scores<B>&,
                          const Batch<B>&) const = 0;
  /// Rows [candidates, in] to be packed with the group's weights at inference; undefined: none.
  virtual Tensor<B> rows() const { return {}; }
  /// Whether the host is asked for another input than the site's: what is computed for that one would be in vain.
  virtual bool changes_input() const { return false; }
  /// What this site decides once per input, after the encoder; null: nothing.
  virtual std::shared_ptr<const void> plan(const Context<B>&, const Batch<B>&) const { return nullptr; }
  virtual void visit(const Leaf&) = 0;
};

}  // namespace anser
