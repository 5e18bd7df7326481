// What every command shares: help, exit status, options, the machine; and the examples that the README shows.
#include "program.hpp"

using namespace program;

BOOST_AUTO_TEST_CASE(a_stderr_that_takes_nothing_changes_no_status) {
  const auto status = [](const std::string& arguments) {
    return WEXITSTATUS(std::system((std::string(ANSER_PROGRAM) + ' ' + arguments).c_str()));
  };
  for (const std::string stream : {" 2>/dev/full", " 2>&-"}) {
    BOOST_TEST(status("generate --model absent --prompt x" + stream) == 1);
    BOOST_TEST(status("bogus" + stream) == 2);
    BOOST_TEST(status(stream) == 2);
  }
  BOOST_TEST(status("demo --output '' 2>/dev/null") == 2);
  BOOST_TEST(status("pool list --threads 1 absent 2>/dev/null") == 1);
}

BOOST_AUTO_TEST_CASE(what_stdout_does_not_take_is_an_error) {
  const auto status = [](const std::string& arguments) {
    return WEXITSTATUS(std::system((std::string(ANSER_PROGRAM) + ' ' + arguments + " 2>/dev/null").c_str()));
  };
  for (const std::string stream : {" >/dev/full", " >&-"})
    for (const std::string& command : {std::string("--help"), std::string("--version"), std::string("score --help"),
                                       "inspect " + (demo() / "model").string()})
      BOOST_TEST(status(command + stream) == 1, command + stream);
  write(scratch() / "line.jsonl", "{\"input\": \"a\", \"target\": \"b\"}\n");
  BOOST_TEST(status("score --model " + (demo() / "model").string() + " --input " + (scratch() / "line.jsonl").string() +
                    " --output /dev/stdout >&-") == 1);
}

BOOST_AUTO_TEST_CASE(names_cannot_talk_to_the_terminal) {
  run_badly("inspect \"$(printf 'no\\nsuch\\033[31mthing')\"", 1, "no\\nsuch\\x1B[31mthing");
  const fs::path named = scratch() / "named";
  fs::create_directories(named);
  fs::copy(demo() / "pool", named / "pool", fs::copy_options::recursive);
  fs::rename(named / "pool" / "arithmetic", named / "pool" / "arith\033metic");
  const auto said = run_well("pool list named/pool");
  BOOST_TEST(said.find("arith\\x1Bmetic") != std::string::npos, said);
  BOOST_TEST(said.find('\033') == std::string::npos, said);
  write(named / "pool" / "arith\033metic" / "adapter_config.json", "{");
  const auto problems = run("pool check named/pool").out;
  BOOST_TEST(problems.find("arith\\x1Bmetic/adapter_config.json") != std::string::npos, problems);
  BOOST_TEST(problems.find('\033') == std::string::npos, problems);
  const std::vector<float> numbers(2);
  anser::write_safetensors((named / "odd.safetensors").string(), {{"w\033", anser::stored_view(numbers.data(), {2})}},
                           {{"key\033", "one\ntwo\xC2\x9B"}});
  fs::rename(named / "odd.safetensors", named / "odd\033.safetensors");
  const auto inspected = run_well("inspect \"$(printf 'named/odd\\033.safetensors')\"");
  BOOST_TEST(inspected.find("odd\\x1B.safetensors: safetensors") != std::string::npos, inspected);
  BOOST_TEST(inspected.find('\033') == std::string::npos, inspected);
  for (const std::string words : {"metadata key\\x1B: one\\ntwo\\x9B\n", "w\\x1B   F32"})
    BOOST_TEST(inspected.find(words) != std::string::npos, inspected);
}

BOOST_AUTO_TEST_CASE(help_teaches) {
  const auto all = run_well("--help");
  for (const std::string command :
       {"generate", "score", "forward", "trace", "pool", "inspect", "train expert", "train gate", "train joint",
        "train full", "eval", "reproduce phatgoose", "reproduce data", "reproduce measure", "demo"}) {
    BOOST_TEST(all.find(command.substr(0, command.find(' '))) != std::string::npos);
    const auto help = run_well(command + " --help");
    BOOST_TEST(help.find("Examples:") != std::string::npos, command);
    BOOST_TEST(help.find("anser " + command) != std::string::npos, command);
  }
  BOOST_TEST(all.find("Writes DIR/report.html, a page of an experiment's results\n") != std::string::npos,
             all);  // a summary ends where a sentence does
  for (const std::string command : {"pool list", "pool check"})
    BOOST_TEST(run_well(command + " --help").find("Examples:") != std::string::npos, command);
  const auto generate = run_well("generate --help");
  for (const std::string words : {"phatgoose", "uniform", "--top-k", "[128]"})
    BOOST_TEST(generate.find(words) != std::string::npos, words);
  BOOST_TEST(generate.find("(1 to 65536)") != std::string::npos);  // limits are no secrets
  BOOST_TEST(run_well("--version").starts_with("anser 0."));
}

