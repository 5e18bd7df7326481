#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../ops/matmul.hpp"
#include "../ops/norm.hpp"
#include "layer.hpp"
#include "site_experts.hpp"

namespace anser {

/// y = x Wᵀ, no bias.
template <Backend B>
struct Linear {
  Tensor<B> weight;  // [out, in]
  static void visit(auto& self, auto&& f) { f("weight", self.weight); }
};

/// Linears that read the same input: at inference their weights, and their routers' rows below them, are one GEMM.
template <Backend B>
class LinearGroup {
 public:
  struct Member {
    std::string name;
    Linear<B> linear;
    Site site;
    std::unique_ptr<SiteExperts<B>> experts;
  };

  LinearGroup() = default;
  LinearGroup(B& device, int in, std::initializer_list<std::pair<const char*, int>> outs) : device_(&device), in_(in) {
    for (const auto& [name, out] : outs) members_.push_back({name, {Tensor<B>(device, {out, in})}, {}, nullptr});
  }

  static void visit(auto& self, auto&& f) {
    for (auto& m : self.members_) f(m.name, m.linear);
  }
  std::vector<Member>& members() { return members_; }
  const std::vector<Member>& members() const { return members_; }

  /// Freeze: weights and routers' rows into the form that GEMM likes best, pages of the files given back.
  void pack() {
    std::vector<Matrix<const typename B::element>> blocks;
    std::vector<int> rows;
    std::vector<Tensor<B>> kept;  // alive until packed
    for (auto& m : members_) {
      blocks.push_back(m.linear.weight.matrix());
      rows.push_back(m.linear.weight.rows());
    }
    score_columns_.assign(members_.size(), 0);
    for (std::size_t i = 0; i < members_.size(); ++i) {
      if (!members_[i].experts || members_[i].experts->changes_input()) continue;
      if (auto r = members_[i].experts->rows()) {
        check(r.cols() == in_, members_[i].name, ": the router's rows are ", r.cols(), " wide and the site reads ",
              in_);
        blocks.push_back(r.matrix());
        rows.push_back(r.rows());
        score_columns_[i] = r.rows();
        kept.push_back(std::move(r));
      }
    }
    packed_ = device_->pack(blocks, rows, in_);
    for (auto& m : members_) m.linear.weight.evict();
  }
  void unpack() { packed_.reset(); }

  /// One output per member: x [rows, in] -> [rows, out_i], columns of one tensor.
  std::vector<Real<B>> forward(const Context<B>& cx, const Tensor<B>& x, const Batch<B>& batch) const {
    if (members_.size() == 1 && members_[0].experts && members_[0].experts->changes_input())
      return {members_[0].experts->forward(cx, Host<B>(x, {}, [&](const Tensor<B>& u) { return product(cx, u); }), x,
                                           {}, batch)};
    int columns = 0, outs = 0;
    bool scored = false;
    for (const auto& m : members_) outs += m.linear.weight.rows();
    columns = outs;
    if (packed_)
      for (int n : score_columns_) {
        columns += n;
        scored = scored || n;
      }
    Real<B> all(cx.device, {x.rows(), columns});
    if (packed_) {
      cx.device.gemm(*packed_, x.matrix(), x.rows(), all.matrix());
      remember(cx, x, all.columns(0, outs));
    } else {
      int at = 0;
      for (const auto& m : members_) {
        matmul_t_into(cx, x, m.linear.weight, all.columns(at, m.linear.weight.rows()));
        at += m.linear.weight.rows();
      }
    }
    Scores<B> scores;
    if (scored) scores.statistics = statistics(cx, x);
    std::vector<Real<B>> y;
    int at = 0, score_at = outs;
    for (std::size_t i = 0; i < members_.size(); ++i) {
      const auto& m = members_[i];
      auto mine = all.columns(at, m.linear.weight.rows());
      at += m.linear.weight.rows();
      if (m.experts) {
        const int n = packed_ ? score_columns_[i] : 0;
        scores.raw = n ? all.columns(score_at, n) : Real<B>{};
        score_at += n;
        const Host<B> host(x, mine, [&](const Tensor<B>& u) { return matmul_t(cx, u, m.linear.weight); });
        mine = m.experts->forward(cx, host, x, scores, batch);
      }
      y.push_back(std::move(mine));
    }
    return y;
  }

 private:
  /// The one member's product, for an input of its experts' making.
  Real<B> product(const Context<B>& cx, const Tensor<B>& x) const {
    const int out = members_[0].linear.weight.rows();
    if (!packed_) return matmul_t(cx, x, members_[0].linear.weight);
    Real<B> y(cx.device, {x.rows(), out});
    cx.device.gemm(*packed_, x.matrix(), x.rows(), y.matrix());
    remember(cx, x, y);
    return y;
  }

  /// The packed product's gradient goes to x alone: what is packed is frozen.
  void remember(const Context<B>& cx, const Tensor<B>& x, const Real<B>& y) const {
    if (!cx.tape) return;
    for (const auto& m : members_)
      check(!m.linear.weight.needs_grad(), m.name, ": packed weights are frozen; unpack the model before they learn");
    if (!x.needs_grad()) return;
    y.require_grad();
    cx.tape->record([x, y, this] {
      y.device().gemm_back(*packed_, gradient_as<typename B::element>(y).matrix(), x.rows(), y.cols(), x.grad_matrix());
    });
  }

  B* device_ = nullptr;
  int in_ = 0;
  std::vector<Member> members_;
  std::vector<int> score_columns_;
  std::optional<typename B::Packed> packed_;
};

}  // namespace anser
