// anser train: what comes out, what resumes to the same bits whenever it is killed, and what is refused.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <random>
#include <thread>

#include "program.hpp"

using namespace program;

namespace {

/// Sentences and their last words: 60 lines.
fs::path data() {
  const auto path = scratch() / "words.jsonl";
  if (fs::exists(path)) return path;
  const std::vector<std::string> words{"butter", "fish", "rain", "cold", "seven", "red", "blue", "Paris", "bread"};
  std::string text;
  for (std::size_t i = 0; i < 60; ++i) {
    const auto &a = words[i % 9], &b = words[(i * 4 + 1) % 9], &c = words[(i * 7 + 3) % 9];
    text += "{\"input\": \"" + a + ' ' + b + ' ' + c + "\", \"target\": \"" + c + "\"}\n";
  }
  write(path, text);
  return path;
}

std::string base(const std::string& kind) {
  return "train " + kind + " --model " + (demo() / "model").string() + " --data " + data().string() + " --threads 1 ";
}
const std::string common =
    "--batch 8 --micro-batch 4 --learning-rate 0.01 --rank 4 --alpha 8 --targets q,v,wo --held-out 0.1 "
    "--validate-every 5 "
    "--seed 3 ";
const std::string brief = common + "--steps 12 --save-every 4 ";

std::string expert_of(const std::string& folder) {
  const auto bytes = read(scratch() / folder / "adapter_model.safetensors");
  BOOST_REQUIRE_MESSAGE(!bytes.empty(), folder << " holds no expert");
  return bytes;
}

/// Starts the program, and kills it after so long unless it has ended. Returns whether it was killed.
bool kill_after(const std::string& arguments, std::chrono::microseconds time) {
  const pid_t child = fork();
  if (child == 0) {
    const std::string command = "exec " ANSER_PROGRAM " " + arguments + " >/dev/null 2>&1";
    if (chdir(scratch().c_str()) == 0) execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  std::this_thread::sleep_for(time);
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  BOOST_TEST((WIFSIGNALED(status) || WEXITSTATUS(status) == 0), "it ended by itself with an error");
  return WIFSIGNALED(status);
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_expert_and_its_gate) {
  const auto said = run_well(base("expert") + brief + "--output pool/words");
  for (const std::string words : {"expert of step", "loss", "validation", "pool/words/training/loss.svg"})
    BOOST_TEST(said.find(words) != said.npos, said);
  const auto folder = scratch() / "pool/words";
  const auto config = anser::read_json((folder / "adapter_config.json").string());
  BOOST_TEST(config.integer("r", 0, 100) == 4);
  BOOST_TEST(config.real("lora_alpha") == 8);
  BOOST_TEST((config.texts("target_modules") == std::vector<std::string>{"q", "v", "wo"}));
  const auto record = anser::read_json((folder / "expert.json").string());
  BOOST_TEST(record.text("name") == "words");
  BOOST_TEST(record.text("base_hash").size() == 64);
  const auto metrics = lines(read(folder / "training/metrics.jsonl"));
  BOOST_TEST(metrics.size() == 12 + 3);  // validated after 5, 10 and 12
  BOOST_TEST(metrics[0].real("loss") > metrics[13].real("loss"));
  BOOST_TEST(read(folder / "training/loss.svg").starts_with("<svg"));
  const auto settings = anser::read_json((folder / "training/settings.json").string());
  BOOST_TEST(settings.integer("steps", 0, 100) == 12);
  BOOST_TEST(settings.text("optimizer") == "adamw");

  // The same settings from a file give the same expert, whatever the folder.
  run_well("train expert --settings pool/words/training/settings.json --output again/words");
  BOOST_TEST((expert_of("again/words") == expert_of("pool/words")));
  run_well("train expert --settings pool/words/training/settings.json --seed 4 --output other/words");
  BOOST_TEST((expert_of("other/words") != expert_of("pool/words")));

  run_well(base("gate") + "--expert pool/words --steps 5 --batch 8 --learning-rate 0.01");
  BOOST_TEST(run_well("pool check pool --model " + (demo() / "model").string()).find("1 with gates") !=
             std::string::npos);
  run_well("generate --model " + (demo() / "model").string() + " --pool pool --top-k 1 --prompt butter");
}

BOOST_AUTO_TEST_CASE(a_whole_model_goes_on_or_begins) {
  run_well(base("full") + "--steps 6 --batch 8 --output full");
  const auto model = (demo() / "model").string();
  BOOST_TEST(anser::read_json((scratch() / "full/config.json").string()).integer("d_ff", 0, 1 << 20) ==
             anser::read_json((demo() / "model/config.json").string()).integer("d_ff", 0, 1 << 20));
  BOOST_TEST(read(scratch() / "full/spiece.model") == read(demo() / "model/spiece.model"));
  BOOST_TEST((read(scratch() / "full/model.safetensors") != read(demo() / "model/model.safetensors")));
  run_well("generate --model full --prompt butter");

  run_well("train full --config " + model + "/config.json --vocab " + model + "/spiece.model --data " +
           data().string() + " --steps 3 --batch 8 --seed 1 --output own");
  run_well("generate --model own --prompt butter");
  write(scratch() / "books.txt",
        "The fish is in the cold water, and the bread is on the table.\n\nIt will rain on Monday.\n");
  run_well(
      "train full --model own --data books.txt --span-corruption --max-input 24 --steps 3 --batch 4 --output books");
  run_badly("train full --model own --data books.txt --steps 3 --batch 4 --output books2", 1, "books.txt:1");

  run_well(base("full") + "--learn 'encoder\\..*\\.q\\.weight' --steps 3 --batch 8 --output part");
  const auto before = anser::Safetensors::open((demo() / "model/model.safetensors").string());
  const auto after = anser::Safetensors::open((scratch() / "part/model.safetensors").string());
  int changed = 0;
  for (const auto& name : before->names()) {
    const auto a = *before->find(name), b = *after->find(name);
    const bool differs = std::memcmp(a.data, b.data, a.bytes()) != 0;
    changed += differs;
    BOOST_TEST((!differs || (name.starts_with("encoder.") && name.ends_with(".q.weight"))), name);
  }
  BOOST_TEST(changed == 2);
}

// The promise of the checkpoints: twenty kills at any moment, and the same bits at the end.
BOOST_AUTO_TEST_CASE(killed_twenty_times_it_ends_in_the_same_bits) {
  const std::string command = base("expert") + common + "--steps 40 --save-every 3 ";
  const auto start = std::chrono::steady_clock::now();
  run_well(command + "--output whole/words");
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
  std::mt19937 random(5);
  std::uniform_real_distribution<double> moment(0.02, 0.6);
  int killed = 0;
  for (int i = 0; killed < 20 && i < 60; ++i) {
    const std::chrono::microseconds time((long long)(took.count() * moment(random)));
    if (kill_after(command + "--resume --output killed/words", time)) {
      ++killed;
      continue;
    }
    BOOST_TEST((expert_of("killed/words") == expert_of("whole/words")));
    fs::remove_all(scratch() / "killed");
  }
  BOOST_TEST(killed == 20);
  run_well(command + "--resume --output killed/words");
  BOOST_TEST((expert_of("killed/words") == expert_of("whole/words")));
  for (const std::string file : {"last.safetensors", "best.safetensors"})
    BOOST_TEST((read(scratch() / "killed/words/training" / file) == read(scratch() / "whole/words/training" / file)),
               file);
  BOOST_TEST(lines(read(scratch() / "killed/words/training/metrics.jsonl")).size() ==
             lines(read(scratch() / "whole/words/training/metrics.jsonl")).size());
}

BOOST_AUTO_TEST_CASE(a_signal_saves_and_resume_needs_no_other_option) {
  const std::string command = base("expert") + common + "--steps 1000000 --save-every 0 --output asked/words";
  // On a busy machine the first signals may come before the first step.
  for (int seconds = 1; seconds <= 32 && read(scratch() / "asked.err").find("and saved") == std::string::npos;
       seconds *= 2) {
    fs::remove_all(scratch() / "asked");
    const auto line = "cd " + scratch().string() + " && timeout -s TERM " + std::to_string(seconds) +
                      " " ANSER_PROGRAM " " + command + " >/dev/null 2>asked.err";
    BOOST_TEST(std::system(line.c_str()) != 0);
  }
  BOOST_TEST(read(scratch() / "asked.err").find("stopped by a signal, and saved") != std::string::npos);
  BOOST_TEST(fs::exists(scratch() / "asked/words/training/last.safetensors"));
  const auto made = lines(read(scratch() / "asked/words/training/metrics.jsonl")).back().integer("step", 1, 1000000);
  run_badly("train expert --resume --seed 9 --output asked/words", 1,
            "--seed is 9, and the training that is to be resumed");
  run_well("train expert --resume --steps " + std::to_string(made + 2) + " --output asked/words");
  run_badly(command, 1, "a training was begun here");
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_named) {
  const auto model = " --model " + (demo() / "model").string() + ' ';
  run_badly("train", 2, "a command is missing: expert, gate, joint, full");
  run_badly("train expert" + model + "--output x", 2, "--data is required");
  run_badly("train expert" + model + "--data absent.jsonl --output x", 1, "absent.jsonl");
  write(scratch() / "bad.jsonl", "{\"input\": \"a\", \"target\": \"b\"}\n{\"input\": \"a\"}\n");
  run_badly("train expert" + model + "--data bad.jsonl --steps 2 --batch 4 --output x1", 1, "bad.jsonl:2");
  write(scratch() / "empty.jsonl", "\n");
  run_badly("train expert" + model + "--data empty.jsonl --output x2", 1, "empty.jsonl holds no examples");
  run_badly(base("expert") + "--targets query --output x3", 1, "query names no linear of this model");
  run_badly(base("expert") + "--batch 8 --micro-batch 3 --output x4", 1, "--micro-batch 3 does not divide --batch 8");
  run_badly(base("expert") + "--learning-rate -1 --output x5", 2, "--learning-rate: -1 is not");
  run_badly(base("expert") + "--loss mc --steps 1 --batch 4 --output x6", 1, "no \"choices\" with a \"label\"");
  run_badly(base("gate") + "--expert absent", 1, "absent");
  run_badly("train expert --resume --output nowhere", 1, "nowhere holds no training to resume");
  run_badly(base("expert") + "--held-out 0.1 --validation words.jsonl --output never", 2, "--validation");
  run_badly("train full --data " + data().string() + " --output x7", 1, "--config FILE and --vocab FILE");
  run_badly(base("full") + "--dtype bf16 --steps 1 --batch 4 --output x8", 1, "--dtype f32");
  run_badly(base("full") + "--learn nothing --steps 1 --batch 4 --output x9", 1, "no tensor has a name like nothing");
  fs::copy(demo() / "model", scratch() / "poisoned");
  auto weights = read(demo() / "model/model.safetensors");
  const auto first = std::ptrdiff_t(8 + *reinterpret_cast<const std::uint64_t*>(weights.data()));  // behind the header
  std::fill_n(weights.begin() + first, 4, char(0xff));                                             // a NaN
  write(scratch() / "poisoned/model.safetensors", weights);
  for (const std::string words : {"the loss of step 1 is", "anser inspect --values", "the batch was", "words.jsonl:"})
    run_badly("train expert --model poisoned --data words.jsonl --batch 4 --output " + words.substr(0, 3), 1, words);
  write(scratch() / "settings.json", "{\"steps\": [1], \"data\": {\"a\": 1}}");
  run_badly(base("expert") + "--settings settings.json --output x11", 1, "settings.json: data");
  write(scratch() / "settings2.json", "{\"stepz\": 1}");
  run_badly(base("expert") + "--settings settings2.json --output x12", 2,
            "there is no option --stepz; did you mean --steps?");
  run_badly(base("expert") + brief + "--output /dev/null/x", 1, "the folder cannot be made");
}

BOOST_AUTO_TEST_CASE(a_pool_and_its_router_learn_together) {
  const std::string model = (demo() / "model").string();
  run_well(base("joint") +
           "--experts 3 --rank 4 --targets q,wo --steps 8 --batch 8 --warmup 2 --learning-rate 0.01 "
           "--learn-along '.*layer_norm.*' --output joint");
  BOOST_TEST(anser::read_json((scratch() / "joint/router.json").string()).text("router") == "smear");
  BOOST_TEST(run_well("pool list joint").find("expert-2") != std::string::npos);
  write(scratch() / "ask.jsonl", "{\"input\": \"butter\", \"choices\": [\"fish\", \"red\"]}\n");
  const auto scores = [&](const std::string& pool) {
    const auto said = run_well("score --model " + model + " --input ask.jsonl " + pool);
    return lines(said)[0].at("scores").written();
  };
  BOOST_TEST(scores("--pool joint --router smear") != scores(""));
  BOOST_TEST(scores("--pool joint --router smear") != scores("--pool joint --router uniform"));
  // What learned along belongs to the experts, whoever routes among them; nobody's is the base model.
  const auto with_norms = scores("--pool joint --router uniform");
  BOOST_TEST(scores("--pool joint --router none") == scores(""));
  fs::rename(scratch() / "joint/router.safetensors", scratch() / "kept-router");
  BOOST_TEST(scores("--pool joint --router uniform") != with_norms);
  fs::rename(scratch() / "kept-router", scratch() / "joint/router.safetensors");

  // Resumed it is the same; and what was trained apart has no router.
  const std::string command = base("joint") + "--experts 2 --rank 2 --targets q --batch 8 --warmup 2 --save-every 3 ";
  run_well(command + "--steps 6 --output joint-whole");
  run_well(command + "--steps 3 --output joint-twice");
  run_well("train joint --resume --steps 6 --output joint-twice");
  for (const std::string file :
       {"router.safetensors", "expert-0/adapter_model.safetensors", "expert-1/adapter_model.safetensors"})
    BOOST_TEST((read(scratch() / "joint-twice" / file) == read(scratch() / "joint-whole" / file)), file);
  run_badly("score --model " + model + " --input ask.jsonl --router smear --pool " + (demo() / "pool").string(), 1,
            "router.safetensors is missing");
  fs::rename(scratch() / "joint/expert-0", scratch() / "joint/zzz");
  run_badly("score --model " + model + " --input ask.jsonl --router smear --pool joint", 1,
            "trained with other experts");
  fs::rename(scratch() / "joint/zzz", scratch() / "joint/expert-0");
  auto cut = read(scratch() / "joint/router.safetensors");
  cut.resize(cut.size() - 5);
  write(scratch() / "joint/router.safetensors", cut);
  run_badly("score --model " + model + " --input ask.jsonl --router smear --pool joint", 1, "router.safetensors");
}

// By its name on the command line: trained, stopped and resumed to the same bits, and heard.
BOOST_AUTO_TEST_CASE(every_router_that_learns_with_its_pool) {
  const std::string model = (demo() / "model").string();
  std::string tagged;
  for (const auto& line : lines(read(data())))
    tagged += "{\"input\": " + line.at("input").written() + ", \"target\": " + line.at("target").written() +
              ", \"task\": \"" + (tagged.size() % 2 ? "b" : "a") + "\"}\n";
  write(scratch() / "tagged.jsonl", tagged);
  write(scratch() / "asked.jsonl", "{\"input\": \"butter\", \"choices\": [\"fish\", \"red\"], \"task\": \"b\"}\n");
  const std::string command = "train joint --model " + model +
                              " --data tagged.jsonl --threads 1 --experts 3 --rank 2 " +
                              "--targets q,wo --batch 8 --micro-batch 4 --warmup 0 --learning-rate 0.01 --seed 5 ";
  const std::string ask = "score --model " + model + " --input asked.jsonl --threads 1 ";
  const auto base_scores = lines(run_well(ask))[0].at("scores").written();
  for (const std::string router : {"ensemble", "top1", "st-gumbel", "hash", "random", "tag", "reinforce", "dselect-k",
                                   "latent-skills", "adamix"}) {
    const std::string with = command + "--router " + router + ' ';
    run_well(with + "--steps 4 --output whole-" + router);
    run_well(with + "--steps 2 --output twice-" + router);
    run_well("train joint --resume --steps 4 --output twice-" + router);
    for (const std::string file : {"router.json", "router.safetensors", "expert-1/adapter_model.safetensors"})
      BOOST_TEST((read(scratch() / ("twice-" + router) / file) == read(scratch() / ("whole-" + router) / file)),
                 router << ' ' << file);
    const auto heard = run_well(ask + "--pool whole-" + router + " --router " + router);
    BOOST_TEST(lines(heard)[0].at("scores").written() != base_scores, router);
  }
  BOOST_TEST(lines(run_well(ask + "--pool whole-adamix --router none"))[0].at("scores").written() == base_scores);
  const auto said = anser::read_json((scratch() / "whole-tag/router.json").string());
  BOOST_TEST((said.texts("tasks") == std::vector<std::string>{"a", "b"}));
  BOOST_TEST((said.texts("experts") == std::vector<std::string>{"expert-0", "expert-1"}));
  write(scratch() / "who.json", "{\"a\": \"expert-2\", \"b\": \"expert-2\"}");
  run_well(command + "--router tag --tasks-to-experts who.json --steps 1 --output shared-tag");
  BOOST_TEST((anser::read_json((scratch() / "shared-tag/router.json").string()).texts("experts") ==
              std::vector<std::string>{"expert-2", "expert-2"}));

  run_badly(ask + "--pool whole-adamix --router hash", 1, "this pool was trained with adamix");
  run_badly(ask + "--pool whole-hash --router hash --deny expert-0", 1,
            "the router hash was trained with other experts");
  run_badly(ask + "--pool whole-adamix --router top1", 1, "the pool was trained with another router");
  write(scratch() / "other.jsonl", "{\"input\": \"butter\", \"choices\": [\"fish\", \"red\"], \"task\": \"c\"}\n");
  run_badly("score --model " + model + " --input other.jsonl --pool whole-tag --router tag", 1,
            "other.jsonl:1: the task \"c\" is none of those that the router was trained on: a, b");
  run_badly(base("joint") + "--router tag --steps 1 --output untagged", 1, "no \"task\"; the router tag needs one");
  write(scratch() / "who.json", "{\"a\": \"expert-9\", \"b\": \"expert-2\"}");
  run_badly(command + "--router tag --tasks-to-experts who.json --output nobody", 1,
            "there will be no expert expert-9");
  run_badly(command + "--tasks-to-experts who.json --output nobody", 1, "a setting of the router tag");
  run_badly(command + "--router adamix --module ia3 --output split", 1, "cannot be combined with --module ia3");
  run_badly(command + "--router adamix --loss mc --output split", 1, "take --loss lm");
  run_badly(command + "--router reinforce --checkpointing --steps 1 --output recomputed", 1,
            "train without --checkpointing");
}

// Settings that are written say what was given, so that the second resumption knows it as the first did.
BOOST_AUTO_TEST_CASE(adapters_without_a_norm_are_resumed_twice) {
  const std::string given =
      base("expert") + "--module adapter --bottleneck 2 --batch 4 --micro-batch 4 --save-every 1 ";
  for (const std::string norm : {"", "--no-norm "}) {
    const std::string name = norm.empty() ? "with" : "without";
    run_well(given + norm + "--steps 3 --output " + name + "-whole");
    run_well(given + norm + "--steps 1 --output " + name + "-parts");
    run_well("train expert --resume --steps 2 --output " + name + "-parts");
    run_well("train expert --resume --steps 3 --output " + name + "-parts");
    BOOST_TEST((expert_of(name + "-parts") == expert_of(name + "-whole")), name);
    run_well("train expert --settings " + name + "-whole/training/settings.json --output " + name + "-again");
    BOOST_TEST((expert_of(name + "-again") == expert_of(name + "-whole")), name);
  }
  BOOST_TEST((expert_of("with-whole") != expert_of("without-whole")));
}

BOOST_AUTO_TEST_CASE(what_is_odd_about_a_trained_router_is_told) {
  const std::string model = (demo() / "model").string();
  run_well(base("joint") + "--experts 2 --rank 2 --targets q --steps 1 --batch 4 --router st-gumbel --learn-along " +
           "'.*layer_norm.*' --output odd");
  write(scratch() / "ask.jsonl", "{\"input\": \"butter\", \"choices\": [\"fish\", \"red\"]}\n");
  const std::string ask = "score --model " + model + " --input ask.jsonl --pool odd --router ";
  BOOST_TEST(run(ask + "st-gumbel").err.find("was trained with") == std::string::npos);
  BOOST_TEST(run(ask + "smear").err.find("odd was trained with the router st-gumbel, and smear decides now") !=
             std::string::npos);
  BOOST_TEST(run("pool merge odd --output odd-merged").err.find("weights of the model that learned along") !=
             std::string::npos);
  run_well("pool check odd");
  const auto file = scratch() / "odd/router.safetensors";
  const auto whole = read(file);
  auto broken = whole;
  for (std::size_t i = 4; i <= 400; i += 4) broken.replace(broken.size() - i, 4, std::string("\0\0\xc0\x7f", 4));
  write(file, broken);
  run_badly(ask + "st-gumbel", 1, "holds NaN or infinity");
  run_badly("pool check odd", 1, "1 problem");
  write(file, whole.substr(0, 100));
  run_badly("pool check odd", 1, "1 problem");
  write(file, whole);
  write(scratch() / "odd/router.json", "{");
  run_badly("pool check odd", 1, "1 problem");
}

BOOST_AUTO_TEST_CASE(nothing_of_anothers_is_written_over) {
  const std::string model = (demo() / "model").string(), gates = "colours/gate.safetensors";
  fs::copy(demo() / "pool", scratch() / "kept", fs::copy_options::recursive);
  run_well(base("gate") + "--expert kept/colours --output elsewhere --steps 2 --batch 4");
  BOOST_TEST((read(scratch() / "kept" / gates) == read(demo() / "pool" / gates)));
  BOOST_TEST(fs::exists(scratch() / "elsewhere/gate.safetensors"));
  run_badly(base("full") + "--steps 1 --batch 4 --output " + model, 1, "is the model that is trained from");
  run_badly(base("joint") + "--steps 1 --batch 4 --output kept", 1, "is an expert already");
  run_badly(base("expert") + "--steps 1 --batch 4 --output kept/colours", 1, "holds an expert already");

  // What is being trained is no broken expert of its pool.
  fs::create_directories(scratch() / "kept/unfinished/training");
  const auto r = run("generate --model " + model + " --pool kept --prompt butter");
  BOOST_TEST(r.status == 0);
  BOOST_TEST(r.err.find("kept/unfinished: its training is not finished") != std::string::npos, r.err);
}

BOOST_AUTO_TEST_CASE(going_on_with_other_data_is_refused) {
  fs::copy(data(), scratch() / "more.jsonl");
  // A validation file is among the settings that going on takes up.
  run_well("train expert --model " + (demo() / "model").string() + " --data words.jsonl --validation more.jsonl " +
           "--threads 1 --rank 2 --targets q --batch 4 --steps 2 --output checked/one");
  run_well("train expert --resume --steps 3 --output checked/one");
  const std::string command = "train expert --model " + (demo() / "model").string() +
                              " --data more.jsonl --threads 1 " + "--rank 2 --targets q --batch 4 ";
  run_well(command + "--steps 2 --output moved/one");
  run_badly("train expert --resume --steps 3 --data more.jsonl words.jsonl --output moved/one", 1,
            "--data is more.jsonl words.jsonl, and the training");
  run_badly("train expert --resume --steps 3 --checkpointing --output moved/one", 1, "--checkpointing is true");
  fs::rename(scratch() / "moved/one", scratch() / "moved/two");
  run_well("train expert --resume --steps 3 --output ./moved/two/");  // a folder may be renamed, and written otherwise
  write(scratch() / "more.jsonl", read(scratch() / "more.jsonl") + "{\"input\": \"a\", \"target\": \"b\"}\n");
  run_badly("train expert --resume --steps 4 --output moved/two", 1, "files of 60 examples");
}

BOOST_AUTO_TEST_CASE(the_model_directory_says_what_its_weights_are) {
  fs::copy(demo() / "model", scratch() / "old");
  auto config = read(demo() / "model/config.json");
  config.insert(1, "\"torch_dtype\": \"float16\", \"tie_word_embeddings\": true, ");
  config.erase(config.find("\"tie_word_embeddings\": false"), std::string("\"tie_word_embeddings\": false,").size());
  write(scratch() / "old/config.json", config);
  fs::rename(scratch() / "old/spiece.model", scratch() / "own.model");
  run_well("train full --config old/config.json --vocab own.model --data " + data().string() +
           " --steps 1 --batch 4 --output new");
  const auto written = anser::read_json((scratch() / "new/config.json").string());
  BOOST_TEST(written.text("torch_dtype") == "float32");
  BOOST_TEST(written.boolean("tie_word_embeddings"));
  run_well("generate --model new --prompt butter");

  fs::copy(scratch() / "own.model", scratch() / "old/spiece.model");
  run_well("train full --model old --data " + data().string() +
           " --steps 1 --batch 4 --output apart");  // lm_head is there
  BOOST_TEST(!anser::read_json((scratch() / "apart/config.json").string()).boolean("tie_word_embeddings"));
}