BOOST_AUTO_TEST_CASE(starting_does_not_wait_for_cublas) {
  const auto file = scratch() / "libraries.txt";
  BOOST_TEST(std::system(("LD_TRACE_LOADED_OBJECTS=1 " ANSER_PROGRAM " > " + file.string()).c_str()) == 0);
  const auto libraries = read(file);
  BOOST_TEST(libraries.find("libc.so") != libraries.npos, libraries);
  BOOST_TEST(libraries.find("libcublas") == libraries.npos, libraries);
}

BOOST_AUTO_TEST_CASE(wrong_usage) {
  run_badly("genrate", 2, "did you mean generate?");
  run_badly("xyzzy", 2, "there is no command 'xyzzy'");
  run_badly("pool mergers", 2, "there is no command 'pool mergers'");
  run_badly("pool", 2, "a command is missing: list, check");
  run_badly("generate --modell x --prompt y", 2, "did you mean --model?");
  run_badly("generate --prompt y", 2, "--model is required");
  run_badly("generate --model x", 2, "--input");
  run_badly("generate --model x --prompt y --input z", 2, "--prompt");
  run_badly("generate --model x --prompt y --max-new-tokens 0", 2, "--max-new-tokens");
  run_badly("generate --model x --prompt y --num-beams three", 2, "--num-beams");
  run_badly("generate --model x --prompt y --dtype f16", 2, "--dtype");
  run_badly("generate --model x --prompt y --backend tpu", 2, "--backend");
  run_badly("generate --model x --prompt y --router phatgoose", 2, "--pool");
  run_badly("generate --model x --prompt y --temperature 2", 2, "--sample");
  run_badly("generate --model x --prompt y --sample --num-beams 2", 2, "--num-beams");
  for (const std::string number : {"nan", "inf", "-1", "0", "1e999", "x"})
    run_badly("generate --model x --prompt y --sample --temperature " + number, 2,
              "--temperature: " + number + " is not");
  run_badly("generate --model x --prompt y --sample --sample-top-p nan", 2, "--sample-top-p: nan is not");
  run_badly("generate --model x --prompt y --num-beams 2 --length-penalty nan", 2, "--length-penalty: nan is not");
  for (const std::string number : {"-1", "18446744073709551616", "1.5"}) {
    run_badly("generate --model x --prompt y --sample --seed " + number, 2,
              number + " is not a whole number from 0 to");
    run_badly("demo --output never --seed " + number, 2, number + " is not a whole number from 0 to");
  }
  run_badly("trace --model x --pool y --input z --output page.htlm", 2, "neither .jsonl (lines), nor .html (a page)");
  run_badly("generate --model x --pool y --router phatgose --prompt z", 2, "sigmoid-gate; did you mean phatgoose?");
  run_badly("forward --model x", 2, "--tensors");
  // As of a variable that is not set.
  run_badly("generate --model x --pool '' --prompt y", 2, "--pool: its name is empty");
  run_badly("generate --model '' --prompt y", 2, "--model: its name is empty");
  run_badly("generate --model x --input '' --prompt y", 2, "--input: its name is empty");
  run_badly("pool merge x --weights '' --output y", 2, "--weights: its name is empty");
  run_badly("train expert --model x --data y --output z --settings ''", 2, "--settings: its name is empty");
  run_badly("train expert --resume --output ''", 2, "--output: its name is empty");
  run_badly("pool merge x --experts '' --output y", 2, "--experts: its name is empty");
  run_badly("generate --model= --prompt y", 2, "--model: its name is empty");
  run_badly("generate --model x --prompt y --output= --batch-size=2", 2, "--output: its name is empty");
  run_badly("pool check x --model ''", 2, "--model: its name is empty");
  run_badly("pool list ''", 2, "DIR: its name is empty");
  run_badly("inspect ''", 2, "its name is empty");
  run_badly("pool import '' --output x", 2, "SOURCE: its name is empty");
  run_badly("forward --model x --tensors '' --output y", 2, "--tensors: its name is empty");
  run_badly("reproduce phatgoose --output ''", 2, "--output: its name is empty");
  BOOST_TEST(run("").status == 2);
}

