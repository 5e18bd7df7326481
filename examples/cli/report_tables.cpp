// The numbers of a report: bars, tables, and what they say in words.
#include <algorithm>
#include <numeric>

#include "reproduce_report.hpp"

namespace anser::cli {
namespace {

using Kind = Bar::Kind;

struct Known {
  const char *name, *label;
  Kind kind;
  const char* does;
};
constexpr Known known_methods[] = {
    {"none", "Base", Kind::reference, "the model alone, without experts"},
    {"multitask", "Multitask", Kind::reference,
     "one expert trained on all contributors' data together; needs all of it in one place"},
    {"oracle", "Oracle", Kind::reference,
     "for each task the one expert that does best on it; needs the answers, and is no method one could use"},
    {"single", "Best Individual", Kind::other,
     "one expert for everything: where the experiment chose it, the one that these very results show to be best"},
    {"retrieval", "Retrieval", Kind::other,
     "for each line the one expert that was trained on the most similar line, by an encoder's vectors"},
    {"retrieval-bow", "Retrieval (words)", Kind::other,
     "the same by the words that lines have in common, rare ones counting more (tf-idf)"},
    {"uniform", "Merged", Kind::other, "all experts everywhere, each with the same small weight"},
    {"average-activation", "Average Activation", Kind::other,
     "routes as PHATGOOSE does, with the mean of what an expert reads in the place of its gate"},
    {"arrow", "Arrow", Kind::other, "routes by the direction in which an expert's update is largest; needs no data"},
    {"spectr", "SpectR", Kind::other, "routes by how much of a token an expert's whole update passes on"},
    {"phatgoose", "PHATGOOSE", Kind::other,
     "sends each token, at each place in the model, to the experts whose trained gates fit it best"},
    {"smear", "SMEAR", Kind::other,
     "averages the experts' parameters by a router's weights, and runs the one expert that results"},
    {"ensemble", "Ensemble", Kind::other,
     "runs all experts and averages what they say by the router's weights; costs as many runs as experts"},
    {"top1", "Top-1", Kind::other, "the one expert with the largest weight, as in Switch Transformers"},
    {"st-gumbel", "ST-Gumbel", Kind::other, "one expert drawn by Gumbel noise; gradients pass straight through"},
    {"reinforce", "REINFORCE", Kind::other, "one expert drawn at random; the router learns from the reward"},
    {"dselect-k", "DSelect-k", Kind::other, "a few experts, chosen by gates that are smooth"},
    {"hash", "Hash", Kind::other, "one expert by a fixed hash of the line"},
    {"random", "Random", Kind::other, "one expert by chance"},
    {"tag", "Tag", Kind::other, "one expert for each task, which the line has to name"},
    {"latent-skills", "Latent Skills", Kind::other, "each task learns its own mix of experts"},
    {"adamix", "AdaMix", Kind::other, "experts drawn by chance in training, averaged afterwards"},
    {"1x-compute", "One, same compute", Kind::other, "one expert of the same size for everything, without a router"},
    {"1x-parameters", "One, all parameters", Kind::reference,
     "one expert as large as all others together; costs as much as running them all"},
    {"weights", "Given weights", Kind::other, "all experts, mixed by weights found on a few examples (LoraHub)"},
};

double mean_of(const ReportedScores& s) {
  return std::accumulate(s.values.begin(), s.values.end(), 0.0) / double(s.values.size());
}
std::string percent(double v) { return fixed(100 * v, 1); }
std::string percent(const Interval& i) { return '[' + percent(i.low) + ", " + percent(i.high) + ']'; }
std::string cell(const std::string& text) { return "<td>" + text + "</td>"; }
std::string head(const std::string& text, const std::string& more = "") {
  return "<th scope=\"col\"" + more + '>' + text + "</th>";
}
std::string row_head(const Report& report, const std::string& method) {
  const MethodText t = describe(report, method);
  return std::string("<tr><th scope=\"row\"") + (t.kind == Kind::proposed ? " class=\"proposed\"" : "") + '>' +
         escape(t.label) + "</th>";
}
/// The caption stands outside of the box that scrolls.
std::string table(const std::string& caption, const std::string& heads, const std::string& rows) {
  return "<p class=\"caption\">" + caption + "</p>\n<div class=\"scroll\"><table aria-label=\"" + caption +
         "\"><thead>" + heads + "</thead><tbody>" + rows + "</tbody></table></div>\n";
}
std::string group_name(const std::string& group) { return group == "held_in" ? "held-in" : "held-out"; }

const ReportedScores* find(const std::map<std::string, ReportedMetrics>& parts, const std::string& name,
                           const std::string& metric) {
  const auto part = parts.find(name);
  if (part == parts.end()) return nullptr;
  const auto scores = part->second.find(metric);
  return scores == part->second.end() ? nullptr : &scores->second;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& w : words) text += (text.empty() ? "" : ", ") + escape(w);
  return text.empty() ? "none" : text;
}

}  // namespace

