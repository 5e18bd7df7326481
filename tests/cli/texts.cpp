// generate, score and trace: records in, records out.
#include <algorithm>
#include <csignal>

#include "program.hpp"

using namespace program;

namespace {

const std::string inputs =
    "{\"input\": \"What is 3 + 4?\", \"id\": 7, \"big\": 12345678901234567890123, \"exact\": "
    "0.10000000000000000000001, \"choices\": [\"seven\", \"eight\", \"It is seven.\"], \"label\": 2}\n"
    "\n"
    "{\"input\": \"The sky is blue and the grass is green, and the snow is white.\", \"note\": {\"a\": [1.5, null, "
    "true]}, "
    "\"choices\": [\"Yes\", \"Yes\"], \"target\": \"A colour.\"}\n"
    "{\"input\": \"\", \"choices\": [\"été\"], \"output\": \"old\"}\n";

void write_inputs() { write(scratch() / "in.jsonl", inputs); }

}  // namespace

BOOST_AUTO_TEST_CASE(generate_adds_outputs_in_order) {
  write_inputs();
  const std::string command = "generate " + demo_pool() + "--max-new-tokens 6 --input in.jsonl ";
  const auto one = run_well(command + "--batch-size 1");
  const auto records = lines(one);
  BOOST_REQUIRE(records.size() == 3u);
  BOOST_TEST(records[0].integer("id", 0, 9) == 7);
  BOOST_TEST(one.find("\"big\": 12345678901234567890123, \"exact\": 0.10000000000000000000001") != std::string::npos);
  BOOST_TEST(records[1].at("note").written() == "{\"a\": [1.5, null, true]}");
  for (const auto& r : records) r.at("output").text();
  BOOST_TEST(records[2].text("output") != "old");
  BOOST_TEST(run_well(command + "--batch-size 16") == one);
  BOOST_TEST(run_well(command + "--output deep/out.jsonl").empty());
  BOOST_TEST(read(scratch() / "deep" / "out.jsonl") == one);
  BOOST_TEST(run_well("generate " + demo_pool() + "--max-new-tokens 6 --prompt 'What is 3 + 4?'") ==
             records[0].text("output") + '\n');
  BOOST_TEST(lines(run_well(command + "--num-beams 3 --length-penalty 0.6 --early-stopping yes")).size() == 3u);
  BOOST_TEST(run_well(command + "--router none") ==
             run_well("generate " + demo_model() + "--max-new-tokens 6 --input in.jsonl"));
}

BOOST_AUTO_TEST_CASE(samples_are_the_seeds) {
  write_inputs();
  const std::string command =
      "generate " + demo_model() + "--max-new-tokens 8 --input in.jsonl --sample --sample-top-k 0 ";
  const auto seven = run_well(command + "--seed 7");
  BOOST_TEST(run_well(command + "--seed 7 --batch-size 2 --threads 1") == seven);
  BOOST_TEST(run_well(command + "--seed 8") != seven);
}

BOOST_AUTO_TEST_CASE(score_adds_scores) {
  write_inputs();
  const auto r = run("score " + demo_pool() + "--input in.jsonl");
  BOOST_TEST(r.status == 0, r.err);
  BOOST_TEST(r.err.find("accuracy ") != std::string::npos, r.err);
  BOOST_TEST(r.err.find("of 1 right") != std::string::npos, r.err);
  const auto records = lines(r.out);
  BOOST_REQUIRE(records.size() == 3u);
  for (const auto& record : records) {
    const auto scores = record.at("scores").items();
    BOOST_TEST(scores.size() == record.at("choices").items().size());
    const auto best = std::size_t(record.integer("prediction", 0, std::int64_t(scores.size()) - 1));
    for (std::size_t i = 0; i < scores.size(); ++i) {
      BOOST_TEST(scores[i].real() < 0);
      BOOST_TEST((i < best ? scores[i].real() < scores[best].real() : scores[i].real() <= scores[best].real()));
    }
  }
  BOOST_TEST(records[1].integer("prediction", 0, 1) == 0);  // equal choices: the lower index
}

BOOST_AUTO_TEST_CASE(trace_names_experts) {
  write_inputs();
  const auto records = lines(run_well("trace " + demo_pool() + "--max-new-tokens 4 --input in.jsonl"));
  BOOST_TEST(records.size() == 3u * (2 * 7 + 2 * 11));  // inputs x sites of two layers
  for (const auto& r : records) {
    const auto tokens = r.texts("tokens");
    const auto experts = r.at("experts").items(), weights = r.at("weights").items();
    BOOST_TEST(experts.size() == tokens.size());
    BOOST_TEST(weights.size() == tokens.size());
    for (const auto& row : experts) BOOST_TEST(row.texts().size() == 2u);
    for (const auto& row : weights) {
      const auto w = row.items();
      BOOST_TEST(std::abs(w[0].real() + w[1].real() - 1) < 1e-4);
    }
    const bool encoder = r.text("site").starts_with("encoder.");
    BOOST_TEST(r.text("stack") == (encoder ? "encoder" : "decoder"));
    if (encoder) BOOST_TEST(tokens.back() == "</s>");
    if (r.text("site").ends_with("layer.0.SelfAttention.q") && !encoder) BOOST_TEST(tokens[0] == "<pad>");
  }
  run_well("trace " + demo_pool() + "--max-new-tokens 4 --input in.jsonl --output page.html");
  const auto page = read(scratch() / "page.html");
  BOOST_TEST(page.starts_with("<!doctype html>"));
  BOOST_TEST(page.ends_with("</html>\n\n"));
  BOOST_TEST(page.find("http") == std::string::npos);  // nothing is loaded
  run_well("trace " + demo_pool() + "--max-new-tokens 4 --input in.jsonl --output PAGE.HTML");
  BOOST_TEST(read(scratch() / "PAGE.HTML") == page);
}

