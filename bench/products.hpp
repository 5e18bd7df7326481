#pragma once
#include <algorithm>
#include <anser/cpu.hpp>
#include <string>
#include <vector>

#include "case.hpp"
#include "eigen_only.hpp"
#include "shapes.hpp"

namespace bench {

/// The one device, which outlives all that lies on it.
inline anser::Cpu<float>& device() {
  static anser::Cpu<float> cpu;
  return cpu;
}

/// Operations per second that registration reckons with, to choose how many rounds a case can afford.
inline constexpr double expected_rate = 2.5e11, expected_read = 1.5e10;

enum class Library { onednn, eigen };  // onednn: the backend's packed product, which is oneDNN's where it was found

/// Packed products of `copies` layers, each with weights of its own, run one after the other as a stack runs them.
class Products {
 public:
  Products(std::vector<Product> of, int copies, Library library)
      : of_(std::move(of)), copies_(copies), library_(library) {
    std::size_t largest = 0;
    for (const Product& p : of_) {
      largest = std::max(largest, std::size_t(p.n) * std::size_t(p.k));
      widest_ = std::max({widest_, p.n, p.k});
    }
    const RandomTensors random({{"w.weight", {int((largest + 63) / 64), 64}}});
    const auto* w = reinterpret_cast<const float*>(random.find("w.weight")->data);
    for (int c = 0; c < copies_; ++c)
      for (const Product& p : of_) {
        if (library_ == Library::eigen) {
          eigen_.emplace_back(w, p.n, p.k);
        } else {
          const anser::Matrix<const float> blocks[] = {{w, p.k}};
          const int rows[] = {p.n};
          packed_.push_back(device().pack(blocks, rows, p.k));
        }
      }
  }

  double operations(int m) const { return 2.0 * m * copies_ * weights(of_); }
  double bytes() const { return 4.0 * copies_ * weights(of_); }

  void run(int m) {
    if (!x_ || x_.rows() < m) {
      x_ = {device(), {m, widest_}};
      y_ = {device(), {m, widest_}};
      std::fill_n(x_.data(), x_.shape().size(), 0.5f);
    }
    for (int c = 0, i = 0; c < copies_; ++c)
      for (const Product& p : of_) {
        if (library_ == Library::eigen)
          eigen_[std::size_t(i)].multiply(x_.data(), m, y_.data());
        else
          device().gemm(packed_[std::size_t(i)], {x_.data(), p.k}, m, anser::Matrix<float>{y_.data(), p.n});
        ++i;
      }
  }

 private:
  std::vector<Product> of_;
  int copies_;
  Library library_;
  int widest_ = 0;
  std::vector<anser::CpuWeights> packed_;
  std::vector<EigenProduct> eigen_;
  anser::Tensor<anser::Cpu<float>> x_, y_;  // on pages such as the library's own products read and write
};

/// The one large thing that cases share: made when a case asks for another, after the last was given back.
template <class T, class F>
T& shared(const std::string& key, F make) {
  static std::string held;
  static std::unique_ptr<T> value;
  if (held != key || !value) {
    value.reset();
    held = key;
    value = make();
  }
  return *value;
}

}  // namespace bench
