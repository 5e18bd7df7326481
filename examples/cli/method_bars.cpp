#include <algorithm>
#include <cmath>
#include <cstdio>

#include "charts.hpp"

namespace anser::cli {

std::string fixed(double v, int digits) {
  if (std::fabs(v) < 0.5 * std::pow(10.0, -digits)) v = 0;
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, v);
  return text;
}

const char* paint_of(Bar::Kind kind) {
  return kind == Bar::Kind::proposed ? "fill=\"#0072b2\""
         : kind == Bar::Kind::other  ? "fill=\"#8cbfe6\""
                                     : "fill=\"#fff\" stroke=\"#555\"";
}

std::string method_bars(const std::string& title, const std::string& axis, const std::vector<Bar>& bars) {
  constexpr double wide = 360, left = 132, right = 50, top = 34, row = 24, bar = 15;  // a telephone's width
  constexpr double scale = wide - left - right;
  const auto x = [](double share) { return left + scale * std::clamp(share, 0.0, 1.0); };
  const auto number = [](double v) { return fixed(v, 1); };
  const double bottom = top + row * double(bars.size());
  std::string out;
  for (const double tick : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    out += "<path d=\"M" + number(x(tick)) + ' ' + number(top - 4) + 'V' + number(bottom + 4) + "\" stroke=\"" +
           (tick > 0 ? "#ddd" : "#555") + "\"/>";
    out += text_at(x(tick), bottom + 17, fixed(100 * tick, 0), " text-anchor=\"middle\" fill=\"#444\"");
  }
  out += text_at(left + scale / 2, bottom + 33, axis, " text-anchor=\"middle\"");
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const Bar& b = bars[i];
    const double y = top + row * double(i) + row / 2;
    const auto height = [&](double from) { return number(y + from); };
    out +=
        text_at(left - 6, y + 4, shortened(b.label, 21),
                b.kind == Bar::Kind::proposed ? " text-anchor=\"end\" font-weight=\"bold\"" : " text-anchor=\"end\"");
    out += "<rect x=\"" + number(left) + "\" y=\"" + height(-bar / 2) + "\" width=\"" + number(x(b.value) - left) +
           "\" height=\"" + number(bar) + "\" " + paint_of(b.kind) + "/>";
    if (b.interval) {
      const std::string from = number(x(b.interval->low)), to = number(x(b.interval->high));
      out += "<path d=\"M" + from + ' ' + height(-7) + "v7M" + from + ' ' + height(-3.5) + 'H' + to + 'M' + to + ' ' +
             height(-7) + "v7\" stroke=\"#000\" stroke-width=\"1.5\" fill=\"none\"/>";
    }
    if (b.seeds.size() > 1)
      for (const double v : b.seeds)
        out += "<circle cx=\"" + number(x(v)) + "\" cy=\"" + height(4) +
               "\" r=\"2\" fill=\"#fff\" stroke=\"#000\" stroke-width=\"0.8\"/>";
    out += text_at(wide - 6, y + 4, fixed(100 * b.value, 1), " text-anchor=\"end\"");
  }
  return svg(wide, bottom + 42, title, "a bar per method: its mean in per cent, with its interval", out);
}

}  // namespace anser::cli
