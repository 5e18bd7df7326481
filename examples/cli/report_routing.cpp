// Who was asked: a report's heat maps, and inputs token by token.
#include <algorithm>
#include <numeric>

#include "reproduce_report.hpp"

namespace anser::cli {
namespace {

constexpr std::size_t most_inputs = 8;

int place_of(const std::vector<std::string>& experts, const std::string& name) {
  const auto at = std::find(experts.begin(), experts.end(), name);
  return at == experts.end() ? -1 : int(at - experts.begin());
}

const ReportedTask* find_task(const Report& r, const std::string& name) {
  for (const auto& t : r.tasks)
    if (t.name == name) return &t;
  return nullptr;
}

/// The tasks that were traced, held-out ones first.
std::vector<std::pair<const Routing::Task*, const ReportedTask*>> traced_tasks(const Report& r) {
  std::vector<std::pair<const Routing::Task*, const ReportedTask*>> all;
  for (const auto& t : r.routing->tasks) all.emplace_back(&t, find_task(r, t.name));
  std::stable_partition(all.begin(), all.end(),
                        [](const auto& t) { return !t.second || t.second->group != "held_in"; });
  return all;
}

std::string maps_part(const Report& r) {
  const auto& experts = r.routing->experts;
  HeatMap all{"Mean weight over all sites and tokens", "task", {}};
  std::string maps;
  bool marked = false;
  for (const auto& [traced, task] : traced_tasks(r)) {
    const int oracle = task ? place_of(experts, task->oracle) : -1;
    marked = marked || oracle >= 0;
    HeatMap map{traced->name, "site", {}};
    std::vector<double> mean(experts.size());
    for (const auto& [site, weights] : traced->sites) {
      const auto [group, label] = name_of_site(site);
      map.rows.push_back({group, label, weights});
      for (std::size_t e = 0; e < mean.size(); ++e) mean[e] += weights[e] / double(traced->sites.size());
    }
    if (oracle >= 0) map.title += " (best: " + std::to_string(oracle + 1) + ')';
    all.rows.push_back({!task || task->group.empty() ? "tasks"
                        : task->group == "held_in"   ? "held-in"
                                                     : "held-out",
                        traced->name, std::move(mean), oracle});
    if (!map.rows.empty()) maps += small_heat_map(map, experts.size(), oracle);
  }
  std::string names;
  for (std::size_t e = 0; e < experts.size(); ++e)
    names += "<li>" + std::to_string(e + 1) + ' ' + escape(experts[e]) + "</li>";
  return "<p>A <em>site</em> is a place in the model that has experts: a linear map in a block of the encoder or the "
         "decoder. For each task, the mean weight that the router <code>" +
         escape(r.routing->router) + "</code> gave to each expert: the darker, the more." +
         (marked ? " Outlined: the one expert that does best on the task alone, the oracle's choice. A router need not "
                   "agree with it, and on tasks that mix several skills no one expert is right."
                 : "") +
         "</p>\n" + heat_map(all, experts) +
         "<h3>Site by site</h3>\n<p>The same, a map for each task: a row is a site, a column an expert, by number. "
         "Sites need not agree: some tell skills apart, and at others the choice looks like chance.</p>\n"
         "<ul class=\"key\">" +
         names + "</ul>\n<div class=\"side maps\">" + maps + "</div>\n";
}

/// Per token its first expert and that one's weight; -1: nobody.
using Leads = std::vector<std::pair<int, double>>;

Leads leads_of(const std::vector<HeatMap::Row>& rows, const std::string& group) {
  Leads leads;
  for (const auto& row : rows) {
    if (row.group != group) continue;
    const auto most = std::max_element(row.share.begin(), row.share.end());
    leads.emplace_back(*most > 0 ? int(most - row.share.begin()) : -1, *most);
  }
  return leads;
}
Leads leads_of(const TracedSite& s) {
  Leads leads;
  for (std::size_t t = 0; t < s.experts.size(); ++t) {
    const auto most = std::max_element(s.weights[t].begin(), s.weights[t].end());
    if (most == s.weights[t].end())
      leads.emplace_back(-1, 0);
    else
      leads.emplace_back(s.experts[t][std::size_t(most - s.weights[t].begin())], *most);
  }
  return leads;
}

/// A blank for the mark that vocabularies have in its place.
std::string readable(std::string piece) {
  const std::string mark = "\u2581";
  for (std::size_t at; (at = piece.find(mark)) != piece.npos;) piece.replace(at, mark.size(), " ");
  return piece;
}

struct Strip {
  std::string name;
  const std::vector<std::string>* tokens;
  Leads leads;
};

/// What is shown of an input: means over sites, and the feed-forward sites nearest to the words, the first that reads
/// and the last that writes.
std::vector<Strip> strips_of(const TracedInput& i, std::size_t experts) {
  const HeatMap means = shares_by_token(i, experts);
  const TracedSite *first = nullptr, *last = nullptr;
  for (const auto& s : i.sites) {
    if (s.site.find("DenseReluDense") == s.site.npos && s.site.find("adapter") == s.site.npos) continue;
    if (s.stack == "encoder" && !first) first = &s;
    if (s.stack == "decoder" && !s.reads_source) last = &s;
  }
  const auto name = [](const TracedSite& s) {
    const auto [group, label] = name_of_site(s.site);
    return "site: " + group + (group.empty() ? "" : ", ") + label;
  };
  std::vector<Strip> strips{
      {"the input, mean over the sites that read it", &i.read, leads_of(means.rows, "encoder's tokens")}};
  if (first) strips.push_back({name(*first), &i.read, leads_of(*first)});
  strips.push_back({"the answer as the decoder reads it, mean over its sites", &i.written,
                    leads_of(means.rows, "decoder's tokens")});
  if (last) strips.push_back({name(*last), &i.written, leads_of(*last)});
  return strips;
}

std::string inputs_part(const Report& r) {
  const auto& experts = r.routing->experts;
  std::vector<const std::pair<std::string, TracedInput>*> shown;
  for (const bool held_in : {false, true})
    for (const auto& input : r.routing->inputs) {
      const ReportedTask* task = find_task(r, input.first);
      if (shown.size() < most_inputs && (task && task->group == "held_in") == held_in) shown.push_back(&input);
    }
  if (shown.empty()) return {};
  std::vector<std::vector<Strip>> strips;
  std::vector<std::size_t> count(experts.size()), order(experts.size());
  for (const auto* input : shown) {
    strips.push_back(strips_of(input->second, experts.size()));
    for (const Strip& s : strips.back())
      for (const auto& lead : s.leads)
        if (lead.first >= 0) ++count[std::size_t(lead.first)];
  }
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return count[a] > count[b]; });
  std::vector<std::string> paint(experts.size(), "background:#d4d4d4;color:#000");  // all but the eight that lead most
  for (std::size_t i = 0; i < std::min<std::size_t>(8, order.size()); ++i)
    paint[order[i]] = std::string("background:") + palette[i] + ";color:" + palette_ink[i];
  std::string out = "<ul class=\"key\">";
  for (std::size_t e = 0; e < experts.size(); ++e)
    out += "<li><span class=\"swatch\" style=\"" + paint[e] + "\">" + std::to_string(e + 1) + "</span>" +
           escape(experts[e]) + "</li>";
  out += "</ul>\n";
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const TracedInput& input = shown[i]->second;
    out += "<h3>" + escape(shown[i]->first) + ": " + escape(input.text) +
           "</h3>\n<p class=\"row\">should become: " + escape(input.target) + "</p>\n";
    for (const Strip& s : strips[i]) {
      out += "<p class=\"row\">" + escape(s.name) + "</p>\n<div class=\"tokens\">";
      for (std::size_t t = 0; t < s.leads.size(); ++t) {
        const auto& [expert, weight] = s.leads[t];
        out +=
            "<span style=\"" + (expert < 0 ? "background:#fff;color:#000" : paint[std::size_t(expert)]) + "\">" +
            escape(readable((*s.tokens)[t])) + "<small>" +
            (expert < 0 ? std::string("-") : std::to_string(expert + 1) + " \u00b7 " + fixed(100 * weight, 0) + " %") +
            "</small></span>";
      }
      out += "</div>\n";
    }
  }
  return "<h3>Token by token</h3>\n<p>A few single inputs. Each token has the colour and the number of the expert with "
         "the largest weight, and that weight; colours are those of the eight experts that lead most often here, "
         "others "
         "are grey. The decoder reads a start mark and then the answer, token by token, and at each writes the next. "
         "Shown are means over sites, and two sites close to the words; at other sites the order is less plain, and "
         "<code>anser trace</code> shows them all.</p>\n" +
         out;
}

}  // namespace

std::string routing_part(const Report& r) {
  if (!r.routing || r.routing->tasks.empty()) return {};
  return "<h2>Which experts were asked</h2>\n" + maps_part(r) + inputs_part(r);
}

}  // namespace anser::cli
