// Pages whose commands readers copy: every block is run, in the order of the page. And the page that trace makes.
#include <algorithm>
#include <cmath>
#include <map>

#include "program.hpp"

using namespace program;

namespace {

/// The ```sh blocks of a page, one after the other.
std::string commands_of(const fs::path& page) {
  std::istringstream text(read(page));
  std::string commands;
  bool inside = false;
  for (std::string line; std::getline(text, line);) {
    if (line == "```sh" || (inside && line == "```"))
      inside = !inside;
    else if (inside)
      commands += line + '\n';
  }
  return commands;
}

int run_commands(const std::string& commands) {
  write(scratch() / "page" / "commands.sh",
        "set -eu\nPATH=" + fs::path(ANSER_PROGRAM).parent_path().string() + ":$PATH\n" + commands);
  const int status =
      std::system(("cd " + (scratch() / "page").string() + " && sh commands.sh >said 2>complained").c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/// Everything between two marks, each time.
std::vector<std::string> between(const std::string& text, const std::string& begin, const std::string& end) {
  std::vector<std::string> found;
  for (std::size_t at = 0; (at = text.find(begin, at)) != text.npos;) {
    at += begin.size();
    const auto stop = text.find(end, at);
    BOOST_TEST_REQUIRE((stop != text.npos), begin << " is not ended by " << end);
    found.push_back(text.substr(at, stop - at));
  }
  return found;
}

/// The numbers in a heat map's cells, sorted.
std::vector<int> cells(const std::string& map) {
  std::vector<int> numbers;
  for (const auto& group : between(map, "<g font-size=\"9\"", "</g>"))
    for (const auto& text : between(group, "<text", "</text>"))
      numbers.push_back(std::stoi(text.substr(text.find('>') + 1)));
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

constexpr const char* asked =
    "{\"input\": \"the red fish & co\", \"target\": \"cold water\"}\n"
    "{\"input\": \"seven </script> two\", \"target\": \"nine\"}\n";
constexpr const char* choices =
    "{\"input\": \"the red fish & co\", \"choices\": [\"cold water\"]}\n"
    "{\"input\": \"seven </script> two\", \"choices\": [\"nine\"]}\n";

/// The log-likelihoods of the two targets, as `score` tells them.
std::vector<double> likelihoods(const std::string& options) {
  write(scratch() / "two-choices.jsonl", choices);
  std::vector<double> scores;
  for (const auto& line : lines(run_well("score " + options + " --batch-size 1 --input two-choices.jsonl")))
    scores.push_back(line.at("scores").items()[0].real());
  return scores;
}

/// The lines of trace --leave-one-out that are about whole inputs.
std::vector<anser::Json> worths(const std::string& options) {
  write(scratch() / "two.jsonl", asked);
  std::vector<anser::Json> found;
  for (auto& line : lines(run_well("trace " + options + " --leave-one-out --input two.jsonl")))
    if (line.has("without")) found.push_back(std::move(line));
  BOOST_TEST_REQUIRE(found.size() == 2u);
  return found;
}

}  // namespace

BOOST_AUTO_TEST_CASE(from_a_jsonl_file_to_an_expert_in_a_pool) {
  const auto commands = commands_of(fs::path(ANSER_DOCS) / "first_expert.md");
  for (const std::string block :
       {"anser demo", "food.jsonl", "train expert", "--resume", "train gate", "pool check", "trace", "score"})
    BOOST_TEST(commands.find(block) != commands.npos, block);
  BOOST_TEST(run_commands(commands) == 0, read(scratch() / "page/complained"));
  const auto folder = scratch() / "page/first/pool/food";
  for (const std::string file : {"adapter_config.json", "adapter_model.safetensors", "expert.json", "gate.safetensors",
                                 "training/metrics.jsonl", "training/loss.svg", "training/settings.json"})
    BOOST_TEST(fs::exists(folder / file), file);
  BOOST_TEST(read(scratch() / "page/said").find("9 LORA experts, 9 with gates: no problems") != std::string::npos,
             read(scratch() / "page/said"));
  // What the page promises of the expert: it knows the answer better than the model does.
  const auto score = [&](const std::string& router) {
    return anser::parse_json(read(scratch() / "page" / (router + ".jsonl")), router).at("scores").items()[0].real();
  };
  BOOST_TEST(score("uniform") > score("none"));
}

BOOST_AUTO_TEST_CASE(the_same_in_cpp) {
  write(scratch() / "cpp.jsonl", read(scratch() / "page/food.jsonl"));
  const std::string command = ANSER_EXAMPLE_TRAIN_EXPERT + (" " + (demo() / "model").string()) + " cpp.jsonl own/mine";
  for (const int expected : {0, 0})  // the second goes on from the first, which has nothing left to do
    BOOST_TEST(WEXITSTATUS(std::system(("cd " + scratch().string() + " && " + command + " >cpp.out 2>&1").c_str())) ==
                   expected,
               read(scratch() / "cpp.out"));
  run_well("pool check own --model " + (demo() / "model").string() + " || true");
  BOOST_TEST(run_well("pool list own").find("mine") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_page_shows_what_the_lines_say) {
  write(scratch() / "two.jsonl", asked);
  const auto traced = lines(run_well("trace " + demo_pool() + "--input two.jsonl"));
  run_well("trace " + demo_pool() + "--leave-one-out --input two.jsonl --output two.html");
  const auto page = read(scratch() / "two.html");
  for (const std::string outside : {"http", "src=", "<link", "@import", "url("})
    BOOST_TEST(page.find(outside) == page.npos, outside);
  const auto maps = between(page, "<svg", "</svg>");
  BOOST_TEST_REQUIRE(maps.size() == 6u);  // sites, the mean of both inputs, and a chart and tokens of each
  std::map<std::string, std::map<std::string, double>> of_site, of_token;
  std::map<std::string, double> tokens, sites;
  for (const auto& line : traced) {
    const auto experts = line.at("experts").items(), weights = line.at("weights").items();
    const bool source = line.text("stack") == "encoder" || line.text("site").ends_with("EncDecAttention.k") ||
                        line.text("site").ends_with("EncDecAttention.v");
    for (std::size_t t = 0; t < experts.size(); ++t) {
      const std::string token = (source ? "read " : "written ") + std::to_string(t);
      ++tokens[line.text("site")];
      if (line.text("input") == traced[0].text("input")) ++sites[token];
      for (std::size_t i = 0; i < 2; ++i) {
        const auto name = experts[t].items()[i].text();
        of_site[line.text("site")][name] += weights[t].items()[i].real();
        if (line.text("input") == traced[0].text("input")) of_token[token][name] += weights[t].items()[i].real();
      }
    }
  }
  const auto expected = [](const auto& shares, const auto& counts) {
    std::vector<int> numbers;
    for (const auto& [row, of] : shares)
      for (const auto& [name, sum] : of)
        if (const double share = 100 * sum / counts.at(row); share >= 0.5) numbers.push_back(int(std::lround(share)));
    std::sort(numbers.begin(), numbers.end());
    return numbers;
  };
  const auto alike = [](const std::vector<int>& a, const std::vector<int>& b) {  // but for halves
    BOOST_TEST_REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) BOOST_TEST(std::abs(a[i] - b[i]) <= 1);
  };
  alike(cells(maps[0]), expected(of_site, tokens));
  alike(cells(maps[3]), expected(of_token, sites));
  for (const auto& map : maps) {
    BOOST_TEST(map.find("<title>") != map.npos);
    BOOST_TEST(map.find("8 weather") != map.npos);
  }
  for (const std::string word : {">mean weight, %<", ">site<", ">expert<", ">encoder, block 0<", ">self q<"})
    BOOST_TEST(maps[0].find(word) != maps[0].npos, word);
  BOOST_TEST(maps[1].find("change of the log-likelihood per token") != maps[1].npos);
  BOOST_TEST(page.find("<h2>the red fish &amp; co</h2>") != page.npos);
  BOOST_TEST(between(page, "<script", "</script>").size() == 2u);  // none of them ended by an input
  // Without --leave-one-out there is no chart; a router that gives all to one gives it all of every cell.
  run_well("trace " + demo_pool() + "--router single --expert dates --input two.jsonl --output one.html");
  const auto single = between(read(scratch() / "one.html"), "<svg", "</svg>");
  BOOST_TEST_REQUIRE(single.size() == 3u);
  for (const int number : cells(single[0])) BOOST_TEST(number == 100);
  BOOST_TEST(cells(single[0]).size() == 2u * 7 + 2 * 11);
}

BOOST_AUTO_TEST_CASE(an_expert_left_out_is_one_that_is_not_there) {
  for (const std::string router : {"phatgoose", "uniform", "arrow"}) {
    const auto with = demo_pool() + "--router " + router;
    const auto whole = likelihoods(with);
    const auto told = worths(with);
    const auto names = told[0].at("without").keys();
    BOOST_TEST_REQUIRE(names.size() == 8u);
    double most = 0;
    for (std::size_t i = 0; i < 2; ++i) BOOST_CHECK_SMALL(told[i].real("log_likelihood") - whole[i], 1e-4);
    for (const std::string& name : {names[0], names[5]}) {
      const auto without = likelihoods(with + " --deny " + name);
      for (std::size_t i = 0; i < 2; ++i) {
        BOOST_CHECK_SMALL(told[i].at("without").real(name) - without[i], 1e-4);
        most = std::max(most, std::abs(without[i] - whole[i]));
      }
    }
    BOOST_TEST(most > 1e-2, router << ": leaving these out changes nothing");
  }
  BOOST_TEST(worths(demo_pool() + "--router none")[1].text("target") == "nine");
}

BOOST_AUTO_TEST_CASE(who_was_chosen_outside_gives_way) {
  // The one expert: then nobody is heard.
  const auto alone = likelihoods(demo_model()), whole = likelihoods(demo_pool() + "--router single --expert dates");
  const auto told = worths(demo_pool() + "--router single --expert dates");
  for (std::size_t i = 0; i < 2; ++i) {
    BOOST_CHECK_SMALL(told[i].at("without").real("dates") - alone[i], 1e-4);
    BOOST_CHECK_SMALL(told[i].at("without").real("french") - whole[i], 1e-4);
  }
  // The owner of the nearest text: then the owner of the next.
  fs::copy(demo() / "pool", scratch() / "near", fs::copy_options::recursive);
  int n = 0;
  for (const auto& name : told[0].at("without").keys()) {
    write(scratch() / "own.jsonl", "{\"input\": \"the cat " + std::string(std::size_t(++n), 'a') + "\"}\n");
    run_well("pool embeddings near --encoder " + golden("bert/model") + " --data own.jsonl --expert " + name);
  }
  const std::string near =
      demo_model() + "--pool near --router retrieval --router-option encoder=" + golden("bert/model");
  const auto all = likelihoods(near);
  const auto owners = worths(near);
  for (std::size_t i = 0; i < 2; ++i) {
    int moved = 0;
    for (const auto& name : owners[i].at("without").keys()) {
      const auto without = likelihoods(near + " --deny " + name);
      BOOST_CHECK_SMALL(owners[i].at("without").real(name) - without[i], 1e-4);
      moved += std::abs(without[i] - all[i]) > 1e-3;
    }
    BOOST_TEST(moved == 1);  // the owner
  }
  // Trained with its pool as a whole: refused before any work.
  write(scratch() / "two.jsonl", asked);
  run_well("train joint " + demo_model() + "--data two.jsonl --steps 1 --batch 2 --experts 2 --output whole");
  run_badly("trace " + demo_model() + "--pool whole --router random --leave-one-out --input two.jsonl", 1,
            "the router random was trained with its pool as a whole");
  run_badly("trace " + demo_model() + "--pool whole --router smear --leave-one-out --input two.jsonl", 1,
            "the router smear was trained with its pool as a whole");
}