MethodText describe(const Report& report, const std::string& method) {
  MethodText text{method, Kind::other, ""};
  for (const Known& k : known_methods)
    if (method == k.name) text = {k.label, k.kind, k.does};
  if (method == report.experiment) text.kind = Kind::proposed;
  return text;
}

std::vector<std::string> metrics_of(const Report& report, const std::string& group) {
  std::vector<std::string> metrics;
  const auto add = [&](const std::string& metric) {
    for (const auto& m : report.methods)
      if (find(m.groups, group, metric) && std::find(metrics.begin(), metrics.end(), metric) == metrics.end())
        metrics.push_back(metric);
  };
  for (const char* metric : {"exact_match", "accuracy", "token_accuracy", "rouge_l", "token_f1"}) add(metric);
  for (const auto& m : report.methods)
    if (const auto part = m.groups.find(group); part != m.groups.end())
      for (const auto& [metric, scores] : part->second) add(metric);
  return metrics;
}

std::string metric_text(const std::string& metric) {
  std::string text = metric == "rouge_l" ? "ROUGE-L" : metric == "token_f1" ? "token F1" : metric;
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

std::string bars_of(const Report& report, const std::string& group, const std::string& metric) {
  std::vector<Bar> bars;
  for (const auto& m : report.methods) {
    const ReportedScores* s = find(m.groups, group, metric);
    if (!s) continue;
    const MethodText text = describe(report, m.name);
    bars.push_back({text.label, text.kind, mean_of(*s), s->seeds, s->values});
    if (report.seeds.size() == 1 && !s->examples.empty()) bars.back().interval = s->examples[0];
  }
  std::string name = group_name(group);
  name[0] = 'H';
  return method_bars(name + " tasks: " + metric_text(metric), metric_text(metric) + ", %", bars);
}

std::string verdict_on(const Report& report, const std::string& group, const std::string& metric) {
  const auto own = std::find_if(report.methods.begin(), report.methods.end(),
                                [&](const auto& m) { return m.name == report.experiment; });
  const ReportedScores* s = own == report.methods.end() ? nullptr : find(own->groups, group, metric);
  if (!s) return {};
  std::vector<std::string> above, apart, below;
  for (const auto& m : report.methods) {
    const ReportedScores* other = m.name == report.experiment ? nullptr : find(m.groups, group, metric);
    if (!other) continue;
    const auto& label = describe(report, m.name).label;
    if (s->seeds && other->seeds)
      (s->seeds->low > other->seeds->high   ? above
       : s->seeds->high < other->seeds->low ? below
                                            : apart)
          .push_back(label);
    else
      (mean_of(*s) > mean_of(*other) ? above : mean_of(*s) < mean_of(*other) ? below : apart).push_back(label);
  }
  const std::string label = escape(describe(report, report.experiment).label);
  std::string text = "<p><b>" + label + " on " + group_name(group) + " tasks, " + escape(metric_text(metric)) + ": " +
                     percent(mean_of(*s)) + " %.</b> ";
  if (s->seeds)
    return text + "Above these, with 95 % intervals that do not overlap: " + joined(above) +
           ". Not told apart by these seeds: " + joined(apart) + ". Below these, likewise: " + joined(below) +
           ".</p>\n";
  text += report.seeds.size() == 1 ? "One seed" : std::to_string(report.seeds.size()) + " seeds";
  return text +
         " cannot say how much chance there is in the training, so this order is a hint, no more. A lower mean: " +
         joined(above) + ". The same: " + joined(apart) + ". A higher mean: " + joined(below) + ".</p>\n";
}

std::string group_tables(const Report& report, const std::string& group) {
  const auto metrics = metrics_of(report, group);
  if (metrics.empty()) return {};
  std::size_t tasks = 0;
  for (const auto& t : report.tasks) tasks += t.group == group;
  const std::size_t n = report.seeds.size();
  const bool with_interval = int(n) >= fewest_seeds;
  const std::string second = with_interval ? "95 % over seeds" : n > 1 ? "each seed" : "95 % over examples";
  std::string top = "<tr><th scope=\"col\" rowspan=\"2\">method</th>", under = "<tr>", rows, details;
  for (const auto& metric : metrics) {
    top += head(escape(metric_text(metric)), " colspan=\"2\"");
    under += head(n > 1 ? "mean" : "value") + head(second);
  }
  for (const auto& m : report.methods) {
    rows += row_head(report, m.name);
    for (const auto& metric : metrics) {
      const ReportedScores* s = find(m.groups, group, metric);
      std::string spread;
      if (s && with_interval) spread = percent(*s->seeds);
      if (s && n == 1 && !s->examples.empty()) spread = percent(s->examples[0]);
      if (s && n > 1 && !with_interval)
        for (const double v : s->values) spread += (spread.empty() ? "" : ", ") + percent(v);
      rows += s ? "<td class=\"mean\">" + percent(mean_of(*s)) + "</td>" + cell(spread) : cell("") + cell("");
    }
    rows += "</tr>\n";
  }
  const std::string name = group_name(group);
  const std::string of = tasks ? ", mean of " + std::to_string(tasks) + (tasks == 1 ? " task" : " tasks") : "";
  std::string out = table(
      "The " + name + " tasks" + of + ", in %" + (n > 1 ? ", over " + std::to_string(n) + " seeds" : ", of one seed"),
      top + "</tr>" + under + "</tr>", rows);
  if (n == 1) return out;
  for (const auto& metric : metrics) {
    std::string heads = "<tr>" + head("method"), each;
    for (const auto& seed : report.seeds) heads += head("seed " + escape(seed));
    for (const auto& m : report.methods) {
      const ReportedScores* s = find(m.groups, group, metric);
      if (!s) continue;
      each += row_head(report, m.name);
      for (std::size_t i = 0; i < n; ++i)
        each += cell(percent(s->values[i]) + (s->examples.empty() ? "" : ' ' + percent(s->examples[i])));
      each += "</tr>\n";
    }
    details += table(escape(metric_text(metric)) + ", in % [95 % over examples]", heads + "</tr>", each);
  }
  return out + "<details><summary>The " + name + " tasks seed by seed, with intervals over examples</summary>" +
         details + "</details>\n";
}

std::string task_table(const Report& report) {
  std::string out;
  for (const char* group : {"held_out", "held_in", ""}) {
    const auto metrics = metrics_of(report, *group ? group : "held_out");
    std::string heads = "<tr>" + head("task") + head("metric"), rows;
    for (const auto& m : report.methods) heads += head(escape(describe(report, m.name).label));
    for (const auto& t : report.tasks) {
      if (t.group != group) continue;
      std::string metric;  // the most telling one that this task has
      for (const auto& candidate : metrics)
        if (metric.empty() && find(report.methods[0].tasks, t.name, candidate)) metric = candidate;
      rows += "<tr><th scope=\"row\">" + escape(t.name) + "</th>" + cell(escape(metric_text(metric)));
      for (const auto& m : report.methods) {
        const ReportedScores* s = find(m.tasks, t.name, metric);
        rows += cell(s ? percent(mean_of(*s)) : "");
      }
      rows += "</tr>\n";
    }
    if (!rows.empty())
      out += table(
          std::string(*group ? "The " + group_name(group) + " tasks" : "Tasks") + " one by one: mean over seeds, in %",
          heads + "</tr>", rows);
  }
  return out;
}

std::string method_list(const Report& report) {
  std::string items;
  for (const auto& m : report.methods) {
    const MethodText t = describe(report, m.name);
    items += "<li><b>" + escape(t.label) + "</b> (<code>" + escape(m.name) + "</code>)" + (t.does.empty() ? "" : ": ") +
             escape(t.does) + ".</li>\n";
  }
  return "<p>What is compared, by its name in papers and in results.json:</p>\n<ul class=\"methods\">" + items +
         "</ul>\n";
}

}  // namespace anser::cli
