#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "charts.hpp"
#include "text.hpp"
#include "trace.hpp"

namespace anser::cli {
namespace {
constexpr double map_cell = 24, line = 16, letter = 6.6;  // widths and heights in pixels; of a letter, roughly
constexpr const char* map_mark = "#d55e00";               // around what is marked
}  // namespace

std::string escape(const std::string& text) {
  std::string out;
  for (char c : text)
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else
      out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  return out;
}

std::string shortened(const std::string& name, std::size_t letters) {
  if (width(name) <= letters) return name;
  std::size_t at = name.size();
  for (std::size_t seen = 0; at && seen < letters / 2; seen += (name[at] & 0xC0) != 0x80) --at;
  return cut(name, letters / 2) + name.substr(at);
}

std::string text_at(double x, double y, const std::string& words, const std::string& more) {
  return fmt::format("<text x=\"{:.4g}\" y=\"{:.5g}\"{}>{}</text>", x, y, more, escape(words));
}

std::string svg(double wide, double high, const std::string& title, const std::string& about,
                const std::string& inside) {
  return fmt::format(
      "<div class=\"scroll\"><svg role=\"img\" width=\"{0:.0f}\" "
      "height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\" font-family=\"system-ui, sans-serif\" font-size=\"11\" "
      "fill=\"#1a1a1a\"><title>{2}</title><desc>{3}</desc><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>{4}"
      "{5}</svg></div>\n",
      wide, high, escape(title), escape(about), text_at(4, line, title, " font-weight=\"bold\" font-size=\"13\""),
      inside);
}

namespace {

// Shares in per cent from which a cell takes the next colour: one hue each, light to dark, which the colour-blind and a
// printer without colours can tell apart. Blue: positive weights; orange: negative ones.
constexpr int steps = 9;
constexpr double from[steps] = {0.5, 2.5, 5, 10, 15, 20, 30, 45, 70};
constexpr const char* blue[steps] = {"#eef5fb", "#d6e6f4", "#b7d4ea", "#91bcdd", "#69a2cf",
                                     "#4486bd", "#2a69a4", "#174d86", "#0a2f5c"};
constexpr const char* orange[steps] = {"#fdf3e7", "#fbe3c6", "#f7cd9b", "#efb06a", "#e0903f",
                                       "#c57222", "#a25713", "#7c3f0b", "#552806"};
constexpr int first_dark = 5;  // from here on a cell's number is white

constexpr std::size_t longest_label = 26, longest_name = 28;

std::string fit(const std::string& name) { return shortened(name, longest_name); }

/// The colours' meaning, in one row.
std::string legend(double y, bool negative) {
  std::string out = text_at(4, y + 12, "mean weight, %");
  double x = 96;
  for (int i = 0; i < steps; ++i, x += 26) {
    const std::string says = i ? fmt::format("{}", from[i]) : ">0";
    out += fmt::format("<rect x=\"{:.4g}\" y=\"{:.5g}\" width=\"26\" height=\"16\" fill=\"{}\"/>", x, y, blue[i]);
    out += text_at(x + 3, y + 12, says, i < first_dark ? "" : " fill=\"#fff\"");
  }
  if (!negative) return out;
  for (int i = 0; i < steps; ++i)
    out += fmt::format("<rect x=\"{}\" y=\"{:.5g}\" width=\"26\" height=\"9\" fill=\"{}\"/>", 96 + 26 * i, y + 18,
                       orange[i]);
  return out + text_at(4, y + 27, "and negative");
}

int step_of(double share) {
  int i = -1;
  while (i + 1 < steps && 100 * std::fabs(share) >= from[i + 1]) ++i;
  return i;
}

std::string outline(double x, double y, double wide, double high) {
  return fmt::format(
      "<rect x=\"{:.5g}\" y=\"{:.5g}\" width=\"{:.5g}\" height=\"{:.5g}\" fill=\"none\" stroke=\"{}\" "
      "stroke-width=\"2\"/>",
      x, y, wide, high, map_mark);
}

}  // namespace

std::string heat_map(const HeatMap& m, const std::vector<std::string>& experts) {
  double left = 0, top = 0;
  bool negative = false;
  for (const auto& row : m.rows) left = std::max(left, double(width(cut(row.label, longest_label))));
  for (const auto& row : m.rows) left = std::max(left, 1.2 * double(width(row.group)));
  for (const auto& name : experts) top = std::max(top, double(width(fit(name))) + 3);
  for (const auto& row : m.rows)
    negative = negative || std::any_of(row.share.begin(), row.share.end(), [](double v) { return v <= -0.005; });
  left = std::max(60.0, left * letter + 12);
  const double head = line + 14, columns = head + (negative ? 38 : 24) + 12, grid = columns + top * letter;
  std::string out = legend(head, negative);
  out += text_at(4, grid - 5, m.axis, " font-style=\"italic\"");
  out += text_at(left, columns + 2, "expert", " font-style=\"italic\"");
  for (std::size_t e = 0; e < experts.size(); ++e) {
    const double x = left + map_cell * double(e) + 16, y = grid - 4;
    out += text_at(x, y, fmt::format("{} {}", e + 1, fit(experts[e])),
                   fmt::format(" transform=\"rotate(-90 {:.5g} {:.5g})\"", x, y).c_str());
  }
  double y = grid;
  std::string group, outlines;
  std::map<int, std::pair<std::string, std::string>> painted;  // per colour the cells, and their numbers
  for (const auto& row : m.rows) {
    if (row.group != group) {
      group = row.group;
      y += line;
      out += text_at(4, y - 4, group, " font-weight=\"bold\"");
      for (std::size_t e = 0; y > grid + 2 * line && e < experts.size(); ++e)
        out += text_at(left + map_cell * (double(e) + 0.5), y - 4, std::to_string(e + 1),
                       " fill=\"#666\" font-size=\"9\" text-anchor=\"middle\"");
    }
    out += text_at(4, y + 12, cut(row.label, longest_label));
    for (std::size_t e = 0; e < experts.size(); ++e) {
      const int step = step_of(row.share[e]);
      if (step < 0) continue;
      auto& [cells, numbers] = painted[row.share[e] < 0 ? -1 - step : step];
      cells += fmt::format("M{:.5g} {:.5g}h{}v{}h-{}z", left + map_cell * double(e), y, map_cell - 1, line - 1,
                           map_cell - 1);
      numbers += text_at(left + map_cell * (double(e) + 0.5), y + 12, fmt::format("{:.0f}", 100 * row.share[e]));
    }
    if (row.marked >= 0) outlines += outline(left + map_cell * row.marked - 0.5, y - 0.5, map_cell, line);
    y += line;
  }
  for (const auto& [step, cells] : painted) {
    const int i = step < 0 ? -1 - step : step;
    out += fmt::format("<path d=\"{}\" fill=\"{}\"/><g font-size=\"9\" text-anchor=\"middle\" fill=\"{}\">{}</g>",
                       cells.first, (step < 0 ? orange : blue)[i], i < first_dark ? "#1a1a1a" : "#fff", cells.second);
  }
  out += outlines;
  out += fmt::format("<path d=\"M{0:.4g} {1:.5g}V{2:.5g}M{0:.4g} {1:.5g}H{3:.5g}\" stroke=\"#666\" fill=\"none\"/>",
                     left - 1, grid - 1, y, left + map_cell * double(experts.size()));
  const double wide =
      std::max({left + map_cell * double(experts.size()) + 8, 334.0, letter * double(width(m.title)) * 1.1});
  return svg(wide, y + 6, m.title, "rows: " + m.axis + "; columns: experts; numbers: mean weight in per cent", out);
}

std::string small_heat_map(const HeatMap& m, std::size_t experts, int marked) {
  constexpr double wide_cell = 14, longest = 420;
  const bool labelled = m.rows.size() <= 60;  // a row each has room for its label; else only blocks do
  const double high = labelled ? 11 : std::max(2.0, longest / double(m.rows.size()));
  const double left = labelled ? 100 : 112, top = line + 34;
  std::string out = text_at(4, top - 4, m.axis, " font-style=\"italic\" font-size=\"9\"");
  for (std::size_t e = 0; e < experts; ++e)
    out += text_at(left + wide_cell * (double(e) + 0.5), top - 4, std::to_string(e + 1),
                   " text-anchor=\"middle\" font-size=\"9\"");
  double y = top, free = top;  // the next label's place, at the earliest
  std::string group;
  std::map<int, std::string> painted;
  for (const auto& row : m.rows) {
    if (row.group != group) {
      group = row.group;
      if (labelled) y += 13;
      if (labelled || y >= free) {
        out += text_at(4, labelled ? y - 3 : y + 8, group, " font-weight=\"bold\" font-size=\"9\"");
        free = y + 10;
      }
    }
    if (labelled) out += text_at(8, y + 9, cut(row.label, 18), " font-size=\"9\"");
    for (std::size_t e = 0; e < experts; ++e)
      if (const int step = step_of(row.share[e]); step >= 0)
        painted[row.share[e] < 0 ? -1 - step : step] +=
            fmt::format("M{:.5g} {:.5g}h{}v{:.3g}h-{}z", left + wide_cell * double(e), y, wide_cell - 1,
                        labelled ? high - 1 : high, wide_cell - 1);
    y += high;
  }
  for (const auto& [step, cells] : painted)
    out += fmt::format("<path d=\"{}\" fill=\"{}\"/>", cells, step < 0 ? orange[-1 - step] : blue[step]);
  const double right = left + wide_cell * double(experts);
  out += fmt::format("<path d=\"M{0:.4g} {1:.5g}V{2:.5g}M{0:.4g} {1:.5g}H{3:.5g}\" stroke=\"#666\" fill=\"none\"/>",
                     left - 1, top - 1, y, right);
  if (marked >= 0) {
    const double x = left + wide_cell * marked;
    out += outline(x - 1, top - 1, wide_cell + 1, y - top + 2);
    out += fmt::format("<path d=\"M{:.5g} {:.5g}h8l-4 6z\" fill=\"{}\"/>", x + 2.5, top - 20, map_mark);
  }
  const double wide = std::max(right + 8, letter * double(width(m.title)) * 1.15);
  return svg(wide, y + 6, m.title, "rows: " + m.axis + "; columns: experts by number; the darker, the more weight",
             out);
}

std::string bar_chart(const std::string& title, const std::vector<std::string>& experts,
                      const std::vector<double>& change) {
  double most = 1e-3, left = 0;  // what is less than that is rounding, and no bar
  for (const double v : change) most = std::max(most, std::fabs(v));
  for (std::size_t e = 0; e < experts.size(); ++e) left = std::max(left, letter * double(width(fit(experts[e])) + 4));
  constexpr double half = 62, number = 46;  // a bar's longest, and room for its number
  const double zero = left + number + half, top = line + 50;
  std::string out = text_at(4, line + 18, "change of the log-likelihood per token");
  out += fmt::format(
      "<rect x=\"4\" y=\"{0}\" width=\"10\" height=\"10\" fill=\"{2}\"/>"
      "<rect x=\"124\" y=\"{0}\" width=\"10\" height=\"10\" fill=\"{3}\"/>{1}",
      line + 25, text_at(18, line + 34, "less likely: it helps"), blue[6], orange[4]);
  out += text_at(138, line + 34, "more likely: it is in the way");
  for (std::size_t e = 0; e < change.size(); ++e) {
    const double y = top + line * double(e), long_ = half * std::fabs(change[e]) / most, v = change[e];
    out += text_at(4, y + 12, fmt::format("{} {}", e + 1, fit(experts[e])));
    out += fmt::format("<rect x=\"{:.5g}\" y=\"{:.5g}\" width=\"{:.4g}\" height=\"{}\" fill=\"{}\"/>",
                       v < 0 ? zero - long_ : zero, y + 2, long_, line - 4, v < 0 ? blue[6] : orange[4]);
    out += text_at(v < 0 ? zero - long_ - 3 : zero + long_ + 3, y + 12,
                   std::fabs(v) < 5e-5 ? "0" : fmt::format("{:+.4f}", v),
                   v < 0 ? " text-anchor=\"end\" font-size=\"10\"" : " font-size=\"10\"");
  }
  const double bottom = top + line * double(change.size());
  out += fmt::format("<path d=\"M{0:.5g} {1:.5g}V{2:.5g}\" stroke=\"#666\"/>", zero, top - 2, bottom + 2);
  out += text_at(zero, bottom + 14, "0", " text-anchor=\"middle\"");
  const double wide = std::max({zero + half + number + 4, 330.0, letter * double(width(title)) * 1.1});
  return svg(wide, bottom + 20, title, "a bar per expert: the change when it is left out", out);
}

}  // namespace anser::cli
