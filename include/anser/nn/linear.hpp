#pragma once
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
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

/// Linears that read the same input. At inference their weights, and their routers' rows below them, are one GEMM.
/// Where they have experts and the backend makes a product with its experts in one pass, each weight is a GEMM of its
/// own, and all rows together another.
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
    bool apart = false;
    if constexpr (MultipliesLowRank<B>)
      apart = std::any_of(members_.begin(), members_.end(), [](const Member& m) { return bool(m.experts); });
    std::vector<Product> products;
    std::vector<Columns> outs, scores(members_.size());
    std::vector<Matrix<const typename B::element>> blocks;
    std::vector<int> rows;
    Product next;
    const auto add = [&](const Tensor<B>& t) {
      blocks.push_back(t.matrix());
      rows.push_back(t.rows());
      next.columns += t.rows();
      return Columns{int(products.size()), next.columns - t.rows(), t.rows()};
    };
    const auto finish = [&] {
      if (blocks.empty()) return;
      next.weight = device_->pack(blocks, rows, in_);
      products.push_back(std::exchange(next, {}));
      blocks.clear();
      rows.clear();
    };
    for (const auto& m : members_) {
      outs.push_back(add(m.linear.weight));
      next.outs = next.columns;
      if (apart) finish();
    }
    std::vector<Tensor<B>> kept;  // alive until packed
    for (std::size_t i = 0; i < members_.size(); ++i) {
      const auto& m = members_[i];
      if (!m.experts || m.experts->changes_input()) continue;
      if (auto r = m.experts->rows()) {
        check(r.cols() == in_, m.name, ": the router's rows are ", r.cols(), " wide and the site reads ", in_);
        scores[i] = add(r);
        kept.push_back(std::move(r));
      }
    }
    finish();
    products_ = std::move(products);
    outs_ = std::move(outs);
    scores_ = std::move(scores);
    for (auto& m : members_) m.linear.weight.evict();
  }
  void unpack() {
    products_.clear();
    outs_.clear();
    scores_.clear();
  }

  /// One output per member: x [rows, in] -> [rows, out_i].
  std::vector<Real<B>> forward(const Context<B>& cx, const Tensor<B>& x, const Batch<B>& batch) const {
    const bool packed = !products_.empty();
    auto made = multiply_few(cx, x);
    const auto take = [&](const Columns& c) {
      auto& y = made[std::size_t(c.product)];
      if (!y) y = multiply_packed(cx, products_[std::size_t(c.product)], x);
      return y.columns(c.begin, c.count);
    };
    Scores<B> scores;
    std::vector<Real<B>> y;
    for (std::size_t i = 0; i < members_.size(); ++i) {
      const auto& m = members_[i];
      if (!m.experts) {
        y.push_back(packed ? take(outs_[i]) : matmul_t(cx, x, m.linear.weight));
        continue;
      }
      const bool scored = packed && scores_[i].count && !cx.tape;  // routers learn from x itself
      if (scored && !scores.statistics) scores.statistics = statistics(cx, x);
      scores.raw = scored ? take(scores_[i]) : Real<B>{};
      const Product* own = packed ? &products_[std::size_t(outs_[i].product)] : nullptr;
      if (own && (own->columns > outs_[i].count || made[std::size_t(outs_[i].product)])) own = nullptr;
      const Host<B> host(
          x, packed && !own ? take(outs_[i]) : Real<B>{},
          [&](const Tensor<B>& u) { return own ? multiply_packed(cx, *own, u) : matmul_t(cx, u, m.linear.weight); },
          own ? &own->weight : nullptr);
      y.push_back(m.experts->forward(cx, host, x, scores, batch));
    }
    return y;
  }

 private:
  /// One GEMM: columns of outputs, then of scores.
  struct Product {
    typename B::Packed weight;
    int columns = 0, outs = 0;
  };
  struct Columns {
    int product = 0, begin = 0, count = 0;
  };

  /// The outcome of each product: of all at once where packed apart and rows are few, else none yet.
  std::vector<Real<B>> multiply_few(const Context<B>& cx, const Tensor<B>& x) const {
    std::vector<Real<B>> made(products_.size());
    if constexpr (MultipliesLowRank<B>)
      if (products_.size() > 1 && x.rows() < B::one_pass_rows && !cx.tape) {
        std::vector<const typename B::Packed*> weights;
        std::vector<Matrix<typename B::real>> ys;
        for (std::size_t i = 0; i < made.size(); ++i) {
          made[i] = Real<B>(cx.device, {x.rows(), products_[i].columns});
          weights.push_back(&products_[i].weight);
          ys.push_back(made[i].matrix());
        }
        cx.device.gemm(weights, x.matrix(), x.rows(), ys);
      }
    return made;
  }

  /// The gradient goes to x alone, by the outputs: what is packed is frozen.
  Real<B> multiply_packed(const Context<B>& cx, const Product& product, const Tensor<B>& x) const {
    Real<B> y(cx.device, {x.rows(), product.columns});
    cx.device.gemm(product.weight, x.matrix(), x.rows(), y.matrix());
    if (!cx.tape || product.outs == 0) return y;
    for (const auto& m : members_)
      check(!m.linear.weight.needs_grad(), m.name, ": packed weights are frozen; unpack the model before they learn");
    if (!x.needs_grad()) return y;
    const auto outs = y.columns(0, product.outs);
    outs.require_grad();
    cx.tape->record([x, outs, weight = product.weight] {
      outs.device().gemm_back(weight, gradient_as<typename B::element>(outs).matrix(), x.rows(), outs.cols(),
                              x.grad_matrix());
    });
    return y;
  }

  B* device_ = nullptr;
  int in_ = 0;
  std::vector<Member> members_;
  std::vector<Product> products_;  // empty: not packed
  std::vector<Columns> outs_, scores_;
};

}  // namespace anser
