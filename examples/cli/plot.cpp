#include "plot.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "charts.hpp"

namespace anser::cli {
namespace {

constexpr double plot_width = 840, plot_height = 440, plot_left = 64, plot_right = 20, plot_top = 48, plot_bottom = 52;

struct Point {
  double step, loss;
};

/// 1, 2 or 5 times a power of ten, so that about `n` of them fill the range.
double tick(double range, double n) {
  const double rough = std::max(range, 1e-12) / n, power = std::pow(10, std::floor(std::log10(rough)));
  for (const double times : {1.0, 2.0, 5.0})
    if (times * power >= rough) return times * power;
  return 10 * power;
}

class Axes {
 public:
  Axes(double steps, double least, double most, double right_edge)
      : steps_(std::max(steps, 2.0)), least_(least), most_(most), edge_(right_edge) {
    if (most_ - least_ < 1e-9) most_ = least_ + 1;
  }
  double x(double step) const { return plot_left + (step - 1) / (steps_ - 1) * (edge_ - plot_left); }
  double right_edge() const { return edge_; }
  double y(double loss) const {
    return plot_height - plot_bottom -
           (std::clamp(loss, least_, most_) - least_) / (most_ - least_) * (plot_height - plot_top - plot_bottom);
  }
  std::string grid() const {
    std::string out;
    const double by = tick(most_ - least_, 6);
    const double first = std::ceil(least_ / by);
    for (int i = 0; i < 12; ++i) {
      const double v = (first + i) * by;
      if (v > most_ + by / 1000) break;
      out += fmt::format(
          "<line class=\"grid\" x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>"
          "<text x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">{5:.4g}</text>\n",
          plot_left, edge_, y(v), plot_left - 8, y(v) + 4, std::fabs(v) < by / 2 ? 0.0 : v);
    }
    const double step = std::max(1.0, tick(steps_ - 1, 8));
    for (double s = step; s <= steps_ + 1e-9; s += step)
      out += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:.6g}</text>\n", x(s),
                         plot_height - plot_bottom + 20, s);
    return out;
  }

 private:
  double steps_, least_, most_, edge_;
};

std::string curve(const Axes& axes, const std::vector<Point>& points, const std::string& paint) {
  std::string out = fmt::format("<polyline {} points=\"", paint);
  for (const Point& p : points) out += fmt::format("{:.1f},{:.1f} ", axes.x(p.step), axes.y(p.loss));
  return out + "\"/>\n";
}

/// At most so many points: each the mean of a run of neighbours.
std::vector<Point> thinned(const std::vector<Point>& points, std::size_t most) {
  if (points.size() <= most) return points;
  std::vector<Point> out;
  for (std::size_t i = 0; i < most; ++i) {
    const std::size_t from = i * points.size() / most, to = (i + 1) * points.size() / most;
    Point mean{0, 0};
    for (std::size_t j = from; j < to; ++j) mean.step += points[j].step, mean.loss += points[j].loss;
    out.push_back({mean.step / double(to - from), mean.loss / double(to - from)});
  }
  return out;
}

/// The means of the steps so far, each with less weight than the next.
std::vector<Point> running_mean(const std::vector<Point>& steps) {
  std::vector<Point> means;
  const double keep = 1 - 1 / std::clamp(double(steps.size()) / 30, 2.0, 100.0);
  double running = 0, weight = 0;
  for (const Point& p : steps) {
    running = keep * running + (1 - keep) * p.loss;
    weight = keep * weight + (1 - keep);
    means.push_back({p.step, running / weight});
  }
  return means;
}

/// What the curves need. The scale is that of the means: a few wild steps must not flatten the rest.
Axes axes_of(std::initializer_list<const std::vector<std::vector<Point>>*> all, double right_edge) {
  double least = INFINITY, most = -INFINITY, steps = 1;
  for (const auto* curves : all)
    for (const auto& curve : *curves)
      for (const Point& p : curve) {
        least = std::min(least, p.loss), most = std::max(most, p.loss);
        steps = std::max(steps, p.step);
      }
  if (!(least <= most)) least = 0, most = 1;
  const double space = std::max(0.08 * (most - least), 1e-3);
  return Axes(steps, std::max(least - space, least >= 0 ? 0.0 : least - space), most + space, right_edge);
}

