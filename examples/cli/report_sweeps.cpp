// What a report shows of sweeps.
#include <algorithm>
#include <numeric>

#include "reproduce_report.hpp"

namespace anser::cli {
namespace {

struct Setting {
  const char *name, *axis, *about;
};
constexpr Setting known_settings[] = {
    {"top-k", "experts per token and place (k)",
     "How many experts a token is sent to at each place. The last value is all of them, each with the weight that its "
     "score gives it."},
    {"gate-steps", "steps of a gate's training",
     "How long gates were trained, with experts as they are. 0: gates are zero, and which experts are heard is "
     "arbitrary."},
    {"pool-size", "experts in the pool",
     "The first so many experts alone. Held-in tasks are those of the experts in the pool, so that with more of them "
     "there is more to mistake; held-out tasks are all of them, and need experts that a small pool does not have."},
    {"rank", "rank of the experts", "Experts, and their gates, trained anew with more or fewer parameters."},
};

}  // namespace

std::string sweeps_part(const Report& report) {
  std::string out;
  for (const ReportedSweep& sweep : report.sweeps) {
    const auto setting = std::find_if(std::begin(known_settings), std::end(known_settings),
                                      [&](const Setting& s) { return sweep.setting == s.name; });
    const bool is_known = setting != std::end(known_settings);
    out += "<h3>" + escape(sweep.setting) + "</h3>\n";
    if (is_known) out += std::string("<p>") + setting->about + "</p>\n";
    out += "<div class=\"side\">";
    std::vector<std::string> values;
    for (const auto& v : sweep.values) values.push_back(v.value);
    for (const auto& [group, title] :
         {std::pair("held_out", "Held-out tasks"), std::pair("held_in", "Held-in tasks")}) {
      std::vector<SettingLine> lines;
      std::string metric;
      for (const auto& [method, groups] : sweep.values[0].methods) {
        SettingLine line{describe(report, method).label, {}, {}};
        for (const auto& v : sweep.values) {
          const auto found = v.methods.find(method);
          if (found == v.methods.end() || !found->second.contains(group)) break;
          const ReportedMetrics& metrics = found->second.at(group);
          if (metrics.empty()) break;
          metric = metrics.contains("exact_match") ? "exact_match" : metrics.begin()->first;
          const ReportedScores& s = metrics.at(metric);
          line.values.push_back(std::accumulate(s.values.begin(), s.values.end(), 0.0) / double(s.values.size()));
          line.intervals.push_back(s.seeds);
        }
        if (line.values.size() == values.size()) lines.push_back(std::move(line));
      }
      if (!lines.empty())
        out += setting_lines(std::string(title) + ": " + metric_text(metric), is_known ? setting->axis : sweep.setting,
                             values, lines);
    }
    out += "</div>\n";
  }
  return out;
}

}  // namespace anser::cli
