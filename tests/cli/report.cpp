// anser report: an experiment's page says what its files say; and trace --tasks, which it draws.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "program.hpp"

using namespace program;

namespace {

constexpr const char* hostile = "<script>alert('a')</script> & \"b\"";

/// Results of three methods on a held-in and a held-out task. Values are eighths, so that every mean is exact.
std::string results(int seeds) {
  const auto list = [&](int first, const char* one) {
    std::string text;
    for (int i = 0; i < seeds; ++i) {
      char entry[64];
      const double v = (first + i % 2) / 8.0;
      std::snprintf(entry, sizeof entry, one, v, v);
      text += (i ? ", " : "") + std::string(entry);
    }
    return '[' + text + ']';
  };
  std::string methods, names;
  int first = 1;
  for (const std::string name : {"none", "phatgoose", hostile}) {
    const auto metrics = [&](const char* one) {
      return "{\"exact_match\": " + list(first, one) + ", \"token_accuracy\": " + list(first + 1, one) + "}";
    };
    const auto parts = [&](const char* one) {
      return "\"held_in\": " + metrics(one) + ", \"held_out\": " + metrics(one) +
             ", \"tasks\": {\"one\": " + metrics(one) + ", " + anser::quote(hostile) + ": " + metrics(one) + "}";
    };
    methods += (methods.empty() ? "" : ", ") + anser::quote(name) + ": {" + parts("%.3f") + ", \"intervals\": {" +
               parts("[%.3f, %.3f]") + "}}";
    first += 2;
  }
  for (int i = 0; i < seeds; ++i) names += (i ? ", " : "") + std::to_string(7 + i);
  return "{\"experiment\": \"phatgoose\", \"settings\": {\"rank\": 8, \"deep\": {\"er\": " + anser::quote(hostile) +
         "}}, \"tasks\": {\"one\": {\"group\": \"held_in\", \"examples\": 4}, " + anser::quote(hostile) +
         ": {\"group\": \"held_out\", \"examples\": 4}}, \"seeds\": [" + names + "], \"methods\": {" + methods + "}}";
}

/// The page of a folder with these results.
std::string page_of(const std::string& folder, const std::string& text) {
  write(scratch() / folder / "results.json", text);
  BOOST_TEST(run_well("report " + folder) == folder + "/report.html\n");
  return read(scratch() / folder / "report.html");
}

/// Fails where an element is not ended in its place, or an attribute is not quoted; returns how many there are.
int count_elements(const std::string& page) {
  std::vector<std::string> open;
  int n = 0;
  for (std::size_t at = page.find('<', 1); at != page.npos; at = page.find('<', at + 1)) {
    const std::size_t end = page.find('>', at);
    BOOST_REQUIRE_MESSAGE(end != page.npos, "a tag is cut off: " << page.substr(at, 60));
    const std::string tag = page.substr(at + 1, end - at - 1);
    BOOST_REQUIRE_MESSAGE(tag.find('<') == tag.npos, "a < inside of a tag: " << tag);
    BOOST_REQUIRE_MESSAGE(std::count(tag.begin(), tag.end(), '"') % 2 == 0, "quotes: " << tag);
    if (tag[0] == '/') {
      BOOST_REQUIRE_MESSAGE(!open.empty() && open.back() == tag.substr(1),
                            "</" << tag.substr(1) << "> ends " << (open.empty() ? "" : open.back()));
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(tag.substr(0, tag.find(' ')));
    }
    ++n;
  }
  BOOST_TEST(open.empty());
  return n;
}

std::string without_tags(const std::string& html) {
  std::string text;
  for (std::size_t at = 0; at < html.size(); ++at)
    if (html[at] == '<')
      at = html.find('>', at);
    else
      text += html[at];
  return text;
}

/// The cells of each row of the table under this caption, the row's head first.
std::vector<std::vector<std::string>> table(const std::string& page, const std::string& caption) {
  const std::size_t at = page.find("<p class=\"caption\">" + caption);
  BOOST_REQUIRE_MESSAGE(at != page.npos, "there is no table " << caption);
  std::istringstream body(page.substr(page.find("<tbody>", at), page.find("</tbody>", at) - page.find("<tbody>", at)));
  std::vector<std::vector<std::string>> rows;
  for (std::string row; std::getline(body, row);) {
    rows.emplace_back();
    for (std::size_t from = 0; (from = row.find("<t", from)) != row.npos;) {
      const std::size_t to = row.find("</t", from);
      if (row.compare(from, 3, "<th") == 0 || row.compare(from, 3, "<td") == 0) {
        rows.back().push_back(without_tags(row.substr(from, to - from)));
        from = to;
      } else {
        ++from;
      }
    }
  }
  return rows;
}

using Row = std::vector<std::string>;
const std::string escaped = "&lt;script&gt;alert('a')&lt;/script&gt; &amp; &quot;b&quot;";

void check_safe(const std::string& page) {
  for (const std::string outside : {"http", "src=", "href", "<link", "@import", "url(", "<script"})
    BOOST_TEST(page.find(outside) == page.npos, outside);
  BOOST_TEST(count_elements(page) > 100);
  BOOST_TEST(page.find(escaped) != page.npos);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_report_of_five_seeds_has_the_numbers_of_its_results) {
  const auto page = page_of("five", results(5));
  check_safe(page);
  // 1/8, 2/8, 1/8, 2/8, 1/8: a mean of 17.5 %, and with t of four degrees 2.776 * 6.847 / sqrt(5) = 8.5 around it.
  const auto held_out = table(page, "The held-out tasks, mean of 1 task, in %, over 5 seeds");
  BOOST_TEST_REQUIRE(held_out.size() == 3u);
  BOOST_TEST((held_out[0] == Row{"Base", "17.5", "[9.0, 26.0]", "30.0", "[21.5, 38.5]"}));
  BOOST_TEST((held_out[1] == Row{"PHATGOOSE", "42.5", "[34.0, 51.0]", "55.0", "[46.5, 63.5]"}));
  BOOST_TEST(held_out[2][0] == escaped);
  BOOST_TEST((table(page, "The held-in tasks, mean of 1 task, in %, over 5 seeds") == held_out));
  const auto each = table(page, "exact match, in % [95 % over examples]");
  BOOST_TEST((each[0] == Row{"Base", "12.5 [12.5, 12.5]", "25.0 [25.0, 25.0]", "12.5 [12.5, 12.5]", "25.0 [25.0, 25.0]",
                             "12.5 [12.5, 12.5]"}));
  BOOST_TEST((table(page, "The held-in tasks one by one")[0] == Row{"one", "exact match", "17.5", "42.5", "67.5"}));
  BOOST_TEST(table(page, "The held-out tasks one by one")[0][0] == escaped);
  for (const std::string words :
       {"Above these, with 95 % intervals that do not overlap: Base. Not told apart by these seeds: none. Below "
        "these, likewise: &lt;script",
        ">Held-out tasks: exact match<", ">exact match, %<", ">seed 11<", ">rank<", ">deep.er<"})
    BOOST_TEST(page.find(words) != page.npos, words);
  // Intervals that results.json has go before those that would be computed.
  auto own = results(5);
  own.insert(own.size() - 3, ", \"seed_intervals\": {\"held_out\": {\"exact_match\": [0.111, 0.222]}}");
  BOOST_TEST(table(page_of("five", own), "The held-out tasks")[2][2] == "[11.1, 22.2]");
}

BOOST_AUTO_TEST_CASE(fewer_seeds_have_no_interval_over_seeds) {
  const auto three = page_of("three", results(3));
  check_safe(three);
  BOOST_TEST(
      (table(three, "The held-out tasks")[0] == Row{"Base", "16.7", "12.5, 25.0, 12.5", "29.2", "25.0, 37.5, 25.0"}));
  BOOST_TEST(three.find("over seeds</th>") == three.npos);
  const auto one = page_of("single-seed", results(1));
  check_safe(one);
  BOOST_TEST((table(one, "The held-out tasks")[0] == Row{"Base", "12.5", "[12.5, 12.5]", "25.0", "[25.0, 25.0]"}));
  BOOST_TEST(one.find(">95 % over examples</th>") != one.npos);
  BOOST_TEST(one.find("One seed cannot say") != one.npos);
}

BOOST_AUTO_TEST_CASE(routing_of_tasks_is_traced_and_drawn) {
  write(scratch() / "routed/tasks/held_in/one.jsonl", "{\"input\": \"red fish\", \"target\": \"cold water\"}\n");
  write(scratch() / "routed/tasks/held_out/mixed.jsonl",
        "{\"input\": \"seven red fish\", \"target\": \"nine\"}\n{\"input\": \"rain\", \"target\": \"nine </td>\"}\n");
  write(scratch() / "routed/tasks/held_out/picked.jsonl",
        "{\"input\": \"seven\", \"choices\": [\"a\", \"wind\"], \"label\": 1}\n");
  run_well("trace " + demo_pool() + "--tasks routed/tasks --shown 2 --output routed/routing.json");
  const auto routing = anser::parse_json(read(scratch() / "routed/routing.json"), "routing");
  const auto experts = routing.at("experts").texts();
  BOOST_TEST_REQUIRE(experts.size() == 8u);
  BOOST_TEST(routing.at("inputs").items().size() == 4u);
  BOOST_TEST(routing.at("inputs").items()[3].text("target") == "wind");
  // As trace says it of the same lines, token by token.
  write(scratch() / "routed/lines.jsonl", read(scratch() / "routed/tasks/held_out/mixed.jsonl"));
  std::map<std::string, std::map<std::string, double>> sums;
  std::map<std::string, double> tokens;
  for (const auto& line : lines(run_well("trace " + demo_pool() + "--input routed/lines.jsonl"))) {
    const auto who = line.at("experts").items(), weights = line.at("weights").items();
    for (std::size_t t = 0; t < who.size(); ++t)
      for (std::size_t i = 0; i < who[t].items().size(); ++i)
        sums[line.text("site")][who[t].items()[i].text()] += weights[t].items()[i].real();
    tokens[line.text("site")] += double(who.size());
  }
  const auto sites = routing.at("tasks").at("mixed").at("sites");
  BOOST_TEST(sites.keys().size() == sums.size());
  for (const auto& site : sites.keys())
    for (std::size_t e = 0; e < 8; ++e)
      BOOST_CHECK_SMALL(sites.at(site).items()[e].real() - sums[site][experts[e]] / tokens[site], 2e-5);

  run_well("eval " + demo_pool() + "--routers phatgoose,uniform --tasks routed/tasks --teacher-forced --output routed");
  auto text = read(scratch() / "routed/results.json");
  const auto with_oracle = [&](const std::string& expert) {
    return text.substr(0, text.rfind('}')) + ", \"oracle\": {\"mixed\": [" + anser::quote(expert) + "]}}";
  };
  const auto page = page_of("routed", with_oracle(experts[2]));
  BOOST_TEST(count_elements(page) > 100);
  for (const std::string words :
       {">mixed (best: 3)<", "seven red fish", "nine &lt;/td&gt;", ">encoder, block 0<",
        "site: encoder, block 0, feed-forward", "<h3>Token by token</h3>", "the oracle's choice"})
    BOOST_TEST(page.find(words) != page.npos, words);
  for (const auto& name : experts) BOOST_TEST(page.find(name) != page.npos, name);
  const auto before = read(scratch() / "routed/report.html");
  write(scratch() / "routed/results.json", with_oracle("nobody"));
  run_badly("report routed", 1, "no expert is named nobody");
  BOOST_TEST((read(scratch() / "routed/report.html") == before));
  run_badly("trace " + demo_pool() + "--tasks routed/tasks", 1, "name it with --output FILE.json");
  run_badly("trace " + demo_pool(), 2, "--input");
}

BOOST_AUTO_TEST_CASE(curves_and_commands_are_shown) {
  const std::string step =
      "{\"step\": 1, \"loss\": 2.5, \"gradient_norm\": 1, \"learning_rate\": 1, \"tokens\": 5, \"seconds\": 1}\n";
  for (const std::string at : {"seed-7/base/training", "seed-7/experts/a/training", "seed-7/experts/b/training",
                               "seed-7/experts/a/training-gate", "seed-8/other/training"})
    write(scratch() / "trained" / at / "metrics.jsonl", step);
  write(scratch() / "trained/commands.txt", "anser one --x '<&>'\nanser two\n");
  const auto page = page_of("trained", results(2));
  check_safe(page);
  for (const std::string words : {">base<", ">experts<", ">experts, gates<", ">a 2.5<", ">b 2.5<", ">step<",
                                  ">loss, nats per token<", "anser one --x '&lt;&amp;&gt;'\nanser two\n"})
    BOOST_TEST(page.find(words) != page.npos, words);
  BOOST_TEST(page.find(">other<") == page.npos);  // of another seed
  write(scratch() / "trained/commands.txt", "anser \xFF" + std::string(1000, 'x'));
  run_badly("report trained", 1, "trained/commands.txt is not UTF-8");
  write(scratch() / "trained/seed-7/base/training/metrics.jsonl", step + "{\"step\": 2}\n");
  run_badly("report trained", 1, "metrics.jsonl:2");
}

BOOST_AUTO_TEST_CASE(what_a_report_cannot_be_made_of_is_told) {
  run_badly("report absent", 1, "absent does not exist");
  run_badly("report", 2, "DIR is required");
  write(scratch() / "broken/file", "");
  run_badly("report broken/file", 1, "is no directory");
  run_badly("report broken", 1, "broken holds no results.json");
  const auto refuse = [&](const std::string& text, const std::string& words) {
    write(scratch() / "broken/results.json", text);
    run_badly("report broken", 1, words);
  };
  refuse("{\"seeds\": [0]", "broken/results.json: not valid JSON");
  refuse("{\"seeds\": [0]}", "the key \"methods\" is missing");
  refuse("{\"seeds\": [], \"methods\": {}}", "seeds is empty");
  refuse("{\"seeds\": [0], \"methods\": {}}", "methods is empty");
  refuse(
      "{\"seeds\": [0, 1], \"methods\": {\"none\": {\"held_in\": {\"exact_match\": [0.5]}, \"held_out\": {}, "
      "\"tasks\": {}}}}",
      "methods.none.held_in.exact_match has 1 values for 2 seeds");
  refuse(
      "{\"seeds\": [0], \"methods\": {\"none\": {\"held_in\": {\"exact_match\": [50]}, \"held_out\": {}, \"tasks\": "
      "{}}}}",
      "must be from 0 to 1");
  write(scratch() / "broken/results.json", results(1));
  const auto refuse_routing = [&](const std::string& tasks, const std::string& words) {
    write(scratch() / "broken/routing.json",
          "{\"router\": \"phatgoose\", \"experts\": [\"a\", \"b\"], \"tasks\": {" + tasks + "}, \"inputs\": []}");
    run_badly("report broken", 1, words);
  };
  refuse_routing("\"one\": {\"examples\": 1, \"sites\": {\"s\": [1]}}", "1 weights, not one for each of the 2 experts");
  refuse_routing("\"one\": {\"sites\": {}}", "the key \"examples\" is missing");
  BOOST_TEST(!fs::exists(scratch() / "broken/report.html"));
}
