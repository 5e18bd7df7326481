#include <algorithm>

#include "charts.hpp"

namespace anser::cli {
namespace {

constexpr double full_width = 360;  // a telephone's
constexpr double from_left = 44, from_right = 16, from_top = 34, axis_height = 190;

/// Told apart in print, too.
constexpr const char* dashes[] = {"", " stroke-dasharray=\"7 3\"", " stroke-dasharray=\"2 3\"",
                                  " stroke-dasharray=\"8 3 2 3\""};
std::string mark(std::size_t i, double x, double y, const std::string& paint) {
  const auto number = [](double v) { return fixed(v, 1); };
  if (i % 2)
    return "<rect x=\"" + number(x - 3) + "\" y=\"" + number(y - 3) + "\" width=\"6\" height=\"6\" " + paint + "/>";
  return "<circle cx=\"" + number(x) + "\" cy=\"" + number(y) + "\" r=\"3.5\" " + paint + "/>";
}

}  // namespace

std::string setting_lines(const std::string& title, const std::string& axis, const std::vector<std::string>& settings,
                          const std::vector<SettingLine>& lines) {
  const auto number = [](double v) { return fixed(v, 1); };
  const double legend = 16 * double(lines.size()), first = from_top + legend, bottom = first + axis_height;
  const auto x = [&](std::size_t i, double aside) {
    return from_left + (double(i) + 0.5) * (full_width - from_left - from_right) / double(settings.size()) + aside;
  };
  const auto y = [&](double share) { return bottom - axis_height * std::clamp(share, 0.0, 1.0); };
  std::string out;
  for (const double tick : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    out += "<path d=\"M" + number(from_left) + ' ' + number(y(tick)) + 'H' + number(full_width - from_right) +
           "\" stroke=\"" + (tick > 0 ? "#ddd" : "#555") + "\"/>";
    out += text_at(from_left - 6, y(tick) + 4, fixed(100 * tick, 0), " text-anchor=\"end\" fill=\"#444\"");
  }
  for (std::size_t i = 0; i < settings.size(); ++i)
    out += text_at(x(i, 0), bottom + 17, settings[i], " text-anchor=\"middle\" fill=\"#444\"");
  out += text_at((from_left + full_width - from_right) / 2, bottom + 34, axis, " text-anchor=\"middle\"");
  out += text_at(12, first + axis_height / 2, "%", " text-anchor=\"middle\"");
  for (std::size_t l = 0; l < lines.size(); ++l) {
    const std::string colour = palette[l % 8], stroke = "stroke=\"" + colour + "\"", dash = dashes[l % 4];
    // Beside each other, so that intervals at one setting do not cover one another.
    const double aside = 5 * (double(l) - (double(lines.size()) - 1) / 2);
    std::string path, marks;
    for (std::size_t i = 0; i < settings.size(); ++i) {
      const double at = x(i, aside);
      path += (i ? 'L' : 'M') + number(at) + ' ' + number(y(lines[l].values[i]));
      if (const auto& v = lines[l].intervals[i])
        marks += "<path d=\"M" + number(at - 3) + ' ' + number(y(v->high)) + "h6M" + number(at) + ' ' +
                 number(y(v->high)) + 'V' + number(y(v->low)) + 'M' + number(at - 3) + ' ' + number(y(v->low)) +
                 "h6\" " + stroke + "/>";
      marks += mark(l, at, y(lines[l].values[i]), "fill=\"" + colour + "\"");
    }
    const double row = from_top + 16 * double(l);
    out += "<path d=\"" + path + "\" fill=\"none\" stroke-width=\"1.5\" " + stroke + dash + "/>" + marks;
    out += "<path d=\"M" + number(from_left) + ' ' + number(row) + "h28\" stroke-width=\"1.5\" " + stroke + dash +
           "/>" + mark(l, from_left + 14, row, "fill=\"" + colour + "\"") +
           text_at(from_left + 36, row + 4, lines[l].label);
  }
  return svg(full_width, bottom + 44, title, "a line per method: its mean in per cent, over the values of a setting",
             out);
}

}  // namespace anser::cli
