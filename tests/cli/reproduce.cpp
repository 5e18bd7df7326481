// anser reproduce: steps that are remembered, taken up again, and told of when they fail. What is learned here is
// nothing; tests/miniature asks for that.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "program.hpp"

using namespace program;

namespace {

/// A recipe of seconds, with other settings behind it.
std::string brief_with(const std::string& seeds, int gate_steps, const std::string& least_copying) {
  return "reproduce phatgoose --base-steps 12 --expert-steps 3 --multitask-steps 2 --train-lines 20 --held-in-lines 3 "
         "--held-out-lines 3 --rank 2 --seeds " +
         seeds + " --gate-steps " + std::to_string(gate_steps) + " --least-copying " + least_copying + ' ';
}
const std::string brief = brief_with("100", 2, "0"), longer_gates = brief_with("100", 3, "0");

/// A run that was never stopped, made once.
const fs::path& whole() {
  static const fs::path folder = [] {
    const auto said = run_well(brief + "--jobs 2 --output miniature");
    for (const std::string words : {"PHATGOOSE in miniature, 1 seed", "held-out EM", "retrieval-bow", "multitask"})
      BOOST_TEST(said.find(words) != said.npos, said);
    return scratch() / "miniature";
  }();
  return folder;
}

/// The steps that a run did, by its lines on stderr.
std::vector<std::string> steps_done(const std::string& err) {
  std::vector<std::string> names;
  std::istringstream in(err);
  for (std::string line; std::getline(in, line);)
    if (const auto at = line.find(": seed-100/"); at != line.npos)
      names.push_back(line.substr(at + 11, line.find(',', at) - at - 11));
  return names;
}

/// Starts the program, sends it a signal after so long, and tells how it ended.
int signal_after(const std::string& arguments, int signal, std::chrono::milliseconds time) {
  const pid_t child = fork();
  if (child == 0) {
    const std::string command = "exec " ANSER_PROGRAM " " + arguments + " >/dev/null 2>signalled.txt";
    if (chdir(scratch().c_str()) == 0) execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  std::this_thread::sleep_for(time);
  kill(child, signal);
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

}  // namespace

BOOST_AUTO_TEST_CASE(results_have_every_method_and_task) {
  const auto results = anser::read_json((whole() / "results.json").string());
  BOOST_TEST((results.at("methods").keys() ==
              std::vector<std::string>{"none", "multitask", "single", "oracle", "retrieval", "retrieval-bow", "uniform",
                                       "average-activation", "arrow", "spectr", "phatgoose"}));
  for (const auto& method : results.at("methods").keys()) {
    const auto m = results.at("methods").at(method);
    BOOST_TEST(m.at("tasks").keys().size() == 21u);
    for (const std::string group : {"held_in", "held_out"})
      for (const std::string metric : {"exact_match", "token_accuracy"})
        BOOST_TEST(m.at(group).at(metric).items().size() == 1u);
  }
  BOOST_TEST(results.texts("mixed_tasks").size() == 7u);
  BOOST_TEST(results.texts("best_individual").size() == 1u);
  BOOST_TEST(results.at("oracle").texts("CARD") == std::vector<std::string>{"CARD"});
  for (const std::string file : {"report.html", "routing.json", "commands.txt"})
    BOOST_TEST(fs::exists(whole() / file), file);
  BOOST_TEST(results.at("tasks").at("recipe").text("group") == "held_out");
  for (const std::string file :
       {"data/held_in/CARD.jsonl", "data/held_out/recipe.jsonl", "base/model.safetensors",
        "base/training/metrics.jsonl", "experts/FR/gate.safetensors", "experts/FR/activations.safetensors",
        "experts/FR/training/metrics.jsonl", "experts/FR/training-gate/metrics.jsonl"})
    BOOST_TEST(fs::exists(whole() / "seed-100" / file), file);
}

BOOST_AUTO_TEST_CASE(single_and_oracle_are_the_best_by_what_experts_got_alone) {
  const auto here = whole() / "seed-100/scores";
  // Of 3 x 12 steps nobody has a line right: words decide.
  std::map<std::string, std::map<std::string, double>> words;  // by task and expert
  for (const auto& file : fs::directory_iterator(here)) {
    const auto scores = anser::read_json(file.path().string()).at("scores");
    for (const auto& method : scores.keys())
      if (method.starts_with("single/") && method != "single/all")  // which is multitask
        for (const auto& task : scores.at(method).keys()) {
          double sum = 0;
          const auto values = scores.at(method).at(task).at("token_accuracy").items();
          for (const auto& v : values) sum += v.real();
          for (const auto& v : scores.at(method).at(task).at("exact_match").items()) BOOST_TEST(v.real() == 0);
          words[task][method.substr(7)] = sum / double(values.size());
        }
  }
  BOOST_REQUIRE(words.size() == 21u);
  const auto results = anser::read_json((whole() / "results.json").string());
  const auto value = [&](const std::string& method, const std::string& task) {
    return results.at("methods").at(method).at("tasks").at(task).at("token_accuracy").items().at(0).real();
  };
  const auto best = results.texts("best_individual").at(0);
  std::map<std::string, double> sums;
  for (const auto& [task, by_expert] : words) {
    BOOST_TEST(by_expert.size() == 10u);
    const bool held_in = by_expert.contains(task);
    double most = 0;
    for (const auto& [expert, share] : by_expert) {
      if (!held_in) sums[expert] += share;
      most = std::max(most, share);
    }
    BOOST_TEST(std::abs(value("oracle", task) - (held_in ? by_expert.at(task) : most)) < 1e-9, task);
    BOOST_TEST(std::abs(value("single", task) - by_expert.at(best)) < 1e-9, task);
  }
  for (const auto& [expert, sum] : sums) BOOST_TEST(sum <= sums.at(best) + 1e-9, expert);
}

BOOST_AUTO_TEST_CASE(retrieval_asks_whose_line_is_nearest) {
  const auto make = [](const std::string& folder, const std::string& name, const std::vector<std::string>& lines) {
    std::string text;
    for (const auto& line : lines) text += "{\"input\": \"" + line + "\", \"target\": \"-\"}\n";
    fs::create_directories(scratch() / folder);
    write(scratch() / folder / (name + ".jsonl"), text);
  };
  // "old" stands in most lines and says little, "boat" in one: by counts alone CARD would own "old boat". A line that
  // says "door" twice among other words is no nearer to "door" than the word itself.
  for (const std::string expert : {"MONTH", "UNIT", "STATE", "CUR", "CHAT"})
    make("nearest", expert, {"old door", "Anna found old cups"});
  make("nearest", "TITLE", {"door", "Anna found old cups"});
  make("nearest", "CARD", {"old old old", "Grace saw 3 keys"});
  make("nearest", "DAY", {"boat lamp quiet old", "Mon Tue"});
  make("nearest", "FR", {"Ben sold pomme", "sugar water tea"});
  make("nearest", "ORD", {"door door garden garden", "Henry lost 2nd phone"});
  make("questions", "same", {"Grace saw 3 keys", "Ben sold pomme", "Mon Tue", "Henry lost 2nd phone"});
  make("questions", "weighed", {"old boat", "door"});
  whole();
  run_well(
      "reproduce measure --model miniature/seed-100/base --pool miniature/seed-100/experts --tasks questions --routers "
      "none "
      "--nearest nearest --output chosen.json");
  const auto chosen = anser::read_json((scratch() / "chosen.json").string()).at("chosen");
  const std::vector<std::string> owners{"CARD", "FR", "DAY", "ORD"};
  for (const std::string method : {"retrieval", "retrieval-bow"}) BOOST_TEST(chosen.at(method).texts("same") == owners);
  BOOST_TEST((chosen.at("retrieval-bow").texts("weighed") == std::vector<std::string>{"DAY", "TITLE"}));
}

BOOST_AUTO_TEST_CASE(any_number_of_jobs_gives_the_same_bytes) {
  run_well(brief + "--jobs 3 --output three-jobs");
  for (const std::string file : {"results.json", "routing.json", "commands.txt"})
    BOOST_TEST(read(scratch() / "three-jobs" / file) == read(whole() / file), file);
}

BOOST_AUTO_TEST_CASE(steps_that_were_done_are_passed_over) {
  const auto results = read(whole() / "results.json");
  fs::copy(whole(), scratch() / "anew", fs::copy_options::recursive);
  const auto again = run(brief + "--output anew");
  BOOST_TEST(again.status == 0, again.err);
  BOOST_TEST(steps_done(again.err).empty(), again.err);
  BOOST_TEST(read(scratch() / "anew/results.json") == results);
  // Another setting: what depends on it alone. A file that was changed: its step, and what read it.
  const auto other = run(longer_gates + "--output anew");
  BOOST_TEST(other.status == 0, other.err);
  BOOST_TEST(steps_done(other.err).size() == 10 + 2, other.err);
  fs::remove(scratch() / "anew/seed-100/experts/FR/adapter_model.safetensors");
  const auto one = steps_done(run(longer_gates + "--output anew").err);
  BOOST_TEST((one == std::vector<std::string>{"experts/FR"}));  // the same bits again: nothing else is to be done
}

BOOST_AUTO_TEST_CASE(a_run_that_was_stopped_goes_on_to_the_same_results) {
  for (const int time : {150, 400, 800, 1500}) {
    const int status = signal_after(brief + "--jobs 2 --output stopped", time == 800 ? SIGKILL : SIGTERM,
                                    std::chrono::milliseconds(time));
    // Children of the one that was killed end by themselves, and hold their folders until then.
    if (WIFSIGNALED(status)) std::this_thread::sleep_for(std::chrono::seconds(2));
    if (WIFSIGNALED(status) || WEXITSTATUS(status) == 0) continue;
    const auto said = read(scratch() / "signalled.txt");
    BOOST_TEST(said.find("anser: error: stopped by a signal, and saved; the same command goes on") != said.npos, said);
  }
  run_well(brief + "--jobs 2 --output stopped");
  BOOST_TEST(read(scratch() / "stopped/results.json") == read(whole() / "results.json"));
}

BOOST_AUTO_TEST_CASE(sweeps_vary_one_setting) {
  fs::copy(whole(), scratch() / "sweeps", fs::copy_options::recursive);
  const auto said = run_well(brief + "--sweep top-k,pool-size,rank --output sweeps");
  BOOST_TEST(said.find("pool-size  method") != said.npos, said);
  const auto sweeps = anser::read_json((scratch() / "sweeps/results.json").string()).at("sweeps");
  BOOST_TEST((sweeps.keys() == std::vector<std::string>{"top-k", "pool-size", "rank"}));
  BOOST_TEST((sweeps.at("top-k").keys() == std::vector<std::string>{"1", "2", "4", "10"}));
  BOOST_TEST((sweeps.at("pool-size").keys() == std::vector<std::string>{"2", "4", "6", "8", "10"}));
  BOOST_TEST((sweeps.at("rank").keys() == std::vector<std::string>{"2", "4", "8", "16"}));
  BOOST_TEST(
      (sweeps.at("top-k").at("4").keys() == std::vector<std::string>{"arrow", "average-activation", "phatgoose"}));
  // What was varied is what was used.
  const auto inspected = run_well("inspect sweeps/seed-100/pools/rank-4/FR");
  BOOST_TEST(inspected.find("rank         4") != inspected.npos, inspected);
  const auto commands = read(scratch() / "sweeps/commands.txt");
  for (const std::string words : {"--allow CARD,ORD --top-k 2", "--top-k 10 "})
    BOOST_TEST(commands.find(words) != commands.npos, commands);
  const auto page = read(scratch() / "sweeps/report.html");
  BOOST_TEST(page.find("What the settings do") != page.npos);
}

BOOST_AUTO_TEST_CASE(experts_under_other_gates) {
  const auto gates = whole() / "seed-100/experts/FR";
  run_well("reproduce gates --experts miniature/seed-100/experts --output untrained");
  BOOST_TEST(read(scratch() / "untrained/FR/adapter_model.safetensors") == read(gates / "adapter_model.safetensors"));
  const auto zeros = read(scratch() / "untrained/FR/gate.safetensors"), trained = read(gates / "gate.safetensors");
  const auto is_zero = [](char c) { return c == 0; };
  const auto numbers = [](const std::string& file) { return file.begin() + std::ptrdiff_t(file.size() / 2); };
  BOOST_TEST(std::all_of(numbers(zeros), zeros.end(), is_zero));
  BOOST_TEST(!std::all_of(numbers(trained), trained.end(), is_zero));
  run_well("reproduce gates --experts untrained --gates miniature/seed-100/experts --output back");
  BOOST_TEST(read(scratch() / "back/FR/gate.safetensors") == trained);
  run_badly("reproduce gates --experts untrained --gates nowhere --output x", 1, "gate.safetensors");
}

BOOST_AUTO_TEST_CASE(the_full_scale_measures_a_pool_of_ones_own) {
  const std::string own =
      "--model miniature/seed-100/base --pool miniature/seed-100/experts --tasks miniature/seed-100/data ";
  whole();
  const auto said = run_well("reproduce phatgoose --scale full " + own + "--output of-a-pool");
  BOOST_TEST(said.find("PHATGOOSE, held out, 1 seed: means in %") != said.npos, said);
  const auto results = anser::read_json((scratch() / "of-a-pool/results.json").string());
  BOOST_TEST(
      (results.at("methods").keys() == std::vector<std::string>{"none", "single", "oracle", "uniform", "phatgoose",
                                                                "average-activation", "arrow", "spectr"}));
  BOOST_TEST(results.text("scale") == "full");
  const auto again = run("reproduce phatgoose --scale full " + own + "--output of-a-pool");
  BOOST_TEST(again.status == 0, again.err);
  BOOST_TEST(again.err.find("scores/") == again.err.npos, again.err);
  // What a step warns of is said, once.
  fs::copy(whole() / "seed-100/experts", scratch() / "others", fs::copy_options::recursive);
  for (const auto& expert : fs::directory_iterator(scratch() / "others")) {
    std::string about = read(expert.path() / "expert.json");
    const auto at = about.find("\"base_hash\"");
    BOOST_REQUIRE(at != about.npos);
    const auto hash = about.find(": \"", at) + 3;
    write(expert.path() / "expert.json", about.replace(hash, 64, std::string(64, '0')));
  }
  const auto warned =
      run("reproduce phatgoose --scale full --without-single --model miniature/seed-100/base --pool others "
          "--tasks miniature/seed-100/data --limit 1 --output warned");
  BOOST_TEST(warned.status == 0, warned.err);
  std::multiset<std::string> warnings;
  std::istringstream said_lines(warned.err);
  for (std::string line; std::getline(said_lines, line);)
    if (line.find("was trained on another base model") != line.npos) warnings.insert(line);
  BOOST_TEST(!warnings.empty(), warned.err);
  for (const auto& line : warnings) BOOST_TEST(warnings.count(line) == 1u, line);
  fs::rename(scratch() / "others/FR", scratch() / "others/a,b");
  run_badly(
      "reproduce phatgoose --scale full --model miniature/seed-100/base --pool others --tasks miniature/seed-100/data "
      "--output comma",
      1, "has a comma");
  run_badly("reproduce phatgoose --scale full " + own + "--output miniature/seed-100/data/out", 1,
            "lies in miniature/seed-100/data, which is read");
  run_badly("reproduce phatgoose --scale full --output bare", 1, "--scale full needs --model DIR");
  run_badly("reproduce phatgoose --scale full " + own + "--seeds 1,2 --output bare", 1, "--scale full trains nothing");
  run_badly("reproduce phatgoose --scale full " + own + "--sweep rank --output bare", 1, "--sweep is of --scale mini");
  run_badly("reproduce phatgoose " + own + "--output bare", 1, "--model is of --scale full");
}

BOOST_AUTO_TEST_CASE(another_family_of_words) {
  write(scratch() / "words.json", R"({"categories": {"any": ["the", "of", "and"]},
    "kinds": {"capital": {"France": "Paris", "Spain": "Madrid", "Peru": "Lima"},
              "past": {"go": "went", "see": "saw", "do": "did"}},
    "generic": ["{any}", "{any} {any}"],
    "held_in": {"capital": ["{capital}", "{capital} {any}"], "past": ["{past}", "{any} {past}"]},
    "held_out": {"both": ["{capital} {any} {past} {any}", "{past} {any} {any} {capital}"]}, "held_out_mixed": ["both"],
    "held_out_single": []})");
  const auto said =
      run_well(brief_with("100", 2, "0") + "--words words.json --sweep gate-steps,pool-size,top-k --output words");
  BOOST_TEST(said.find("mixed EM") != said.npos, said);
  const auto results = anser::read_json((scratch() / "words/results.json").string());
  const auto sweeps = results.at("sweeps");
  BOOST_TEST((sweeps.at("gate-steps").keys() == std::vector<std::string>{"0", "2", "25", "100", "400"}));
  BOOST_TEST((sweeps.at("pool-size").keys() == std::vector<std::string>{"2"}));
  BOOST_TEST((sweeps.at("top-k").keys() == std::vector<std::string>{"1", "2"}));
  const auto here = scratch() / "words/seed-100";
  for (const std::string steps : {"25", "400"})
    BOOST_TEST(read(here / ("pools/gate-steps-" + steps) / "past/gate.safetensors") ==
               read(here / ("gates-" + steps) / "past/gate.safetensors"));
  run_badly(brief + "--output words", 1, "words holds another experiment");
  BOOST_TEST((results.at("oracle").keys() == std::vector<std::string>{"both", "capital", "past"}));
  write(scratch() / "wrong.json",
        R"({"categories": {"any": ["a"]}, "kinds": {"k": {"x": "y"}, "l": {"v": "w"}}, "generic": ["{none}"],
    "held_in": {"k": ["{k}"]}, "held_out": {}, "held_out_mixed": [], "held_out_single": []})");
  run_badly(brief_with("100", 2, "0") + "--words wrong.json --output wrong", 1, "there are no words for {none}");
  const std::string lists = read(scratch() / "words.json");
  const auto refused = [&](const std::string& part, const std::string& by, const std::string& message) {
    std::string text = lists;
    const auto at = text.find(part);
    BOOST_REQUIRE(at != text.npos);
    write(scratch() / "wrong.json", text.replace(at, part.size(), by));
    run_badly(brief_with("100", 2, "0") + "--words wrong.json --output wrong", 1, message);
  };
  refused("[\"the\", \"of\", \"and\"]", "[]", "any is empty");
  refused("\"go\"", "\"France\"", "\"France\" stands in another kind, too");
  refused("\"both\": [", "\"../both\": [", "cannot be a name");
  refused("\"both\": [", "\"past\": [", "is a kind's name, too");
  refused("\"France\"", "\"New York\"", "is not one word");
  refused("\"{capital} {any}\"", "\"{capital}  {any}\"", "two blanks in a row");
  // Few words make few lines: an end, and not a search without one.
  run_badly(
      "reproduce data --base-lines 10 --train-lines 10 --held-in-lines 3 --held-out-lines 9000 --words words.json "
      "--output few",
      1, "are asked for");
}

