// pool merge, end to end.
#include "program.hpp"

using namespace program;
using anser::Safetensors;

namespace {

/// Logits of `anser forward` on the inputs of a golden file.
std::vector<double> logits(const std::string& arguments, const Safetensors& inputs) {
  std::vector<anser::NamedTensor> tensors;
  for (const std::string name : {"input_ids", "attention_mask", "decoder_input_ids"})
    tensors.emplace_back(name, *inputs.find("single." + name));
  anser::write_safetensors((scratch() / "merge-in.safetensors").string(), tensors);
  run_well("forward " + arguments + " --tensors merge-in.safetensors --output merge-out.safetensors");
  return numbers(Safetensors((scratch() / "merge-out.safetensors").string()), "logits");
}

bool has(const std::string& text, const std::string& words) { return text.find(words) != std::string::npos; }

}  // namespace

BOOST_AUTO_TEST_CASE(a_linear_merge_computes_what_uniform_does) {
  const Safetensors file(golden("pool/even.uniform.safetensors"));
  const auto expected = numbers(file, "single.logits");
  const std::string model = "--model " + golden("v1_1") + ' ';
  const auto said = run_well("pool merge " + golden("pool/even") + " --output merges/linear");
  BOOST_TEST(has(said, "antonym"), said);
  BOOST_TEST(has(said, "0.125"), said);
  BOOST_TEST(has(said, "linear of 8 experts -> merges/linear: exact"), said);
  BOOST_TEST(error(logits(model + "--pool merges --router uniform", file), expected) < 1e-4);

  run_well("pool merge " + golden("pool/even") + " --method linear --output merged-model " + model);
  BOOST_TEST(error(logits("--model merged-model", file), expected) < 1e-4);

  run_well("pool merge " + golden("pool/even") + " --method cat --lambda 0.125 --output stacks/cat");
  BOOST_TEST(error(logits(model + "--pool stacks --router uniform", file), expected) < 1e-4);
  run_well("pool check merges --model " + golden("v1_1"));
  run_badly("pool merge " + golden("pool/even") + " --output merges/linear", 1, "merges/linear is there already");
}

BOOST_AUTO_TEST_CASE(cuts_tell_what_they_lose) {
  const std::string pool = "pool merge " + golden("pool/mixed") + " --experts antonym,date ";
  const auto said = run_well(pool + "--method svd --rank 1 --output cut --weights 2,1");
  BOOST_TEST(has(said, "the cut to a rank loses "), said);
  BOOST_TEST(has(said, "mean error"), said);
  BOOST_TEST(has(said, "all "), said);
  BOOST_TEST(has(said, "SelfAttention."), said);
  BOOST_TEST(!has(said, "capital"), said);
  const auto record = anser::read_json((scratch() / "cut/merge.json").string());
  BOOST_TEST(record.at("weights").real("antonym") == 2);
  BOOST_TEST(record.real("error") > 0.01);
  for (const std::string method : {"ties", "dare_ties_svd --density 0.5", "dare-linear --density 0.5 --seed 3",
                                   "magnitude-prune --density 0.1", "task-arithmetic --lambda 0.3"}) {
    const std::string output = "all-methods/" + method.substr(0, method.find(' '));
    run_well(pool + "--method " + method + " --output " + output);
  }
  BOOST_TEST(has(run_well("pool list all-methods"), "dare_ties_svd"));
  BOOST_TEST(anser::read_json((scratch() / "all-methods/ties/merge.json").string()).real("density") == 0.2);
}

BOOST_AUTO_TEST_CASE(weights_come_from_files_too) {
  write(scratch() / "weights.json", R"({"date": 0.25, "antonym": 4})");
  const std::string pool = "pool merge " + golden("pool/even") + ' ';
  run_well(pool + "--experts antonym,date --weights weights.json --output by-file");
  run_well(pool + "--experts antonym,date --weights 4,0.25 --output by-list");
  BOOST_TEST(read(scratch() / "by-file/adapter_model.safetensors") ==
             read(scratch() / "by-list/adapter_model.safetensors"));
  run_badly(pool + "--weights weights.json --output x", 1, "capital has no weight");
  run_badly(pool + "--weights 1,2 --output x", 1, "2 numbers for 8 experts");
  run_badly(pool + "--experts antonym --weights one --output x", 1, "one is not a number");
}

BOOST_AUTO_TEST_CASE(merges_that_cannot_be_are_refused) {
  const std::string pool = "pool merge " + golden("pool/even") + " --output x ";
  run_badly(pool + "--method tie", 2, "did you mean ties?");
  run_badly(pool + "--method dare-ties", 1, "--density X is needed for dare-ties");
  run_badly(pool + "--method cat --density 0.5", 1, "--density has no effect on cat");
  run_badly(pool + "--method ties --density 0", 2, "0 is not a number from");
  run_badly(pool + "--experts antonym,nobody", 1, "no expert nobody");
  run_badly(pool + "--model " + (demo() / "model").string(), 1, "do not fit the base model");
  run_badly("pool merge " + golden("pool/even"), 2, "--output");
  BOOST_TEST(!fs::exists(scratch() / "x"));

  fs::copy(golden("pool/even"), scratch() / "merge-half", fs::copy_options::recursive);
  write(scratch() / "merge-half/date/adapter_model.safetensors", "short");
  run_badly("pool merge merge-half --output y", 1, "--skip-broken");
  const auto r = run("pool merge merge-half --skip-broken --output y");
  BOOST_TEST(r.status == 0, r.err);
  BOOST_TEST(has(r.err, "left out: merge-half/date"), r.err);
  BOOST_TEST(has(r.out, "linear of 7 experts"), r.out);
}
