#pragma once
#include <memory>
#include <vector>

#include "group.hpp"
#include "low_rank_kernels.hpp"
#include "table.hpp"

namespace anser {

/// The low-rank experts of one site: each its own A [rank, in], B [out, rank] and scale, or rank 0 where it has none;
/// bottlenecks have a bias [rank] after A and an activation besides.
/// Views of their files until used: on the host an expert is read when the first row is routed to it.
template <Backend B>
class LowRankExperts {
 public:
  using R = typename B::real;
  Activation activation = Activation::none;  // between A and B

  /// Undefined tensors: no expert here, or no bias.
  void add(Real<B> a, Real<B> b, double scale, Real<B> bias = {}) {
    check(!a == !b && (!a || a.rows() == b.cols()), "low-rank expert: A and B do not meet");
    check(!bias || (a && int(bias.shape().size()) == a.rows()), "low-rank expert: A and its bias do not meet");
    a_.push_back(std::move(a));
    b_.push_back(std::move(b));
    bias_.push_back(std::move(bias));
    scale_.push_back(scale);
    if (a_.back() && a_.back().rows() > max_rank_) max_rank_ = a_.back().rows();
    device_table_ = {};
  }
  int size() const { return int(a_.size()); }
  int max_rank() const { return max_rank_; }
  const Real<B>& a(int e) const { return a_[std::size_t(e)]; }
  const Real<B>& b(int e) const { return b_[std::size_t(e)]; }
  Real<B>& a(int e) { return a_[std::size_t(e)]; }
  Real<B>& b(int e) { return b_[std::size_t(e)]; }
  const Real<B>& bias(int e) const { return bias_[std::size_t(e)]; }
  Real<B>& bias(int e) { return bias_[std::size_t(e)]; }
  double scale(int e) const { return scale_[std::size_t(e)]; }
  bool learns() const {
    for (std::size_t e = 0; e < a_.size(); ++e)
      if (a_[e] && (a_[e].needs_grad() || b_[e].needs_grad() || (bias_[e] && bias_[e].needs_grad()))) return true;
    return false;
  }

  /// The table as kernels read it. `begin` (host memory) says who is used; elsewhere all are resident.
  const LowRank<R>* table(B& device, [[maybe_unused]] const std::int32_t* begin) const {
    if (host_table_.size() != a_.size()) {
      host_table_.assign(a_.size(), {});
      for (std::size_t e = 0; e < a_.size(); ++e)
        host_table_[e] = {nullptr, nullptr, a_[e] ? a_[e].rows() : 0, R(scale_[e]), nullptr, nullptr};
    }
    if constexpr (B::on_host) {
      for (std::size_t e = 0; e < a_.size(); ++e)
        if (begin[e + 1] > begin[e] && a_[e]) point(e);
      return host_table_.data();
    } else {
      bool moved = !device_table_;  // a tensor bound anew lies elsewhere
      for (std::size_t e = 0; e < a_.size(); ++e) {
        if (!a_[e]) continue;
        const auto before = host_table_[e];
        point(e);
        const auto& now = host_table_[e];
        moved = moved || now.a != before.a || now.b != before.b || now.bias != before.bias;
      }
      if (moved) device_table_ = upload_table(device, host_table_);
      return entries<LowRank<R>>(device_table_);
    }
  }

