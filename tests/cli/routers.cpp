// Every router and every kind of expert through the program.
#include "program.hpp"

using namespace program;

namespace {

/// Logits' stand-in: the scores of two choices, told digit by digit.
std::string scores(const std::string& options) {
  if (!fs::exists(scratch() / "asked.jsonl"))
    write(scratch() / "asked.jsonl",
          "{\"input\": \"the red fish\", \"choices\": [\"cold\", \"water\"], \"task\": \"a\"}\n"
          "{\"input\": \"seven and two\", \"choices\": [\"nine\", \"blue\"], \"task\": \"b\"}\n");
  std::string said;
  for (const auto& line : lines(run_well("score " + options + " --input asked.jsonl --threads 1")))
    said += line.at("scores").written() + '\n';
  return said;
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const auto& entry : fs::directory_iterator(demo() / "pool")) all.push_back(entry.path().filename().string());
  std::sort(all.begin(), all.end());
  return all;
}

fs::path data() {
  const auto path = scratch() / "pairs.jsonl";
  std::string text;
  for (int i = 0; i < 24; ++i)
    text += "{\"input\": \"say " + std::to_string(i) + "\", \"target\": \"" + std::to_string(i) + "\"}\n";
  write(path, text);
  return path;
}

}  // namespace

BOOST_AUTO_TEST_CASE(fixed_mixes_and_oracles) {
  const auto who = names();
  const auto first = scores(demo_pool() + "--router single --expert " + who[0]);
  BOOST_TEST(first != scores(demo_pool() + "--router single --expert " + who[1]));
  write(scratch() / "one.json", "{\"" + who[0] + "\": 1}");
  BOOST_TEST(scores(demo_pool() + "--router weights --weights one.json") == first);
  std::string equal;
  for (const auto& name : who) equal += (equal.empty() ? "{\"" : ", \"") + name + "\": 0.125";
  write(scratch() / "equal.json", equal + '}');
  BOOST_TEST(scores(demo_pool() + "--router weights --weights equal.json") == scores(demo_pool() + "--router uniform"));
  write(scratch() / "stranger.json", "{\"nobody\": 1}");
  run_badly("score " + demo_pool() + "--router weights --weights stranger.json --input asked.jsonl", 1,
            "stranger.json: the pool has no expert nobody; its experts are arithmetic");
  // Each line follows its own task's expert, however the lines are batched.
  write(scratch() / "tasks.json", "{\"a\": \"" + who[0] + "\", \"b\": \"" + who[1] + "\"}");
  const auto by_task = scores(demo_pool() + "--router oracle --tasks-to-experts tasks.json --batch-size 1");
  const auto second = scores(demo_pool() + "--router single --batch-size 1 --expert " + who[1]);
  const auto alone = scores(demo_pool() + "--router single --batch-size 1 --expert " + who[0]);
  BOOST_TEST(by_task.substr(0, by_task.find('\n')) == alone.substr(0, alone.find('\n')));
  BOOST_TEST(by_task.substr(by_task.find('\n')) == second.substr(second.find('\n')));
  run_well("trace " + demo_pool() +
           "--router oracle --tasks-to-experts tasks.json --input asked.jsonl --output o.jsonl");
  BOOST_TEST(lines(read(scratch() / "o.jsonl"))[0].at("experts").items()[0].items()[0].text() == who[0]);

  run_badly("score " + demo_pool() + "--router single --input asked.jsonl", 1, "the router single needs --expert");
  run_badly("score " + demo_pool() + "--router single --expert nobody --input asked.jsonl", 1,
            "--expert nobody is none of its experts; they are arithmetic");
  run_badly("score " + demo_pool() + "--expert " + who[0] + " --input asked.jsonl", 1,
            "--expert is a setting of the router single");
  write(scratch() / "tasks.json", "{\"a\": \"" + who[0] + "\"}");
  run_badly("score " + demo_pool() + "--router oracle --tasks-to-experts tasks.json --input asked.jsonl", 1,
            "asked.jsonl:2: the task \"b\" is not in tasks.json");
}

BOOST_AUTO_TEST_CASE(spectra_and_activations) {
  const auto arrow = scores(demo_pool() + "--router arrow");
  BOOST_TEST(arrow != scores(demo_pool() + "--router spectr"));
  BOOST_TEST(arrow != scores(demo_pool() + "--router arrow --router-option temperature=0.1"));
  run_badly("score " + demo_pool() + "--router arrow --router-option heat=1 --input asked.jsonl", 1,
            "the one setting temperature");
  run_badly("score " + demo_pool() + "--router arrow --router-option temperature= --input asked.jsonl", 1,
            "a value is missing behind =");
  run_badly("score " + demo_pool() + "--router-option temperature=1 --input asked.jsonl", 1, "has no such settings");

  fs::copy(demo() / "pool", scratch() / "active", fs::copy_options::recursive);
  const std::string active = demo_model() + "--pool active ";
  run_badly("score " + active + "--router average-activation --input asked.jsonl", 1, "pool activations");
  run_badly("pool activations active " + demo_model(), 1, "as what it was trained on, and there is no such file");
  run_well("pool activations active " + demo_model() + "--data " + data().string() + " --examples 7 --batch-size 3");
  BOOST_TEST(scores(active + "--router average-activation") != scores(active + "--router phatgoose"));
  // The rows do not depend on how texts were batched, but for rounding; and who has them is left alone.
  const auto first = read(scratch() / "active" / names()[0] / "activations.safetensors");
  run_well("pool activations active " + demo_model() + "--data " + data().string() + " --examples 5");
  BOOST_TEST((read(scratch() / "active" / names()[0] / "activations.safetensors") == first));
  const auto file = (scratch() / "active" / names()[0] / "activations.safetensors").string();
  const auto before = anser::Safetensors::open(file);
  const std::string site = before->names()[0];
  const auto rows = numbers(*before, site);
  run_well("pool activations active " + demo_model() + "--experts " + names()[0] + " --again --data " +
           data().string() + " --examples 7 --batch-size 1");
  BOOST_TEST(error(numbers(*anser::Safetensors::open(file), site), rows) < 1e-4);
}

