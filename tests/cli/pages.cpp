// Pages whose commands readers copy: every block is run, in the order of the page.
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
