// anser eval: routers measured on tasks.
#include <anser/io/tokenizer.hpp>

#include <algorithm>
#include <cmath>

#include "program.hpp"

using namespace program;

namespace {

anser::Json results(const std::string& path) { return anser::parse_json(read(scratch() / path), path); }

anser::Json methods(const std::string& options, const std::string& path = "measured/results.json") {
  run_well("eval " + options + " --threads 1 --output " + path);
  return results(path).at("methods");
}

double value(const anser::Json& metrics, const std::string& metric) {
  const auto values = metrics.at(metric).items();
  BOOST_REQUIRE_EQUAL(values.size(), 1u);
  return values[0].real();
}

std::vector<std::string> experts() {
  std::vector<std::string> all;
  for (const auto& entry : fs::directory_iterator(demo() / "pool")) all.push_back(entry.path().filename().string());
  std::sort(all.begin(), all.end());
  return all;
}

const char* const words[] = {"fish", "butter", "nine", "wind", "red", "Athens", "cold", "seven", "rain", "and"};

std::string question(int i) {
  std::string text = words[i % 10];
  for (int j = 0; j < i % 7; ++j) text += std::string(" ") + words[(i * 3 + j * 7) % 10];
  return text;
}

/// Tasks of 23 questions: answers that the demo's pool itself gives with --max-new-tokens 6 for every second one, and
/// multiple choice.
const std::string& tasks() {
  static const std::string folder = [] {
    std::string asked, choices;
    for (int i = 0; i < 23; ++i) {
      asked += "{\"input\": \"" + question(i) + "\", \"task\": \"t" + std::to_string(i % 2) + "\"}\n";
      choices += "{\"input\": \"" + question(i) +
                 "\", \"choices\": [\"cold\", \"two fish\", \"rain\"], \"label\": " + std::to_string(i % 3) +
                 ", \"task\": \"t" + std::to_string(i % 2) + "\"}\n";
    }
    write(scratch() / "measured/asked.jsonl", asked);
    std::string answered;
    int i = 0;
    for (const auto& line :
         lines(run_well("generate " + demo_pool() + "--input measured/asked.jsonl --max-new-tokens 6"))) {
      const std::string target = i++ % 2 ? "nothing like it" : line.text("output");
      answered += "{\"input\": " + line.at("input").written() + ", \"target\": " + anser::quote(target) +
                  ", \"task\": " + line.at("task").written() + "}\n";
    }
    write(scratch() / "measured/tasks/held_in/words.jsonl", answered);
    write(scratch() / "measured/tasks/held_out/choices.jsonl", choices);
    return "--tasks measured/tasks --max-new-tokens 6 ";
  }();
  return folder;
}

}  // namespace

BOOST_AUTO_TEST_CASE(answers_are_compared_with_targets) {
  const auto m = methods(demo_pool() + tasks() + "--routers phatgoose,none");
  BOOST_TEST((m.keys() == std::vector<std::string>{"phatgoose", "none"}));
  const auto words = m.at("phatgoose").at("tasks").at("words");
  BOOST_TEST((words.keys() == std::vector<std::string>{"exact_match", "rouge_l", "token_accuracy", "token_f1"}));
  BOOST_TEST(value(words, "exact_match") == 12.0 / 23);  // its own answers, and none of the others
  BOOST_TEST(value(words, "rouge_l") >= 11.0 / 23);      // texts without letters have no words
  BOOST_TEST(value(m.at("phatgoose").at("held_in"), "exact_match") == 12.0 / 23);
  BOOST_TEST(value(m.at("none").at("held_in"), "exact_match") < 12.0 / 23);
  const auto interval = m.at("phatgoose").at("intervals").at("held_in").at("exact_match").items()[0].items();
  BOOST_TEST(interval[0].real() < 12.0 / 23);
  BOOST_TEST(interval[1].real() > 12.0 / 23);
  BOOST_TEST(interval[1].real() - interval[0].real() == 4 * std::sqrt(12.0 * 11 / 23 / 23 / 23),
             boost::test_tools::tolerance(0.15));
}

