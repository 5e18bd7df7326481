// The page of an experiment, put together.
#include "reproduce_report.hpp"

#include <algorithm>
#include <numeric>

namespace anser::cli {
namespace {

constexpr const char* page_begin = R"page(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/>
<style>
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; background: #fff; color: #1a1a1a; margin: 1rem auto 3rem; padding: 0 .7rem; max-width: 76rem; }
h1 { font-size: 1.5rem; line-height: 1.25; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .4rem; border-bottom: 1px solid #999; }
h3 { font-size: 1rem; margin: 1.3rem 0 .3rem; overflow-wrap: anywhere; }
p { max-width: 46rem; margin: .5rem 0; } code { overflow-wrap: anywhere; }
.scroll { overflow-x: auto; } .scroll svg { display: block; }
.side { display: flex; flex-wrap: wrap; gap: .8rem 1.2rem; align-items: flex-start; } .side .scroll { max-width: 100%; }
table { border-collapse: collapse; font-size: .85rem; margin: .2rem 0 .8rem; }
.caption { font-size: .9rem; font-weight: bold; margin: 1rem 0 0; }
th, td { border-bottom: 1px solid #ccc; padding: .15rem .6rem; text-align: right; white-space: nowrap; font-weight: normal; }
thead th { border-bottom: 1px solid #555; vertical-align: bottom; white-space: normal; } th[colspan] { text-align: center; }
th[scope=row] { text-align: left; position: sticky; left: 0; background: #fff; } thead th:first-child { text-align: left; }
th.proposed, tr:has(th.proposed) td { font-weight: bold; }
td { font-variant-numeric: tabular-nums; } td.words { text-align: left; white-space: normal; min-width: 11rem; }
ul.methods { padding-left: 1.2rem; max-width: 46rem; font-size: .9rem; }
@media screen and (max-width: 40rem) { .maps { flex-wrap: nowrap; overflow-x: auto; } .maps .scroll { flex: none; } }
ul.key { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .2rem 1rem; margin: .5rem 0; font-size: .9rem; }
.swatch { display: inline-block; min-width: 1.7em; text-align: center; border: 1px solid #555; margin-right: .35em; }
.tokens { display: flex; flex-wrap: wrap; gap: 3px; margin: .15rem 0 .6rem; }
.tokens span { padding: 0 .3em; border-radius: 3px; font-size: .85rem; line-height: 1.25; text-align: center; white-space: pre; max-width: 100%; overflow: hidden; }
.tokens small { display: block; font-size: .68rem; }
.row { font-size: .85rem; margin: .4rem 0 0; }
pre { overflow-x: auto; background: #f3f3f3; padding: .6rem; font-size: .8rem; }
details { margin: .4rem 0; } summary { cursor: pointer; }
@media print {
  body { margin: 0; max-width: none; font-size: 11pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .scroll { overflow: visible; break-inside: avoid; } .scroll svg { max-width: 100%; height: auto; }
  .side { display: block; } .side .scroll { display: inline-block; vertical-align: top; width: 47%; } .maps .scroll { width: 30%; }
  table { font-size: 7.5pt; } th, td { padding: .1rem .3rem; } th[scope=row] { position: static; }
  h2, h3, .caption, .row { break-after: avoid; } pre { white-space: pre-wrap; }
  details::details-content { content-visibility: visible; display: block; }
}
</style>
)page";

std::string paragraph(const std::string& text) { return "<p>" + text + "</p>\n"; }
std::string section(const std::string& title, const std::string& text) { return "<h2>" + title + "</h2>\n" + text; }

std::string introduction(const Report& r) {
  if (r.experiment == "phatgoose")
    return paragraph(
               "Many people have each trained a small add-on, an <em>expert</em>, for the same language model and a "
               "task of their own. Can the experts together do tasks that none of them was trained for, and nobody "
               "says "
               "whom to ask? PHATGOOSE (Muqeeth et al., 2024) has each contributor train one more vector per place in "
               "the model, a <em>gate</em>, on the data that the expert was trained on, with everything else standing "
               "still. When the experts are used, every token is sent, at every place, to the few experts whose gates "
               "fit it best.") +
           paragraph(
               "<em>Held-in</em> tasks are the experts' own. <em>Held-out</em> tasks are new to all of them, and are "
               "what the method is for.");
  if (r.experiment == "smear")
    return paragraph(
        "A model with several <em>experts</em> at each place and a <em>router</em> that chooses among them is hard to "
        "train, since a choice has no gradient. SMEAR (Muqeeth et al., 2023) does not choose: it averages the "
        "experts' parameters by the router's weights and runs the one expert that results, at about the cost of one. "
        "Experts and router learn together here, on all tasks. The other methods differ in how they choose, and in "
        "what they cost.");
  return paragraph(
      "Several ways to use a pool of <em>experts</em>, small add-ons to one language model, measured on the same "
      "questions. <em>Held-in</em> tasks are what experts were trained on, <em>held-out</em> tasks are new to them.");
}

std::string swatch(Bar::Kind kind, const std::string& text) {
  return std::string("<li><svg width=\"18\" height=\"12\"><rect x=\"0.5\" y=\"0.5\" width=\"17\" height=\"11\" ") +
         paint_of(kind) + "/></svg> " + text + "</li>";
}

std::string bars_part(const Report& r) {
  const std::size_t n = r.seeds.size();
  std::string text = paragraph(
      std::string("A bar is a method's mean") +
      (n > 1 ? " over " + std::to_string(n) + " seeds: everything was trained anew for each. A dot is one seed. "
             : " over the tasks, from one seed. ") +
      (int(n) >= fewest_seeds
           ? "The black line is the 95 % interval of the mean over seeds (Student's t): what might come out with other "
             "seeds. Methods whose lines do not overlap differ by more than chance in the training."
       : n > 1 ? "Fewer than five seeds give no interval worth drawing."
               : "The black line is the 95 % interval over examples (bootstrap): what might come out with other "
                 "questions. It does not say what another training would give."));
  std::string key = "<ul class=\"key\">";
  if (!r.experiment.empty()) key += swatch(Bar::Kind::proposed, "the method in question");
  key += swatch(Bar::Kind::other, "other ways to use experts") +
         swatch(Bar::Kind::reference, "for comparison: no experts, or more than a user has") + "</ul>\n";
  text += paragraph(
      "<em>Exact match</em> is the share of questions whose whole answer is right, so that one wrong word makes it "
      "wrong; "
      "<em>token accuracy</em> is the share of the right answer's tokens that the model finds the likeliest, given "
      "those "
      "before; <em>accuracy</em> is the share of multiple-choice questions answered right.");
  std::string verdicts;
  for (const char* group : {"held_out", "held_in"}) {
    std::string charts;
    const auto metrics = metrics_of(r, group);
    for (std::size_t i = 0; i < std::min<std::size_t>(metrics.size(), 2); ++i) {
      charts += bars_of(r, group, metrics[i]);
      verdicts += verdict_on(r, group, metrics[i]);
    }
    if (!charts.empty()) key += "<div class=\"side\">" + charts + "</div>\n";
  }
  return section("How good each method is", method_list(r) + text + key + verdicts);
}

std::string curves_part(const Report& r) {
  if (r.stages.empty()) return {};
  std::string text = paragraph(
      "The loss is how surprised the model is by each token of the right answer, in nats (0: it was certain of it); a "
      "step is one update from one batch. A curve that is still falling would have gained from more steps." +
      (r.seeds.size() > 1 ? " These are the trainings of seed " + escape(r.seeds[0]) + '.' : std::string()));
  const std::string unit = "nats per token";
  for (const auto& stage : r.stages)
    text += "<div class=\"scroll\">" +
            (stage.curves.size() == 1 ? plot_loss(stage.curves[0].metrics, stage.name, unit, false)
                                      : plot_losses(stage.curves, stage.name, unit)) +
            "</div>\n";
  return section("How the training went", text);
}

std::string settings_part(const Report& r) {
  std::string rows;
  for (const auto& [name, value] : r.settings)
    rows += "<tr><th scope=\"row\">" + escape(name) + "</th><td class=\"words\"><code>" + escape(value) +
            "</code></td></tr>\n";
  std::string text = paragraph("What the numbers depend on, as results.json has it.") +
                     "<div class=\"scroll\"><table><tbody>" + rows + "</tbody></table></div>\n";
  if (r.commands.empty()) return section("Settings", text);
  std::string lines, line;  // escape() makes blanks of line ends
  for (const char c : r.commands + '\n')
    if (c == '\n')
      lines += escape(line) + '\n', line.clear();
    else
      line += c;
  return section("Settings", text) + section("The commands that made it", "<pre>" + lines + "</pre>\n");
}

}  // namespace

std::string report_page(const Report& r) {
  const std::string label = r.experiment.empty() ? "" : escape(describe(r, r.experiment).label);
  const std::string title = label.empty() ? "Routing among experts, measured" : label + ", reproduced";
  return page_begin + ("<title>" + title + "</title></head><body>\n<h1>" + title + "</h1>\n") + introduction(r) +
         bars_part(r) +
         section("The numbers",
                 paragraph(r.seeds.size() > 1
                               ? "Two intervals answer two questions, and are kept apart. The one over seeds: what if "
                                 "everything were trained again? The one over examples, seed by seed: what if other "
                                 "questions of these tasks had been asked? Tasks count alike, whatever their size. "
                                 "An interval over seeds may pass 0 or 100 %: Student's t knows no ends."
                               : "The interval over examples: what if other questions of these tasks had been asked? "
                                 "Tasks count alike, whatever their size.") +
                     group_tables(r, "held_out") + group_tables(r, "held_in") + task_table(r)) +
         (r.sweeps.empty() ? std::string()
                           : section("What the settings do",
                                     paragraph("Everything as above but for one setting at a time. Points are means "
                                               "over seeds; lines through them, from five seeds on, the 95 % interval "
                                               "over seeds.") +
                                         sweeps_part(r))) +
         routing_part(r) + curves_part(r) + settings_part(r) + "</body></html>\n";
}

}  // namespace anser::cli
