#pragma once
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "expert.hpp"

namespace anser {

/// The stored texts of a pool's experts as vectors: retrieval gives an input to the expert that owns the nearest one
/// (Jang et al. 2023; Muqeeth et al. 2024, section 4).
class RetrievalIndex {
 public:
  /// Throws Error naming the experts without embeddings, embeddings of unequal widths, and numbers that are not finite.
  explicit RetrievalIndex(std::span<const Expert> experts) {
    std::string missing;
    for (std::size_t e = 0; e < experts.size(); ++e) {
      const auto& rows = experts[e].embeddings;
      if (!rows) {
        missing += (missing.empty() ? "" : ", ") + experts[e].name;
        continue;
      }
      check(width_ == 0 || rows->shape.cols() == width_, rows->origin, " has the shape ", rows->shape,
            ", and other experts' vectors have ", width_, " numbers; embed all with one encoder");
      width_ = rows->shape.cols();
      std::vector<float> v(rows->shape.size());
      convert(*rows, v.data());
      for (std::size_t at = 0; at < v.size(); at += std::size_t(width_)) {
        add(std::span(v).subspan(at, std::size_t(width_)), rows->origin);
        owner_.push_back(int(e));
      }
    }
    check(missing.empty(), "the router retrieval needs embeddings; these experts have none: ", missing,
          "; make them (anser pool embeddings), or choose another router");
    check(!owner_.empty(), "the router retrieval needs embeddings, and the pool's are empty");
  }

  int width() const { return width_; }

  /// The expert whose stored vector has the greatest cosine with this one, [width()]; of equal ones the first.
  int nearest(std::span<const float> text) const {
    float best = -INFINITY;  // the text's own length is the same for all
    int who = owner_[0];
    for (std::size_t i = 0; i < owner_.size(); ++i) {
      const float* row = rows_.data() + i * std::size_t(width_);
      float dot = 0;
      ANSER_SIMD(reduction(+ : dot))
      for (int j = 0; j < width_; ++j) dot += row[j] * text[std::size_t(j)];
      if (!(dot > best)) continue;
      best = dot;
      who = owner_[i];
    }
    return who;
  }

 private:
  static double length(std::span<const float> v) {
    double s = 0;
    for (const float x : v) s += double(x) * x;
    return std::sqrt(s) + 1e-30;
  }
  void add(std::span<const float> row, const std::string& origin) {
    const double l = length(row);
    check(std::isfinite(l), origin, " holds a number that is not finite; embed the texts again");
    for (const float x : row) rows_.push_back(float(x / l));
  }

  int width_ = 0;
  std::vector<float> rows_;  // [texts, width], each of length 1
  std::vector<int> owner_;   // [texts]
};

}  // namespace anser