BOOST_AUTO_TEST_CASE(smear_has_every_joint_routing) {
  const std::string few =
      "reproduce smear --base-steps 6 --steps 2 --large-lines 10 --small-lines 4 --test-lines 3 --least-copying 0 "
      "--seeds 100 ";
  const auto said = run_well(few + "--jobs 2 --output smear");
  BOOST_TEST(said.find("SMEAR in miniature, 1 seed") != said.npos, said);
  const auto results = anser::read_json((scratch() / "smear/results.json").string());
  BOOST_TEST((results.at("methods").keys() ==
              std::vector<std::string>{"none", "1x-compute", "hash", "tag", "top1", "st-gumbel", "reinforce",
                                       "dselect-k", "latent-skills", "adamix", "ensemble", "1x-parameters", "smear"}));
  BOOST_TEST(results.at("methods").at("smear").at("tasks").keys().size() == 8u);
  BOOST_TEST(fs::exists(scratch() / "smear/report.html"));
  run_well(few + "--jobs 1 --output smear-alone");
  BOOST_TEST(read(scratch() / "smear-alone/results.json") == read(scratch() / "smear/results.json"));
}

BOOST_AUTO_TEST_CASE(smear_at_full_scale_learns_tasks_of_ones_own) {
  run_well(
      "reproduce smear-data --seed 100 --base-lines 64 --large-lines 10 --small-lines 4 --test-lines 3 --output "
      "own-lines");
  run_well(
      "train full --config own-lines/config.json --vocab own-lines/tokenizer.json --data own-lines/base.jsonl --steps "
      "1 --batch 4 "
      "--output "
      "own-base");
  std::string experts = "{";
  for (const std::string task : {"after", "clock", "count", "next", "order", "rank", "read", "roman"})
    experts += (experts.size() > 1 ? ", \"" : "\"") + task + "\": \"expert-03\"";
  write(scratch() / "own-experts.json", experts + "}");
  const std::string own =
      "reproduce smear --scale full --model own-base --data own-lines/train --tasks own-lines/data ";
  const std::string full = own +
                           "--methods none,tag,1x-parameters,smear --tasks-to-experts own-experts.json "
                           "--experts 11 --steps 2 --batch 4 --micro-batch 2 --seeds 1,2 --output own-full";
  const auto said = run_well(full);
  BOOST_TEST(said.find("SMEAR, held in, 2 seeds") != said.npos, said);
  const auto results = anser::read_json((scratch() / "own-full/results.json").string());
  BOOST_TEST((results.at("methods").keys() == std::vector<std::string>{"none", "tag", "1x-parameters", "smear"}));
  BOOST_TEST(results.text("scale") == "full");
  const auto settings = results.at("settings");
  BOOST_TEST(settings.at("bottleneck").real() == 2);  // 64 / 32
  BOOST_TEST(settings.at("data").keys().size() == 8u);
  BOOST_TEST(settings.at("questions").text("rank").size() == 64u);
  BOOST_TEST(settings.at("tasks_to_experts").text("rank") == "expert-03");
  const std::string commands = read(scratch() / "own-full/commands.txt");
  BOOST_TEST(commands.find("--experts 1 --bottleneck 22 ") != commands.npos, commands);
  BOOST_TEST(fs::exists(scratch() / "own-full/seed-2/pools/smear/expert-10/adapter_model.safetensors"));
  BOOST_TEST(read(scratch() / "own-full/seed-2/pools/tag/router.json").find("expert-03") != std::string::npos);

  const auto again = run(full);
  BOOST_TEST(again.status == 0, again.err);
  BOOST_TEST(again.err.find(": seed-") == again.err.npos, again.err);
  // What is asked is no reason to train again; a task that nobody learned is one to leave out who goes by tasks.
  write(scratch() / "own-lines/data/held_out/new.jsonl", "{\"input\": \"7 cups\", \"target\": \"7 cups\"}\n");
  run_badly(full, 1, "tag goes by the task of each line");
  run_well(own + "--experts 2 --steps 1 --batch 4 --micro-batch 2 --output own-all");
  const auto all = anser::read_json((scratch() / "own-all/results.json").string());
  BOOST_TEST(all.at("methods").keys().size() == 11u);
  BOOST_TEST(!all.at("methods").has("tag"));
  BOOST_TEST(all.texts("left_out").size() == 2u);
  BOOST_TEST(all.at("methods").at("smear").at("held_out").at("exact_match").items().size() == 1u);
  write(scratch() / "own-lines/data/held_out/new.jsonl", "{\"input\": \"8 cups\", \"target\": \"8 cups\"}\n");
  const auto asked = run(own + "--experts 2 --steps 1 --batch 4 --micro-batch 2 --output own-all");
  BOOST_TEST(asked.status == 0, asked.err);
  BOOST_TEST(asked.err.find("/scores/smear") != asked.err.npos, asked.err);
  BOOST_TEST(asked.err.find("/pools/") == asked.err.npos, asked.err);

  run_badly("reproduce smear --scale full --output bare", 1, "--scale full needs --model DIR");
  run_badly(own + "--base-steps 3 --output bare", 1, "--base-steps is of --scale mini");
  run_badly("reproduce smear --data own-lines/train --output bare", 1, "--data is of --scale full");
  run_badly(own + "--batch 100 --output bare", 1, "--micro-batch 16 does not divide --batch 100");
  fs::remove(scratch() / "own-lines/data/held_out/new.jsonl");
  write(scratch() / "own-wrong.json", "{\"count\": \"expert-9\"}");
  run_badly(own + "--tasks-to-experts own-wrong.json --methods tag --output bare", 1,
            "the task \"after\" is not in it");
  run_badly(own + "--experts 32 --bottleneck 4096 --methods 1x-parameters --output bare", 1,
            "131072, and 65536 is the most");
  run_badly(own + "--methods smear --tasks-to-experts own-experts.json --output bare", 1, "is of the method tag");
  const std::string other =
      "reproduce smear --scale full --model own-base --tasks own-lines/data --methods none --output bare ";
  run_badly(other + "--data own-lines/data", 1, "own-lines/data holds no .jsonl");
  run_badly(other + "--data nowhere", 1, "nowhere: No such file or directory; --data names a directory");
}

BOOST_AUTO_TEST_CASE(steps_that_fail) {
  run_badly(brief_with("100", 2, "0.85") + "--output poor", 1, "seed-100: the base copies 0.0 % of fresh lines");
  fs::copy(whole(), scratch() / "failing", fs::copy_options::recursive);
  fs::remove_all(scratch() / "failing/seed-100/scores");
  write(scratch() / "failing/seed-100/scores", "a file where a folder should be");
  run_badly(brief + "--output failing", 1, "failing/steps/seed-100/scores/");
  run_badly(brief_with("1,1", 2, "0") + "--output twice", 1, "--seeds: 1 is named twice");
  run_badly("reproduce smear --scale large --output x", 2, "--scale");
  fs::create_directories(scratch() / "mine/seed-100/base");
  write(scratch() / "mine/seed-100/base/notes.txt", "precious");
  run_badly(brief + "--output mine", 1, "mine holds seed-100, and no experiment");
  BOOST_TEST(read(scratch() / "mine/seed-100/base/notes.txt") == "precious");
  run_badly("reproduce", 2, "a command is missing");
}