  /// For the backend's own low_rank. Where it packs, an expert that no one trains is read at first where it lies in its
  /// file. It is packed, and the file's pages are given back, when it is used again after 16 slots, or among 256 of one
  /// call, or at once where its numbers had to be converted: new memory takes some hundred times as long as a packed
  /// expert saves on one row, and over a large pool a token hears experts that the next ones do not (docs/backend.md).
  const LowRank<R>* packed_table(B& device, const std::int32_t* begin) const {
    if constexpr (requires(const R* p) { device.pack_low_rank(p, p, 1, 1, 1); }) {
      packed_.resize(a_.size());
      packed_table_.resize(a_.size());
      const bool many = begin[a_.size()] >= 256;
      for (std::size_t e = 0; e < a_.size(); ++e) {
        if (begin[e + 1] == begin[e] || !a_[e]) continue;
        const auto &a = a_[e], &b = b_[e];
        Packed& p = packed_[e];
        if (!a.stored() || !b.stored() || p.from_a != a.stored() || p.from_b != b.stored()) p = {};
        LowRank<R>& entry = packed_table_[e];
        entry = {p.made.a, nullptr, a.rows(), R(scale_[e]), p.made.panels, bias_[e] ? bias_[e].data() : nullptr};
        if (!p.made.a) {
          entry.a = a.data();
          entry.b = b.data();
          p.from_a = a.stored();  // null: numbers that may change at any time
          p.from_b = b.stored();
          const bool frozen = p.from_a && p.from_b;
          const auto lies_in = [](const R* numbers, const Stored& file) {
            return reinterpret_cast<const std::byte*>(numbers) == file.data;
          };
          if (frozen && ((p.slots > 0 && (p.slots >= 16 || many)) || !lies_in(entry.a, *p.from_a) ||
                         !lies_in(entry.b, *p.from_b))) {
            p.made = device.pack_low_rank(entry.a, entry.b, a.rows(), a.cols(), b.rows());
            entry.a = p.made.a;
            entry.b = nullptr;
            entry.panels = p.made.panels;
            a.evict();
            b.evict();
          }
        }
        p.slots += begin[e + 1] - begin[e];
      }
      return packed_table_.data();
    } else {
      return table(device, begin);
    }
  }

  /// Where gradients go. The tensor keeps the memory of a device's copy.
  Index<B> gradients(B& device) const {
    std::vector<kernel::LowRankGradient<R>> g(a_.size());
    const auto into = [](const Real<B>& t) { return t && t.needs_grad() ? t.grad() : nullptr; };
    for (std::size_t e = 0; e < a_.size(); ++e) g[e] = {into(a_[e]), into(b_[e]), into(bias_[e])};
    return upload_table(device, g);
  }

 private:
  void point(std::size_t e) const {
    host_table_[e].a = a_[e].data();
    host_table_[e].b = b_[e].data();
    host_table_[e].bias = bias_[e] ? bias_[e].data() : nullptr;
  }

