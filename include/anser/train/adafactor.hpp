#pragma once
#include <optional>

#include "optimizer.hpp"

namespace anser {
namespace kernel {

/// Means over each row of (factor g)^2 + eps, into what is remembered of them: y = beta y + (1 - beta) mean.
template <class R>
struct SquaresByRow {
  Matrix<const R> gradient;
  R* y;
  int n;
  R factor, eps, beta;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const R* g = gradient[r];
    const R by = factor;
    R s = 0;
    ANSER_SIMD(reduction(+ : s))
    for (int j = team.rank(); j < n; j += team.size()) s += (by * g[j]) * (by * g[j]);
    s = team.sum(s) / R(n) + eps;
    if (team.rank() == 0) y[r] = beta * y[r] + (1 - beta) * s;
  }
};

/// The same over columns. A row of the kernel is `width` columns of the gradient.
template <class R>
struct SquaresByColumn {
  static constexpr int width = 64;
  Matrix<const R> gradient;
  R* y;
  int rows, cols;
  R factor, eps, beta;
  template <class Team>
  ANSER_HD void operator()(Team team, int block) const {
    const int first = block * width, n = cols - first < width ? cols - first : width;
    const R by = factor;
    R sum[width] = {};
    for (int r = 0; r < rows; ++r) {
      const R* g = gradient[r] + first;
      ANSER_SIMD()
      for (int j = team.rank(); j < n; j += team.size()) sum[j] += (by * g[j]) * (by * g[j]);
    }
    R* to = y + first;
    for (int j = team.rank(); j < n; j += team.size()) to[j] = beta * to[j] + (1 - beta) * (sum[j] / R(rows) + eps);
  }
};

/// v = beta v + (1 - beta) ((factor g)^2 + eps), for vectors
template <class R>
struct SquaresByElement {
  Matrix<const R> gradient;
  Matrix<R> v;
  int n;
  R factor, eps, beta;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const R* g = gradient[r];
    R* to = v[r];
    const R by = factor, add = eps, keep = beta;
    ANSER_SIMD()
    for (int j = team.rank(); j < n; j += team.size())
      to[j] = keep * to[j] + (1 - keep) * ((by * g[j]) * (by * g[j]) + add);
  }
};

/// y[r] = sum_j u[r][j]^2 of the scaled gradient u = factor g / sqrt(second moment).
template <class R>
struct ScaledGradient {
  Matrix<const R> gradient;
  Matrix<const R> v;                      // of vectors; or, of matrices:
  const R *by_row, *by_column, *row_sum;  // means of squares, and the sum of by_row
  int rows, n;
  R factor;

  /// The factor of a whole row, to be multiplied by 1 / sqrt(column).
  ANSER_HD R of_row(int r) const { return v ? factor : factor * std::sqrt(*row_sum / R(rows) / by_row[r]); }
  ANSER_HD const R* columns(int r) const { return v ? v[r] : by_column; }
};

template <class R>
struct UpdateSquares {
  ScaledGradient<R> u;
  R* y;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const R by = u.of_row(r);
    const R* g = u.gradient[r];
    const R* c = u.columns(r);
    R s = 0;
    ANSER_SIMD(reduction(+ : s))
    for (int j = team.rank(); j < u.n; j += team.size()) s += (by * g[j]) * (by * g[j]) / c[j];
    s = team.sum(s);
    if (team.rank() == 0) y[r] = s;
  }
};

/// x -= rate u / max(1, rms(u) / threshold), or with a running mean of that; the rate counts times the size of x.
template <class R>
struct AdafactorStep {
  ScaledGradient<R> u;
  Matrix<R> value, mean;            // without beta1: no mean
  const R *update_sum, *value_sum;  // of squares; no value_sum: the rate is absolute
  R rate, threshold, least, beta1, decay;
  template <class Team>
  ANSER_HD void operator()(Team team, int r) const {
    const R count = R(u.rows) * R(u.n), over = std::sqrt(*update_sum / count) / threshold;
    R lr = rate;
    if (value_sum) {
      const R size = std::sqrt(*value_sum / count);
      lr *= size > least ? size : least;
    }
    const R by = u.of_row(r) * lr / (over > 1 ? over : R(1)), keep = 1 - decay * lr, b1 = beta1;
    const R* g = u.gradient[r];
    const R* c = u.columns(r);
    R* x = value[r];
    if (!mean) {
      ANSER_SIMD()
      for (int j = team.rank(); j < u.n; j += team.size()) x[j] = keep * x[j] - by * g[j] / std::sqrt(c[j]);
      return;
    }
    R* m = mean[r];
    ANSER_SIMD()
    for (int j = team.rank(); j < u.n; j += team.size()) {
      m[j] = b1 * m[j] + (1 - b1) * (by * g[j] / std::sqrt(c[j]));
      x[j] = keep * x[j] - m[j];
    }
  }
};

}  // namespace kernel

