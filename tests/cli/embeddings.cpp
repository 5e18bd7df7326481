// pool embeddings: what retrieval compares an input with.
#include "program.hpp"

using namespace program;
using anser::Safetensors;

namespace {

std::vector<float> rows_of(const fs::path& expert, int n) {
  std::vector<float> v(std::size_t(n) * 32);
  anser::convert(Safetensors::open((expert / "embeddings.safetensors").string())->get("embeddings", {n, 32}), v.data());
  return v;
}

}  // namespace

BOOST_AUTO_TEST_CASE(embeddings_of_an_experts_data) {
  const fs::path pool = scratch() / "embedded";
  fs::copy(golden("pool/even"), pool, fs::copy_options::recursive);
  write(scratch() / "lines.jsonl",
        "{\"input\": \"The cat is\", \"choices\": [\"red\", \"mat\"]}\n{\"input\": \"hello\"}\n{\"input\": \"who\"}\n");
  const std::string with = "--encoder " + golden("bert/model") + " --data lines.jsonl --expert colour ";
  run_well("pool embeddings embedded " + with);
  const auto rows = rows_of(pool / "colour", 3);
  const auto file = Safetensors::open((pool / "colour/embeddings.safetensors").string());
  BOOST_TEST(file->metadata().at("encoder") == "model");
  BOOST_TEST(file->metadata().at("encoder_hash").size() == 64u);
  // the last text of the golden file is what the first line becomes
  const auto golden_file = Safetensors::open(golden("bert/golden.safetensors"));
  const int n = golden_file->find("embeddings")->shape[0];
  std::vector<float> expected(std::size_t(n) * 32);
  anser::convert(golden_file->get("embeddings", {n, 32}), expected.data());
  for (std::size_t j = 0; j < 32; ++j)
    BOOST_CHECK_SMALL(double(rows[j]) - double(expected[std::size_t(n - 1) * 32 + j]), 1e-4);
  // fewer lines: the same rows, of those that were drawn
  run_well("pool embeddings embedded --examples 2 --seed 3 --batch-size 1 --threads 1 " + with);
  const auto two = rows_of(pool / "colour", 2);
  for (std::size_t r = 0; r < 2; ++r) {
    double nearest = 1;
    for (std::size_t other = 0; other < 3; ++other) {
      double apart = 0;
      for (std::size_t j = 0; j < 32; ++j) apart += std::abs(double(two[r * 32 + j]) - double(rows[other * 32 + j]));
      nearest = std::min(nearest, apart);
    }
    BOOST_TEST(nearest < 1e-4);
  }
  BOOST_TEST(run_well("pool check embedded").find("8 LORA experts") != std::string::npos);

  run_badly("pool embeddings embedded --encoder " + golden("v1_1") + " --data lines.jsonl --expert colour", 1,
            "model_type is t5");
  run_badly("pool embeddings embedded --encoder " + golden("bert/model") + " --data lines.jsonl --expert nobody", 1,
            "nobody is no expert");
  run_badly("pool embeddings embedded --encoder " + golden("bert/model") + " --data absent.jsonl --expert colour", 1,
            "absent.jsonl");
  write(scratch() / "bad.jsonl", "{\"inputs\": \"x\"}\n");
  run_badly("pool embeddings embedded --encoder " + golden("bert/model") + " --data bad.jsonl --expert colour", 1,
            "bad.jsonl:1: the key \"input\" is missing");
  run_badly("pool embeddings embedded --encoder absent --data lines.jsonl --expert colour", 1, "absent");
  run_badly("pool embeddings embedded " + with + "--examples 0", 2, "0 is not a whole number from 1");
  BOOST_TEST(rows_of(pool / "colour", 2) == two, boost::test_tools::per_element());  // as it was
}
