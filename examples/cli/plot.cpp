#include "plot.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

namespace anser::cli {
namespace {

constexpr double width = 840, height = 440, left = 64, right = 20, top = 48, bottom = 52;

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

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
  return out;
}

class Axes {
 public:
  Axes(double steps, double least, double most) : steps_(std::max(steps, 2.0)), least_(least), most_(most) {
    if (most_ - least_ < 1e-9) most_ = least_ + 1;
  }
  double x(double step) const { return left + (step - 1) / (steps_ - 1) * (width - left - right); }
  double y(double loss) const {
    return height - bottom - (std::clamp(loss, least_, most_) - least_) / (most_ - least_) * (height - top - bottom);
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
          left, width - right, y(v), left - 8, y(v) + 4, std::fabs(v) < by / 2 ? 0.0 : v);
    }
    const double step = std::max(1.0, tick(steps_ - 1, 8));
    for (double s = step; s <= steps_ + 1e-9; s += step)
      out += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:.6g}</text>\n", x(s),
                         height - bottom + 20, s);
    return out;
  }

 private:
  double steps_, least_, most_;
};

std::string line(const Axes& axes, const std::vector<Point>& points, const char* kind) {
  std::string out = fmt::format("<polyline class=\"{}\" points=\"", kind);
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

}  // namespace

std::string plot_loss(const std::vector<Metric>& metrics, const std::string& title) {
  std::vector<Point> steps, mean, checked;
  double steps_made = 1;
  for (const Metric& m : metrics) {
    steps_made = std::max(steps_made, double(m.step));
    (m.validation ? checked : steps).push_back({double(m.step), m.validation.value_or(m.loss)});
  }
  const double keep = 1 - 1 / std::clamp(double(steps.size()) / 30, 2.0, 100.0);
  double running = 0, weight = 0;
  for (const Point& p : steps) {
    running = keep * running + (1 - keep) * p.loss;
    weight = keep * weight + (1 - keep);
    mean.push_back({p.step, running / weight});
  }
  // The scale is that of the means: a few wild steps must not flatten the rest.
  double least = INFINITY, most = -INFINITY;
  for (const auto* all : {&mean, &checked})
    for (const Point& p : *all) least = std::min(least, p.loss), most = std::max(most, p.loss);
  if (!(least <= most)) least = 0, most = 1;
  const double space = std::max(0.08 * (most - least), 1e-3);
  const Axes axes(steps_made, std::max(least - space, least >= 0 ? 0.0 : least - space), most + space);

  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" role=\"img\" "
      "aria-label=\"loss over the steps of a training\">\n"
      "<style>svg {{ background: #fff; font: 13px system-ui, sans-serif; }} text {{ fill: #333; }}"
      " .grid {{ stroke: #ddd; }} polyline {{ fill: none; stroke-linejoin: round; }}"
      " .each {{ stroke: #9ecae1; stroke-width: 1; }} .mean {{ stroke: #0072b2; stroke-width: 2; }}"
      " .checked {{ stroke: #d55e00; stroke-width: 1.5; stroke-dasharray: 4 3; }} .dot {{ fill: #d55e00; }}</style>\n",
      width, height);
  out += fmt::format("<text x=\"{}\" y=\"24\" font-size=\"15\">{}</text>\n", left, escaped(title));
  out += axes.grid();
  constexpr std::size_t points = 1200;
  out += line(axes, thinned(steps, points), "each") + line(axes, thinned(mean, points), "mean");
  if (!checked.empty()) {
    out += line(axes, checked, "checked");
    for (const Point& p : checked)
      out += fmt::format(
          "<circle class=\"dot\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"><title>step {}: {:.6g}</title></circle>\n",
          axes.x(p.step), axes.y(p.loss), p.step, p.loss);
  }
  out += fmt::format("<text x=\"{:.0f}\" y=\"{}\" text-anchor=\"middle\">step</text>\n", (left + width - right) / 2,
                     height - 12);
  out += fmt::format(
      "<text x=\"16\" y=\"{0:.0f}\" transform=\"rotate(-90 16 {0:.0f})\" text-anchor=\"middle\">loss</text>\n",
      (top + height - bottom) / 2);
  double x = width - right - (checked.empty() ? 215 : 315);
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

}  // namespace anser::cli