  struct Packed {
    PackedLowRank<R> made;                         // none at first
    std::shared_ptr<const Stored> from_a, from_b;  // what was read or packed
    std::int64_t slots = 0;                        // that it has served so far
  };
  std::vector<Real<B>> a_, b_, bias_;
  std::vector<double> scale_;
  int max_rank_ = 0;
  mutable std::vector<LowRank<R>> host_table_;
  mutable Index<B> device_table_;
  mutable std::vector<Packed> packed_;
  mutable std::vector<LowRank<R>> packed_table_;
};

namespace detail {
/// The request to a backend that y [rows, out] be added to: see GroupedLowRank.
template <Backend B, class X>
GroupedLowRank<X, typename B::real> grouped(const Context<B>& cx, const Real<B>& y, const Tensor<B, X>& x,
                                            const LowRankExperts<B>& experts, const Real<B>& weight,
                                            const Groups<B>& groups) {
  return {x.matrix(),
          y.matrix(),
          x.rows(),
          x.cols(),
          y.cols(),
          weight.cols(),
          experts.size(),
          experts.packed_table(cx.device, groups.begin.data()),
          groups.order.data(),
          groups.begin.data(),
          weight.data(),
          experts.activation};
}
}  // namespace detail

/// x Wᵀ of a frozen W [out, in], and what add_low_rank adds to it: [rows, out]. No gradients. Throws Error where the
/// sizes do not meet.
template <MultipliesLowRank B>
Real<B> multiply_low_rank(const Context<B>& cx, const Tensor<B>& x, const typename B::Packed& w,
                          const LowRankExperts<B>& experts, const Real<B>& weight, const Groups<B>& groups) {
  check(x.cols() == w.k && weight.rows() == x.rows(), "multiply_low_rank: x ", x.shape(), ", weight ", Shape{w.n, w.k},
        ", routing ", weight.shape());
  Real<B> y(cx.device, {x.rows(), w.n});
  cx.device.gemm_low_rank(w, detail::grouped(cx, y, x, experts, weight, groups));
  return y;
}

/// y += sum over the k slots of each row of weight * scale_e * B_e f(A_e x + bias_e), in place: y [rows, out], x [rows,
/// in], expert and weight [rows, k], groups of the same decision. Gradients to x, weight, the experts' tensors; y's own
/// gradient passes through.
template <Backend B, class X>
void add_low_rank(const Context<B>& cx, const Real<B>& y, const Tensor<B, X>& x,
                  const std::shared_ptr<const LowRankExperts<B>>& experts, const Index<B>& expert,
                  const Real<B>& weight, const Groups<B>& groups) {
  using R = typename B::real;
  const int rows = x.rows(), in = x.cols(), out = y.cols(), k = weight.cols(), slots = rows * k;
  check(y.rows() == rows && weight.rows() == rows && expert.rows() == rows && expert.cols() == k, "add_low_rank: x ",
        x.shape(), ", y ", y.shape(), ", routing ", expert.shape(), " and ", weight.shape());
  const bool learns = cx.tape && (x.needs_grad() || weight.needs_grad() || experts->learns());
  if constexpr (requires(B & d, const GroupedLowRank<X, R>& g) { d.low_rank(g); }) {
    if (!learns) {
      cx.device.low_rank(detail::grouped(cx, y, x, *experts, weight, groups));
      return;
    }
  }
  const LowRank<R>* table = experts->table(cx.device, groups.begin.data());
  const auto f = experts->activation;
  Real<B> h(cx.device, {slots, experts->max_rank()});
  const Real<B> z = f == Activation::none || !learns ? h : Real<B>(cx.device, h.shape());
  run(cx.device, slots, std::size_t(in) * std::size_t(h.cols()),
      kernel::LowRankDown<X, R>{table, expert.data(), x.matrix(), z.matrix(), h.matrix(), in, k, f});
  run(cx.device, rows, std::size_t(out) * std::size_t(h.cols()),
      kernel::LowRankUp<R>{table, expert.data(), weight.data(), h.matrix(), y.matrix(), out, k});
  if (!learns) return;
  y.require_grad();
  cx.tape->record([=] {
    B& device = y.device();
    const LowRank<R>* now = experts->table(device, groups.begin.data());  // it may have been made anew since
    Real<B> g(device, h.shape());
    const auto dy = y.grad_matrix();
    run(device, slots, std::size_t(out) * std::size_t(h.cols()),
        kernel::LowRankUpBackward<R>{now, expert.data(), dy, z.matrix(), h.matrix(), g.matrix(),
                                     weight.needs_grad() ? weight.grad() : nullptr, out, k, f});
    if (x.needs_grad())
      run(device, rows, std::size_t(in) * std::size_t(h.cols()),
          kernel::LowRankDownBackward<R>{now, expert.data(), weight.data(), g.matrix(), x.grad_matrix(), in, k});
    if (!experts->learns()) return;
    const auto gradients = experts->gradients(device);
    const auto* into = entries<kernel::LowRankGradient<R>>(gradients);
    const std::size_t share = std::size_t(slots) * std::size_t(in) / std::size_t(experts->size());
    run(device, experts->size() * h.cols(), share,
        kernel::LowRankGradientA<X, R>{now, into, groups.order.data(), groups.begin.data(), weight.data(), g.matrix(),
                                       x.matrix(), in, k, h.cols()});
    run(device, experts->size(), share,
        kernel::LowRankGradientBias<R>{now, into, groups.order.data(), groups.begin.data(), weight.data(), g.matrix()});
    run(device, experts->size() * out, share,
        kernel::LowRankGradientB<R>{now, into, groups.order.data(), groups.begin.data(), weight.data(), h.matrix(), dy,
                                    out, k});
  });
}

}  // namespace anser