BOOST_AUTO_TEST_CASE(models_at_fault) {
  run_badly("generate --model absent --prompt x", 1, "absent: there is no such directory; give the directory");
  fs::create_directories(scratch() / "bare");
  run_badly("generate --model bare --prompt x", 1, "bare holds no config.json; give the directory of a Hugging Face");
  const auto broken = scratch() / "broken";
  fs::copy(demo() / "model", broken);
  const auto weights = read(broken / "model.safetensors");
  write(broken / "model.safetensors", weights.substr(0, weights.size() - 1));
  run_badly("generate --model broken --prompt x", 1, "broken/model.safetensors");
  write(broken / "model.safetensors", weights);
  write(broken / "config.json", "{\"model_type\": \"gpt2\"}");
  run_badly("generate --model broken --prompt x", 1, "gpt2");
  const auto vocabulary = read(broken / "spiece.model");
  write(broken / "spiece.model", vocabulary.substr(0, vocabulary.size() - 1));
  run_badly("generate --model broken --prompt x", 1, "broken/spiece.model: is cut short; fetch the file again");
  fs::remove(broken / "spiece.model");
  run_badly("generate --model broken --prompt x", 1, "spiece.model");
}

BOOST_AUTO_TEST_CASE(pools_at_fault) {
  run_badly("generate " + demo_model() + "--pool absent --prompt x", 1, "absent");
  run_badly("generate " + demo_pool() + "--router sigmoid-gate --prompt x", 1, "this pool has 8");
  const auto pool = scratch() / "without_gates";
  fs::copy(demo() / "pool", pool, fs::copy_options::recursive);
  fs::remove(pool / "dates" / "gate.safetensors");
  run_badly("generate " + demo_model() + "--pool without_gates --prompt x", 1, "these experts have none: dates");
  run_well("generate " + demo_model() + "--pool without_gates --router uniform --max-new-tokens 2 --prompt x");
  write(pool / "dates" / "adapter_config.json", "{");
  run_badly("generate " + demo_model() + "--pool without_gates --prompt x", 1, "dates");
  run_well("generate " + demo_model() + "--pool without_gates --skip-broken --max-new-tokens 2 --prompt x");
  run_badly("generate --model " + golden("v1_1") + " --pool " + (demo() / "pool").string() + " --prompt x", 1,
            "spiece.model");
}

BOOST_AUTO_TEST_CASE(no_gpu) {
  const auto r = run("generate " + demo_model() + "--backend cuda --max-new-tokens 2 --prompt x");
  if (r.status == 0) return;  // a GPU is here
  BOOST_TEST(r.status == 1);
  BOOST_TEST(r.err.find("anser: error: --backend cuda: ") == 0u, r.err);
}

BOOST_AUTO_TEST_CASE(examples_run) {
  const std::string arguments =
      ' ' + (demo() / "model").string() + ' ' + (demo() / "pool").string() + " 'Add the flour.'";
  for (const std::string example : {ANSER_EXAMPLE_QUICKSTART, ANSER_EXAMPLE_NEW_ROUTER}) {
    const auto out = scratch() / "example.txt";
    BOOST_TEST(std::system((example + arguments + " > " + out.string()).c_str()) == 0, example);
    BOOST_TEST(!read(out).empty(), example);
  }
  // The same words as the program's: both are the library.
  const auto text = run_well("generate " + demo_pool() + "--max-new-tokens 32 --prompt 'Add the flour.'");
  std::system(
      (std::string(ANSER_EXAMPLE_QUICKSTART) + arguments + " > " + (scratch() / "example.txt").string()).c_str());
  BOOST_TEST(read(scratch() / "example.txt") == text);
}

BOOST_AUTO_TEST_CASE(the_demo_shows_routing) {
  demo();
  const auto text = read(scratch() / "demo.txt");
  for (const std::string words :
       {"random", "cooking", "arithmetic", "all sites", "encoder.block.0.layer.0.SelfAttention.q"})
    BOOST_TEST(text.find(words) != std::string::npos, words);
  write(demo() / "note.txt", "mine");
  const auto weights = read(demo() / "model" / "model.safetensors");
  run_well("demo --output demo");  // over its own files only, and the same again
  BOOST_TEST(read(demo() / "note.txt") == "mine");
  BOOST_TEST(read(demo() / "model" / "model.safetensors") == weights);
  run_badly("demo --output /proc/nowhere", 1, "/proc/nowhere");
  run_badly("generate " + demo_model() + "--prompt x --max-new-tokens 1 --output /proc/x.jsonl", 1,
            "name another folder");
}