BOOST_AUTO_TEST_CASE(multiple_choice_is_answered_as_score_answers_it) {
  const std::string options = tasks();
  int right = 0, i = 0;
  for (const auto& line : lines(run_well("score " + demo_pool() + "--input measured/tasks/held_out/choices.jsonl")))
    right += line.integer("prediction", 0, 2) == i++ % 3;
  BOOST_TEST(i == 23);
  const auto m = methods(demo_pool() + options + "--batch-size 4");
  BOOST_TEST(value(m.at("phatgoose").at("held_out"), "accuracy") == right / 23.0);
  BOOST_TEST((m.at("phatgoose").at("tasks").at("choices").keys() == std::vector<std::string>{"accuracy"}));
}

BOOST_AUTO_TEST_CASE(token_accuracy_is_that_of_the_forward_pass) {
  tasks();
  const auto tokenizer = anser::Tokenizer::load(demo() / "model");
  double share = 0;
  int exact = 0, n = 0;
  for (const auto& line : lines(read(scratch() / "measured/tasks/held_in/words.jsonl"))) {
    const auto target = tokenizer.encode(line.text("target"));
    auto input = tokenizer.encode(line.text("input")), before = target;
    before.insert(before.begin(), 0);
    before.pop_back();
    anser::write_safetensors((scratch() / "measured/one.safetensors").string(),
                             {{"input_ids", anser::stored_view(input.data(), {1, int(input.size())})},
                              {"decoder_input_ids", anser::stored_view(before.data(), {1, int(before.size())})}});
    run_well("forward " + demo_pool() + "--tensors measured/one.safetensors --output measured/logits.safetensors");
    const auto logits =
        numbers(*anser::Safetensors::open((scratch() / "measured/logits.safetensors").string()), "logits");
    const std::size_t vocabulary = logits.size() / target.size();
    int right = 0;
    for (std::size_t j = 0; j < target.size(); ++j) {
      const auto row = logits.begin() + std::ptrdiff_t(j * vocabulary);
      right += std::max_element(row, row + std::ptrdiff_t(vocabulary)) - row == target[j];
    }
    share += double(right) / double(target.size());
    exact += right == int(target.size());
    ++n;
  }
  const auto m = methods(demo_pool() + tasks() + "--teacher-forced").at("phatgoose").at("tasks").at("words");
  BOOST_TEST(n == 23);
  BOOST_TEST(share > 0);
  BOOST_TEST(value(m, "token_accuracy") == share / n, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(value(m, "exact_match") == double(exact) / n);
  BOOST_TEST((m.keys() == std::vector<std::string>{"exact_match", "token_accuracy"}));
  BOOST_TEST(
      value(methods(demo_pool() + tasks()).at("phatgoose").at("tasks").at("words"), "token_accuracy") == share / n,
      boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(routers_of_one_run_do_not_see_each_other) {
  const auto who = experts();
  write(scratch() / "measured/who.json", "{\"t0\": \"" + who[3] + "\", \"t1\": \"" + who[5] + "\"}");
  const std::string all = demo_pool() + tasks() + "--tasks-to-experts measured/who.json --expert " + who[1] +
                          " --router-option temperature=0.5 --routers ";
  const auto together = methods(all + "uniform,phatgoose,oracle,arrow,single,none");
  for (const auto& router : together.keys()) {
    std::string alone = demo_pool() + tasks() + "--router " + router;
    if (router == "oracle") alone += " --tasks-to-experts measured/who.json";
    if (router == "single") alone += " --expert " + who[1];
    if (router == "arrow") alone += " --router-option temperature=0.5";
    BOOST_TEST(
        methods(alone, "measured/alone/" + router + ".json").at(router).written() == together.at(router).written(),
        router);
  }
  BOOST_TEST(together.at("uniform").written() != together.at("none").written());
  run_well("eval " + demo_model() + tasks() + "--threads 1 --output measured/plain");  // no pool, and a folder
  BOOST_TEST(results("measured/plain/results.json").at("methods").at("none").written() ==
             together.at("none").written());
}

BOOST_AUTO_TEST_CASE(weights_that_learned_with_a_router_go_with_it) {
  tasks();
  run_well("train joint " + demo_model() +
           "--data measured/tasks/held_in/words.jsonl --experts 2 --steps 6 --batch 8 " +
           "--learning-rate 0.5 --learn-along '.*layer_norm.*' --threads 1 --output measured/joint");
  const std::string with = demo_model() + "--pool measured/joint " + tasks() + "--routers ";
  const auto together = methods(with + "smear,none");
  BOOST_TEST(together.at("none").written() == methods(demo_model() + tasks()).at("none").written());
  BOOST_TEST(together.at("smear").written() != together.at("none").written());
}

BOOST_AUTO_TEST_CASE(two_runs_write_the_same_bytes) {
  const std::string options = demo_pool() + tasks() + "--routers phatgoose,uniform --seed 7 --threads 2 --output ";
  const auto table = run_well("eval " + options + "measured/first.json");
  BOOST_TEST(run_well("eval " + options + "measured/second.json") == table);
  BOOST_TEST((read(scratch() / "measured/first.json") == read(scratch() / "measured/second.json")));
  for (const std::string text : {"held in: mean of 1 task, 23 examples", "held out: mean of 1 task, 23 examples",
                                 "phatgoose", "uniform", "exact_match", "52.2 ["})
    BOOST_TEST(table.find(text) != std::string::npos, text);
  const auto r = results("measured/first.json");
  BOOST_TEST(r.at("seeds").written() == "[7]");
  BOOST_TEST(r.at("settings").integer("top_k", 0, 9) == 2);
  BOOST_TEST(r.at("tasks").at("words").integer("examples", 0, 99) == 23);
  BOOST_TEST(run_well("eval " + demo_pool() + tasks() + "--seed 8").find("52.2 [") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_limit_and_chosen_metrics) {
  const auto m = methods(demo_pool() + tasks() + "--limit 5 --metric accuracy,token_f1");
  BOOST_TEST(results("measured/results.json").at("tasks").at("choices").integer("examples", 0, 99) == 5);
  BOOST_TEST((m.at("phatgoose").at("tasks").at("words").keys() == std::vector<std::string>{"token_f1"}));
  BOOST_TEST(m.at("phatgoose").at("held_in").keys().size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_measured_is_told_before_anything_is) {
  const std::string with = "eval " + demo_pool() + tasks();
  run_badly("eval " + demo_pool() + "--tasks absent", 1, "absent does not exist");
  fs::create_directories(scratch() / "measured/empty");
  run_badly("eval " + demo_pool() + "--tasks measured/empty", 1, "empty holds no tasks");
  write(scratch() / "measured/broken/a.jsonl", "{\"input\": \"x\", \"target\": \"y\"}\n{\"input\": \"x\"}\n");
  run_badly("eval " + demo_pool() + "--tasks measured/broken", 1, "measured/broken/a.jsonl:2: neither \"target\" nor");
  write(scratch() / "measured/broken/a.jsonl", "\n");
  run_badly("eval " + demo_pool() + "--tasks measured/broken", 1, "measured/broken/a.jsonl holds no examples");
  run_badly(with + "--routers phatgoose,gate", 2, "there is no router gate");
  run_badly(with + "--metric bleu", 2, "--metric");
  run_badly("eval " + demo_model() + tasks() + "--routers uniform", 2, "--pool");
  run_badly("eval " + demo_pool(), 2, "--tasks is required");
  run_badly(with + "--routers uniform,uniform", 1, "uniform is named twice");
  run_badly(with + "--expert " + experts()[0], 1, "--expert is a setting of the router single");
  run_badly(with + "--router-option temperature=2", 1, "none of the routers has such a setting");
  run_badly(with + "--metric accuracy", 1, "words.jsonl: none of --metric is for answers in words");
  run_badly(with + "--metric rouge_l", 1, "choices.jsonl: none of --metric is for multiple choice");
  run_badly(with + "--metric accuracy,rouge_l --teacher-forced", 1, "none are generated");
  // The last router's needs are found out before the first computes, and nothing is left behind.
  run_badly(with + "--routers phatgoose,average-activation --output measured/none.json", 1, "pool activations");
  run_badly(with + "--routers phatgoose,single", 1, "the router single needs --expert");
  BOOST_TEST(!fs::exists(scratch() / "measured/none.json"));
}