BOOST_AUTO_TEST_CASE(some_of_a_pool) {
  const auto who = names();
  const auto one = scores(demo_pool() + "--router single --expert " + who[2]);
  BOOST_TEST(scores(demo_pool() + "--router uniform --allow " + who[2]) == one);
  std::string others;
  for (const auto& name : who)
    if (name != who[2]) others += (others.empty() ? "" : ",") + name;
  BOOST_TEST(scores(demo_pool() + "--router uniform --deny " + others) == one);
  BOOST_TEST(scores(demo_pool() + "--router uniform --allow ' " + who[2] + " , " + who[2] + "'") == one);
  run_badly("score " + demo_pool() + "--allow 'a, ,b' --input asked.jsonl", 2, "a name is empty");
  // Who is denied is as if not there, however broken.
  fs::copy(demo() / "pool", scratch() / "partly", fs::copy_options::recursive);
  write(scratch() / "partly" / who[0] / "adapter_model.safetensors", "cut");
  run_badly("score " + demo_model() + "--pool partly --input asked.jsonl", 1, who[0]);
  BOOST_TEST(scores(demo_model() + "--pool partly --router uniform --deny " + others) == one);
  run_badly("score " + demo_pool() + "--deny nobody --input asked.jsonl", 1,
            "there is no expert \"nobody\"; there are arithmetic");
  run_badly("score " + demo_pool() + "--allow " + who[0] + " --deny " + who[0] + " --input asked.jsonl", 1,
            "leave no expert");
}

BOOST_AUTO_TEST_CASE(other_kinds_of_experts) {
  const std::string brief =
      demo_model() + "--data " + data().string() + " --steps 6 --batch 8 --learning-rate 0.02 --threads 1 ";
  for (const std::string module : {"ia3", "adapter"}) {
    const std::string pool = module + "-pool";
    for (const std::string name : {"a", "b"})
      run_well("train expert " + brief + "--module " + module + (module == "adapter" ? " --no-norm" : "") +
               (name == "a" ? " --seed 1" : " --seed 2") + " --output " + pool + '/' + name);
    BOOST_TEST(run_well("pool check " + pool + ' ' + demo_model()).find("no problems") != std::string::npos);
    const std::string with = demo_model() + "--pool " + pool + " --router ";
    const auto base = scores(demo_model());
    const auto mean = scores(with + "uniform");
    BOOST_TEST(mean != base);
    BOOST_TEST(scores(with + "none") == base);
    BOOST_TEST(scores(with + "single --expert a") != mean);
    run_badly("score " + with + "arrow --input asked.jsonl", 1, "cannot be combined with");
    run_badly("score " + with + "phatgoose --input asked.jsonl", 1, "these experts have none: a, b");
    for (const std::string name : {"a", "b"}) run_well("train gate " + brief + "--expert " + pool + '/' + name);
    scores(with + "phatgoose --top-k 1");
    run_well("pool activations " + pool + ' ' + demo_model());
    scores(with + "average-activation");
    // Trained together with a router that averages their parameters.
    run_well("train joint " + brief + "--module " + module + " --experts 2 --output " + module + "-joint");
    const std::string joint = demo_model() + "--pool " + module + "-joint --router ";
    BOOST_TEST(scores(joint + "smear") != scores(joint + "uniform"));
  }
  // Adapters with norms of their own, which no site could share: a fault of the pool, but not where nobody is heard.
  for (const std::string seed : {"1", "2"})
    run_well("train expert " + brief + "--module adapter --output apart/" + seed + " --seed " + seed);
  const auto checked = run("pool check apart");
  BOOST_TEST(checked.status == 1);
  BOOST_TEST(checked.out.starts_with("apart/2 and apart/1 have other norms at "), checked.out);
  BOOST_TEST(std::count(checked.out.begin(), checked.out.end(), '\n') == 1);
  run_well("pool check apart --headers");
  run_badly("score " + demo_model() + "--pool apart --router uniform --input asked.jsonl", 1, "have other norms at ");
  BOOST_TEST(scores(demo_model() + "--pool apart --router none") == scores(demo_model()));
  run_badly("score " + demo_model() + "--pool ia3-pool --router smear --input asked.jsonl", 1, "router.safetensors");
}
