#include <fmt/core.h>
#include <anser/io/json.hpp>

#include "charts.hpp"
#include "jsonl.hpp"
#include "trace.hpp"

namespace anser::cli {
namespace {

// Colours: Okabe and Ito's eight, which the colour-blind can tell apart; each cell also carries its expert's number.
constexpr const char* trace_page_begin = R"page(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Which experts each token used</title>
<style>
:root { color-scheme: light dark; --ground: #fff; --ink: #1a1a1a; --rest: #d4d4d4; --line: #999; }
@media (prefers-color-scheme: dark) { :root { --ground: #191919; --ink: #eee; --rest: #555; --line: #777; } }
body { font: 15px/1.4 system-ui, sans-serif; background: var(--ground); color: var(--ink); margin: 1rem auto 5rem; padding: 0 .7rem; max-width: 100rem; }
h1 { font-size: 1.25rem; } h2 { font-size: 1.1rem; margin: 1.6rem 0 .3rem; overflow-wrap: anywhere; } h3 { font-size: 1rem; margin: 1rem 0 .3rem; }
select { font: inherit; max-width: 100%; }
#legend { display: flex; flex-wrap: wrap; gap: .25rem .8rem; margin: .8rem 0; padding: 0; list-style: none; }
#legend span { display: inline-block; min-width: 1.9em; text-align: center; margin-right: .3em; border-radius: 3px; }
.scroll { overflow-x: auto; border: 1px solid var(--line); }
table { border-collapse: separate; border-spacing: 1px; font-size: 12px; }
th { font-weight: normal; text-align: left; white-space: nowrap; }
th.site { position: sticky; left: 0; background: var(--ground); padding: 0 .5em; max-width: 46vw; overflow: hidden; text-overflow: ellipsis; direction: rtl; }
th.token { writing-mode: vertical-rl; transform: rotate(180deg); padding: .4em 0; }
td { min-width: 2.1em; height: 1.6em; text-align: center; cursor: pointer; }
td:focus, td:hover { outline: 2px solid var(--ink); }
.scroll svg { display: block; }
[hidden] { display: none; }
@media print {
  :root { --ground: #fff; --ink: #000; }
  body { margin: 0; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .scroll { overflow: visible; border: 0; }
  .scroll svg { max-width: 100%; height: auto; }
  label, #detail { display: none; }
}
@media screen { #detail { position: fixed; left: 0; right: 0; bottom: 0; padding: .5rem .8rem; background: var(--ink); color: var(--ground); min-height: 1.4em; } }
</style></head><body>
<h1>Which experts each token used</h1>
<p id="about"></p>
<ul id="legend"></ul>
)page";

constexpr const char* page_middle = R"page(<h2>Leading expert by token and site</h2>
<noscript>This last map is drawn by a script of the page's own; it loads nothing.</noscript>
<div id="maps"></div>
<div id="detail" aria-live="polite">Point at, or tap, a cell for its experts and their weights.</div>
<script type="application/json" id="data">)page";

constexpr const char* page_end = R"page(</script>
<script>
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const palette = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#000000"];
const ink = ["#fff", "#000", "#fff", "#000", "#000", "#fff", "#000", "#fff"];
const element = (name, text, parent) => {
  const e = document.createElement(name);
  if (text !== undefined) e.textContent = text;
  if (parent) parent.append(e);
  return e;
};
// The eight experts that lead most often have a colour of their own, over all inputs alike.
const leads = new Array(data.experts.length).fill(0);
for (const input of data.inputs) for (const site of input.sites) for (const row of site.experts) leads[row[0]]++;
const colour = new Array(leads.length).fill(-1);
leads.map((n, e) => [n, e]).filter(([n]) => n > 0).sort((a, b) => b[0] - a[0] || a[1] - b[1]).slice(0, 8)
  .forEach(([, e], i) => { colour[e] = i; });
const paint = (cell, e) => {
  cell.textContent = e + 1;
  cell.style.background = colour[e] < 0 ? "var(--rest)" : palette[colour[e]];
  if (colour[e] >= 0) cell.style.color = ink[colour[e]];
};
const total = leads.reduce((a, b) => a + b, 0) || 1;
document.getElementById("about").textContent = `Router ${data.router}, ${data.experts.length} experts. Below, how ` +
  `often each has the largest weight, of all tokens at all sites; the eight that lead most often have colours. ` +
  `In the last map a row is a site, a column a token, and a cell has the number and colour of the leading expert.`;
leads.map((n, e) => [n, e]).filter(([n]) => n > 0).sort((a, b) => b[0] - a[0] || a[1] - b[1]).forEach(([n, e]) => {
  const item = element("li", undefined, document.getElementById("legend"));
  paint(element("span", "", item), e);
  item.append(`${data.experts[e]} ${(100 * n / total).toFixed(1)} %`);
});
const detail = document.getElementById("detail");
const groups = [["Encoder", (s) => s.stack === "encoder"],
                ["Decoder, on its own tokens", (s) => s.stack === "decoder" && !s.cross],
                ["Decoder, on the encoder's tokens", (s) => s.stack === "decoder" && s.cross]];
const draw = (input) => {
  const maps = document.getElementById("maps");
  maps.textContent = "";
  for (const [title, belongs] of groups) {
    const sites = input.sites.filter(belongs);
    if (!sites.length) continue;
    element("h3", title, maps);
    const table = element("table", undefined, element("div", undefined, maps));
    table.parentNode.className = "scroll";
    const tokens = sites[0].cross || sites[0].stack === "encoder" ? input.read : input.written;
    const head = element("tr", undefined, table);
    element("th", "", head).className = "site";
    for (const token of tokens) element("th", token, head).className = "token";
    for (const site of sites) {
      const row = element("tr", undefined, table);
      const name = element("th", site.name, row);
      name.className = "site";
      name.title = site.name;
      site.experts.forEach((experts, i) => {
        const cell = element("td", "", row);
        paint(cell, experts[0]);
        cell.tabIndex = 0;
        const text = `${tokens[i]} at ${site.name}: ` +
          experts.map((e, j) => `${data.experts[e]} ${site.weights[i][j].toFixed(3)}`).join(", ");
        cell.title = text;
        cell.onfocus = cell.onmouseenter = cell.onclick = () => { detail.textContent = text; };
      });
    }
  }
};
const chooser = document.getElementById("input");
for (const input of data.inputs) element("option", input.text, chooser);
const show = () => {
  document.querySelectorAll("section.input").forEach((s, i) => { s.hidden = i !== chooser.selectedIndex; });
  draw(data.inputs[chooser.selectedIndex]);
};
chooser.onchange = show;
if (data.inputs.length) show();
</script></body></html>
)page";

}  // namespace

std::string trace_page(const std::vector<TracedInput>& inputs, const std::vector<std::string>& experts,
                       const std::string& router) {
  const auto whole = [](int e) { return std::to_string(e); };
  const auto number = [](float v) { return fmt::format("{:.4f}", v); };
  const auto site = [&](const TracedSite& s) {
    return fmt::format("{{\"name\":{},\"stack\":\"{}\",\"cross\":{},\"experts\":{},\"weights\":{}}}", quote(s.site),
                       s.stack, s.reads_source && s.stack == "decoder",
                       json_list(s.experts, [&](const auto& row) { return json_list(row, whole); }),
                       json_list(s.weights, [&](const auto& row) { return json_list(row, number); }));
  };
  const auto input = [&](const TracedInput& i) {
    return fmt::format("{{\"text\":{},\"read\":{},\"written\":{},\"sites\":{}}}", quote(i.text),
                       json_list(i.read, quote), json_list(i.written, quote), json_list(i.sites, site));
  };
  std::string data = fmt::format("{{\"router\":{},\"experts\":{},\"inputs\":{}}}", quote(router),
                                 json_list(experts, quote), json_list(inputs, input));
  std::string safe;  // no text of the data may end the script that holds it
  for (char c : data) c == '<' ? safe += "\\u003c" : safe += c;
  std::string maps = "<h2>All inputs</h2>\n";
  maps += heat_map(shares_by_site(inputs, experts.size()), experts);
  const auto worth = [&](const std::vector<TracedInput>& of) {
    std::vector<double> change(experts.size());
    for (const TracedInput& i : of)
      for (std::size_t e = 0; e < experts.size(); ++e) change[e] += (i.without[e] - i.whole) / double(of.size());
    return change;
  };
  const bool left_out = !inputs.empty() && !inputs[0].without.empty();
  if (left_out && inputs.size() > 1)
    maps += bar_chart("Each expert left out: mean over all inputs", experts, worth(inputs));
  maps += "<p><label>Input: <select id=\"input\"></select></label></p>\n";
  for (const TracedInput& i : inputs) {
    maps += "<section class=\"input\">\n<h2>" + escape(i.text) + "</h2>\n";
    if (left_out)
      maps += fmt::format("<p>Target: {} (log-likelihood per token {:.4f})</p>\n", escape(i.target), i.whole) +
              bar_chart("Each expert left out of this input", experts, worth({i}));
    maps += heat_map(shares_by_token(i, experts.size()), experts) + "</section>\n";
  }
  return trace_page_begin + maps + page_middle + safe + page_end;
}

}  // namespace anser::cli
