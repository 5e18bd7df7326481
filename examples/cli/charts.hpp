#pragma once
/// What pictures in pages are made of: SVG as text, without a script, and with nothing to load.
#include <anser/eval/intervals.hpp>
#include <optional>
#include <string>
#include <vector>

namespace anser::cli {

/// A text as HTML may hold it.
std::string escape(const std::string& text);
/// 0.5, 1 -> "0.5"; never "-0.0"
std::string fixed(double v, int digits);
/// The name cut in its middle to so many letters: experts of one pool often differ in their ends alone.
std::string shortened(const std::string& name, std::size_t letters);

/// Eight colours that the colour-blind can tell apart (Okabe and Ito), and that of letters on each.
inline constexpr const char* palette[8] = {"#0072b2", "#e69f00", "#009e73", "#cc79a7",
                                           "#56b4e9", "#d55e00", "#f0e442", "#000000"};
inline constexpr const char* palette_ink[8] = {"#fff", "#000", "#fff", "#000", "#000", "#fff", "#000", "#fff"};

std::string text_at(double x, double y, const std::string& words, const std::string& more = "");
/// An image of that size with its title, in a box that scrolls; `about` is for those who cannot see it.
std::string svg(double wide, double high, const std::string& title, const std::string& about,
                const std::string& inside);

/// One bar: a share from 0 to 1.
struct Bar {
  enum class Kind { proposed, other, reference };
  std::string label;
  Kind kind;
  double value;
  std::optional<Interval> interval;
  std::vector<double> seeds;  // a dot each
};
/// How each kind is painted, as attributes of a rect.
const char* paint_of(Bar::Kind kind);
/// A chart of bars from 0 to 100 %; `axis` says of what.
std::string method_bars(const std::string& title, const std::string& axis, const std::vector<Bar>& bars);

/// Shares from 0 to 1 over the values of a setting, a line for each of at most eight methods, with intervals where they
/// are known; `axis` says what the setting is.
struct SettingLine {
  std::string label;
  std::vector<double> values;  // one for each setting
  std::vector<std::optional<Interval>> intervals;
};
std::string setting_lines(const std::string& title, const std::string& axis, const std::vector<std::string>& settings,
                          const std::vector<SettingLine>& lines);

}  // namespace anser::cli