/// Adafactor (Shazeer and Stern 2018) as transformers' class computes it: second moments of matrices kept as means of
/// rows and of columns. The defaults are how T5 was pretrained (relative steps, the schedule's rate is not read); for
/// fine-tuning at a rate of one's own switch relative_step off, and scale_parameter too where the rate is absolute.
struct Adafactor {
  double eps_gradient = 1e-30, eps_parameter = 1e-3;
  double clip_threshold = 1;
  double decay_rate = -0.8;
  std::optional<double> beta1 = std::nullopt;
  double weight_decay = 0;
  bool scale_parameter = true, relative_step = true, warmup_init = false;
  template <Backend B>
  struct On;
};

template <Backend B>
struct Adafactor::On {
  using R = typename B::real;
  Adafactor options;
  std::vector<Parameter<B>> parameters;
  std::vector<Real<B>> by_row, by_column;  // [rows], [cols] of matrices
  std::vector<Real<B>> second, first;      // of vectors; and with beta1
  long long steps = 0;

  On(Adafactor o, std::vector<Parameter<B>> p) : options(o), parameters(std::move(p)) {
    check(!options.warmup_init || options.relative_step, "adafactor: warmup_init belongs to relative steps");
    for (const auto& q : parameters) {
      const bool matrix = q.value.shape().rank() >= 2;
      B& device = q.value.device();
      auto zeros = [&](bool wanted, Shape shape) { return wanted ? zeros_like(Real<B>(device, shape)) : Real<B>{}; };
      by_row.push_back(zeros(matrix, {q.value.rows()}));
      by_column.push_back(zeros(matrix, {q.value.cols()}));
      second.push_back(zeros(!matrix, q.value.shape()));
      first.push_back(zeros(options.beta1.has_value(), q.value.shape()));
    }
  }
  static void visit(auto& self, auto&& f) {
    for (std::size_t i = 0; i < self.parameters.size(); ++i) {
      const std::string& name = self.parameters[i].name;
      if (self.by_row[i]) f(name + ".by_row", self.by_row[i]);
      if (self.by_column[i]) f(name + ".by_column", self.by_column[i]);
      if (self.second[i]) f(name + ".second", self.second[i]);
      if (self.first[i]) f(name + ".first", self.first[i]);
    }
  }

  void step(double rate, double factor = 1) {
    ++steps;
    const double t = double(steps);
    const double beta = 1 - std::pow(t, options.decay_rate);
    if (options.relative_step) rate = std::fmin(options.warmup_init ? 1e-6 * t : 1e-2, 1 / std::sqrt(t));
    for (std::size_t i = 0; i < parameters.size(); ++i)
      if (parameters[i].value.has_grad()) step_one(i, rate * parameters[i].rate, factor, beta);
  }

 private:
  static Real<B> total(B& device, const Real<B>& rows) { return sum(Context<B>{device}, rows); }

  void step_one(std::size_t i, double rate, double factor, double beta) {
    const Real<B>& x = parameters[i].value;
    B& device = x.device();
    const int rows = x.rows(), n = x.cols();
    const std::size_t work = std::size_t(n);
    const Matrix<const R> g = x.grad_matrix();
    const R by = R(factor), eps = R(options.eps_gradient), keep = R(beta);
    kernel::ScaledGradient<R> u{g, {}, nullptr, nullptr, nullptr, rows, n, by};
    Real<B> row_sum;
    if (by_row[i]) {
      constexpr int width = kernel::SquaresByColumn<R>::width;
      run(device, rows, work, kernel::SquaresByRow<R>{g, by_row[i].data(), n, by, eps, keep});
      run(device, (n + width - 1) / width, std::size_t(rows) * width,
          kernel::SquaresByColumn<R>{g, by_column[i].data(), rows, n, by, eps, keep});
      row_sum = total(device, by_row[i]);
      u.by_row = by_row[i].data();
      u.by_column = by_column[i].data();
      u.row_sum = row_sum.data();
    } else {
      run(device, rows, work, kernel::SquaresByElement<R>{g, second[i].matrix(), n, by, eps, keep});
      u.v = second[i].matrix();
    }
    const Real<B> squares(device, {rows});
    run(device, rows, work, kernel::UpdateSquares<R>{u, squares.data()});
    const auto update_sum = total(device, squares);
    Real<B> value_sum;
    if (options.scale_parameter) {
      run(device, rows, work, kernel::SumOfSquares<R>{x.matrix(), squares.data(), n});
      value_sum = total(device, squares);
    }
    run(device, rows, work,
        kernel::AdafactorStep<R>{u, x.matrix(), first[i] ? first[i].matrix() : Matrix<R>{}, update_sum.data(),
                                 value_sum ? value_sum.data() : nullptr, R(rate), R(options.clip_threshold),
                                 R(options.eps_parameter), R(options.beta1.value_or(0)), R(options.weight_decay)});
  }
};

}  // namespace anser