/// The picture's beginning, up to its axes. Where it is part of a page, its style must not reach the rest.
std::string frame(const Axes& axes, const std::string& title, const std::string& unit, bool alone) {
  std::string out = fmt::format(
      "<svg{0} class=\"loss\" viewBox=\"0 0 {1} {2}\" width=\"{1}\" height=\"{2}\" role=\"img\" "
      "aria-label=\"loss over the steps of a training\">\n"
      "<style>.loss {{ background: #fff; font: 13px system-ui, sans-serif; }} .loss text {{ fill: #333; }}"
      " .loss .grid {{ stroke: #ddd; }} .loss polyline {{ fill: none; stroke-linejoin: round; }}"
      " .loss .each {{ stroke: #9ecae1; stroke-width: 1; }} .loss .mean {{ stroke: #0072b2; stroke-width: 2; }}"
      " .loss .checked {{ stroke: #d55e00; stroke-width: 1.5; stroke-dasharray: 4 3; }} .loss .dot {{ fill: #d55e00; }}"
      "</style>\n",
      alone ? " xmlns=\"http://www.w3.org/2000/svg\"" : "", plot_width, plot_height);
  out += fmt::format("<text x=\"{}\" y=\"24\" font-size=\"15\">{}</text>\n", plot_left, escape(title)) + axes.grid();
  out += fmt::format("<text x=\"{:.0f}\" y=\"{}\" text-anchor=\"middle\">step</text>\n",
                     (plot_left + axes.right_edge()) / 2, plot_height - 12);
  return out + fmt::format(
                   "<text x=\"16\" y=\"{0:.0f}\" transform=\"rotate(-90 16 {0:.0f})\" text-anchor=\"middle\">loss{1}"
                   "</text>\n",
                   (plot_top + plot_height - plot_bottom) / 2, unit.empty() ? "" : ", " + escape(unit));
}

constexpr std::size_t points = 1200;

}  // namespace

std::string plot_loss(const std::vector<Metric>& metrics, const std::string& title, const std::string& unit,
                      bool alone) {
  std::vector<Point> steps, checked;
  for (const Metric& m : metrics)
    (m.validation ? checked : steps).push_back({double(m.step), m.validation.value_or(m.loss)});
  const std::vector<std::vector<Point>> means{running_mean(steps)}, checks{checked};
  const Axes axes = axes_of({&means, &checks}, plot_width - plot_right);
  std::string out = frame(axes, title, unit, alone);
  out +=
      curve(axes, thinned(steps, points), "class=\"each\"") + curve(axes, thinned(means[0], points), "class=\"mean\"");
  if (!checked.empty()) {
    out += curve(axes, checked, "class=\"checked\"");
    for (const Point& p : checked)
      out += fmt::format(
          "<circle class=\"dot\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"><title>step {}: {:.6g}</title></circle>\n",
          axes.x(p.step), axes.y(p.loss), p.step, p.loss);
  }
  double x = plot_width - plot_right - (checked.empty() ? 215 : 315);
  const auto legend = [&](const char* kind, const char* name, double wide) {
    out += fmt::format("<polyline class=\"{}\" points=\"{:.0f},20 {:.0f},20\"/><text x=\"{:.0f}\" y=\"24\">{}</text>\n",
                       kind, x, x + 22, x + 28, name);
    x += wide;
  };
  legend("each", "a step", 90);
  legend("mean", "running mean", 130);
  if (!checked.empty()) legend("checked", "validation", 100);
  return out + "</svg>\n";
}

std::string plot_losses(const std::vector<Curve>& curves, const std::string& title, const std::string& unit) {
  constexpr double edge = plot_width - 210;
  constexpr const char* colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#000000", "#56b4e9"};
  constexpr const char* dashes[] = {"", " stroke-dasharray=\"7 3\"", " stroke-dasharray=\"2 3\""};
  std::vector<std::vector<Point>> means;
  for (const Curve& c : curves) {
    std::vector<Point> steps;
    for (const Metric& m : c.metrics)
      if (!m.validation) steps.push_back({double(m.step), m.loss});
    means.push_back(running_mean(steps));
  }
  const Axes axes = axes_of({&means}, edge);
  std::string out = frame(axes, title, unit, false);
  const double row = std::min(20.0, (plot_height - plot_top - plot_bottom) / double(curves.size() + 1));
  out += fmt::format("<text x=\"{}\" y=\"{}\">running mean, at the end</text>\n", edge + 14, plot_top + 4);
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const auto paint =
        fmt::format("stroke=\"{}\" stroke-width=\"1.5\"{}", colours[i % 7], dashes[std::min<std::size_t>(i / 7, 2)]);
    out += curve(axes, thinned(means[i], 300), paint);
    const double y = plot_top + row * double(i + 1);
    out += fmt::format(
        "<polyline {} points=\"{:.0f},{:.1f} {:.0f},{:.1f}\"/><text x=\"{:.0f}\" y=\"{:.1f}\">{} {}</text>\n", paint,
        edge + 14, y, edge + 38, y, edge + 44, y + 4, escape(shortened(curves[i].name, 15)),
        means[i].empty() ? "" : fmt::format("{:.3g}", means[i].back().loss));
  }
  return out + "</svg>\n";
}

}  // namespace anser::cli