BOOST_AUTO_TEST_CASE(bad_lines) {
  const auto say = [](const std::string& command, const std::string& text, const std::string& words) {
    write(scratch() / "bad.jsonl", text);
    run_badly(command + " --input bad.jsonl", 1, words);
  };
  const std::string generate = "generate " + demo_model() + "--output never.jsonl", score = "score " + demo_model();
  say(generate, "{\"input\": \"a\"}\n{\"input\": \"b\"\n", "bad.jsonl:2: not valid JSON at column");
  say(generate, "{\"input\": \"a\"}\n{\"input\": \"\xe9t\xe9\"}\n",
      "bad.jsonl:2: not valid JSON at column 13: it is not UTF-8");
  say(generate, "{\"input\": 5}\n", "bad.jsonl:1: input must be a text");
  say(generate, "{\"text\": \"a\"}\n", "bad.jsonl:1: the key \"input\" is missing");
  say(generate, "[1]\n", "bad.jsonl:1: each line must be a JSON object");
  say(generate, "\n", "holds no records");
  say(score, "{\"input\": \"a\"}\n", "bad.jsonl:1: the key \"choices\" is missing");
  say(score, "{\"input\": \"a\", \"choices\": []}\n", "bad.jsonl:1: \"choices\" is empty; give at least one");
  say(score, "{\"input\": \"a\", \"choices\": [\"b\"], \"label\": 1}\n", "bad.jsonl:1: label");
  say("trace " + demo_pool(), "{\"input\": \"a\", \"target\": 3}\n", "bad.jsonl:1: target");
  run_badly(generate + " --input absent.jsonl", 1, "absent.jsonl");
  BOOST_TEST(!fs::exists(scratch() / "never.jsonl"));
}

BOOST_AUTO_TEST_CASE(long_inputs_are_warned_of) {
  std::string text;
  for (int i = 0; i < 600; ++i) text += "the ";
  const std::string line = "{\"input\": \"" + text + "\", \"choices\": [\"a\"]}\n";
  write(scratch() / "long.jsonl", "{\"input\": \"a\", \"choices\": [\"a\"]}\n" + line + line);
  for (const std::string& command : {"generate " + demo_model() + "--max-new-tokens 2", "score " + demo_model(),
                                     "trace " + demo_pool() + "--max-new-tokens 2"}) {
    const auto r = run(command + " --input long.jsonl");
    BOOST_TEST(r.status == 0);
    BOOST_TEST(r.err.starts_with("anser: warning: long.jsonl:2: the input has "), r.err);
    BOOST_TEST(r.err.find("tokens (1 later one is too long as well)") != std::string::npos, r.err);
    BOOST_TEST(std::count(r.err.begin(), r.err.end(), '\n') == 1, r.err);
  }
}

BOOST_AUTO_TEST_CASE(a_signal_leaves_no_partial_file) {
  std::string all;
  for (int i = 0; i < 5000; ++i) all += "{\"input\": \"What is 3 + 4?\"}\n";
  write(scratch() / "many.jsonl", all);
  fs::create_directories(scratch() / "killed");
  const std::string script = "generate " + demo_model() +
                             "--input many.jsonl --output killed/out.jsonl & pid=$!; while kill -0 $pid && "
                             "! ls -A killed | grep -q partial; do sleep 0.05; done; kill -TERM $pid; wait $pid";
  const int status =
      std::system(("cd " + scratch().string() + " && exec 2> stderr; " + ANSER_PROGRAM + ' ' + script).c_str());
  BOOST_TEST(WEXITSTATUS(status) == 128 + SIGTERM, read(scratch() / "stderr"));
  BOOST_TEST(fs::is_empty(scratch() / "killed"));
}

BOOST_AUTO_TEST_CASE(output_that_cannot_be_written) {
  write_inputs();
  const std::string command = "generate " + demo_model() + "--max-new-tokens 2 --input in.jsonl";
  run_badly(command + " --output /dev/full", 1, "/dev/full could not be written whole");
  run_badly(command + " --output /proc/none/out.jsonl", 1, "/proc/none");
  const int status = std::system((std::string(ANSER_PROGRAM) + " pool list " + (demo() / "pool").string() +
                                  " > /dev/full 2> " + (scratch() / "stderr").string())
                                     .c_str());
  BOOST_TEST(WEXITSTATUS(status) == 1);
  BOOST_TEST(read(scratch() / "stderr").starts_with("anser: error: standard output"));

  // A limit of the shell's is as a full disk.
  const auto limited = scratch() / "limited";
  std::string many;
  for (int i = 0; i < 200; ++i) many += "{\"input\": \"Say something.\"}\n";
  write(limited / "many.jsonl", many);
  const std::string command_of_many = "ulimit -f 1; " ANSER_PROGRAM " generate " + demo_model() +
                                      "--max-new-tokens 1 --input many.jsonl --output out.jsonl";
  const int limit_status = std::system(("cd " + limited.string() + "; " + command_of_many + " 2> stderr").c_str());
  BOOST_TEST(WEXITSTATUS(limit_status) == 1);
  const auto said = read(limited / "stderr");
  BOOST_TEST(said.find("out.jsonl could not be written whole: File too large; make room") != std::string::npos, said);
  BOOST_TEST(std::distance(fs::directory_iterator(limited), {}) == 2);
}
