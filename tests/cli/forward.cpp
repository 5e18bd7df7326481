// anser forward against the golden files, with and without a pool.
#include "program.hpp"

using namespace program;
using anser::NamedTensor;
using anser::Safetensors;

namespace {

/// The inputs of one golden set as anser forward reads them.
std::string inputs_of(const Safetensors& file, const std::string& set) {
  std::vector<NamedTensor> tensors;
  for (const char* name : {"input_ids", "attention_mask", "decoder_input_ids"})
    tensors.emplace_back(name, *file.find(set + '.' + name));
  anser::write_safetensors((scratch() / "in.safetensors").string(), tensors);
  return "--tensors in.safetensors --output out.safetensors";
}

void compare(const std::string& options, const std::string& golden_file, const std::string& set, double tolerance) {
  BOOST_TEST_CONTEXT(options << ' ' << golden_file << ' ' << set) {
    const Safetensors expected(golden(golden_file));
    run_well("forward " + options + ' ' + inputs_of(expected, set));
    const Safetensors out((scratch() / "out.safetensors").string());
    for (const char* name : {"logits", "encoder_last_hidden_state"}) {
      auto a = numbers(out, name), b = numbers(expected, set + '.' + name);
      if (std::string(name) != "logits") {  // the reference computes padding too, and nobody reads it
        const auto mask = numbers(expected, set + ".attention_mask");
        const std::size_t width = a.size() / mask.size();
        for (std::size_t i = 0; i < a.size(); ++i)
          if (mask[i / width] == 0) a[i] = b[i] = 0;
      }
      BOOST_TEST(error(a, b) <= tolerance, name << ": " << error(a, b));
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_variant) {
  for (const std::string variant : {"v1_0", "v1_0_dkv", "v1_1", "v1_1_buckets", "v1_1_tied", "v5", "v5_v1_1"}) {
    compare("--model " + golden(variant), variant + "/golden.safetensors", "padded", 1e-4);
    compare("--dtype bf16 --model " + golden(variant), variant + "/golden.safetensors", "padded", 3e-2);
  }
  compare("--model " + golden("v1_1"), "v1_1/golden.safetensors", "long", 1e-4);
}

BOOST_AUTO_TEST_CASE(pools_equal_the_transcription) {
  const std::string even = "--model " + golden("v1_1") + " --pool " + golden("pool/even") + ' ';
  for (const std::string k : {"1", "2", "8"})
    compare(even + "--top-k " + k, "pool/even.k" + k + ".safetensors", "padded", 1e-4);
  compare(even + "--router uniform", "pool/even.uniform.safetensors", "padded", 1e-4);
  compare(even + "--router none", "v1_1/golden.safetensors", "padded", 1e-4);
  compare("--model " + golden("v1_1") + " --pool " + golden("pool/mixed"), "pool/mixed.k2.safetensors", "padded", 1e-4);
}

BOOST_AUTO_TEST_CASE(routing_is_written) {
  constexpr std::size_t k = 2;
  const Safetensors expected(golden("pool/even.k2.safetensors"));
  run_well("forward --routing --top-k 2 --model " + golden("v1_1") + " --pool " + golden("pool/even") + ' ' +
           inputs_of(expected, "padded"));
  const Safetensors out((scratch() / "out.safetensors").string());
  BOOST_TEST(out.metadata().at("experts").starts_with("antonym\ncapital\n"));
  const auto mask = numbers(expected, "padded.attention_mask");
  std::size_t sites = 0;
  for (const auto& e : expected.entries()) {
    const std::string prefix = "padded.routing.", ending = ".expert";
    if (!e.name.starts_with(prefix) || !e.name.ends_with(ending)) continue;
    const std::string site = e.name.substr(7, e.name.size() - 7 - ending.size());  // routing.<site>
    ++sites;
    const auto expert = numbers(out, site + ".expert"), weight = numbers(out, site + ".weight");
    const auto chosen = numbers(expected, e.name), share = numbers(expected, "padded." + site + ".weight");
    BOOST_REQUIRE(expert.size() == chosen.size());
    const bool reads_source = expert.size() == k * mask.size();
    double worst = 0;
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      if (reads_source && mask[i / k] == 0) continue;
      const auto row = expert.begin() + std::ptrdiff_t(i / k * k);
      const auto at = std::find(row, row + k, chosen[i]) - expert.begin();
      worst = std::max(worst, std::size_t(at) < i / k * k + k ? std::abs(weight[std::size_t(at)] - share[i]) : 1);
    }
    BOOST_TEST(worst <= 1e-5, site << ": " << worst);
  }
  BOOST_TEST(sites == 36u);
}

BOOST_AUTO_TEST_CASE(tensors_at_fault) {
  const std::string model = "forward --model " + golden("v1_1") + " --output out.safetensors --tensors ";
  const auto with = [&](std::vector<std::int64_t> ids, anser::Shape shape, std::vector<std::int64_t> mask) {
    const std::vector<std::int64_t> decoder(static_cast<std::size_t>(shape[0]), 0);
    std::vector<NamedTensor> tensors = {{"input_ids", anser::stored_view(ids.data(), shape)},
                                        {"decoder_input_ids", anser::stored_view(decoder.data(), {shape[0], 1})}};
    if (!mask.empty()) tensors.emplace_back("attention_mask", anser::stored_view(mask.data(), shape));
    anser::write_safetensors((scratch() / "in.safetensors").string(), tensors);
    return model + "in.safetensors";
  };
  run_well(with({5, 6, 1}, {1, 3}, {}));
  run_badly(with({5, 128, 1}, {1, 3}, {}), 1,
            "in.safetensors: input: the id 128 in row 0 is not among the model's, 0 to 127");
  run_badly(with({5, -1, 1}, {1, 3}, {}), 1, "-1");
  run_badly(with({5, std::int64_t(1) << 40, 1}, {1, 3}, {}), 1, "neither a token id nor a mask");
  run_badly(with({5, 6, 1}, {1, 3}, {0, 0, 0}), 1, "row 0 is all padding");
  run_badly(with({5, 6, 1}, {1, 3}, {1, 2, 1}), 1, "mask");
  run_badly(with({5, 6, 1}, {3}, {}), 1, "[examples, tokens]");
  anser::write_safetensors((scratch() / "in.safetensors").string(), {});
  run_badly(model + "in.safetensors", 1, "input_ids is missing");
  write(scratch() / "cut.safetensors", read(golden("v1_1/golden.safetensors")).substr(0, 1000));
  run_badly(model + "cut.safetensors", 1, "cut.safetensors");
  run_badly(model + "absent.safetensors", 1, "absent.safetensors");
  const std::string to = "forward --model " + golden("v1_1") + " --tensors " + golden("v1_1/golden.safetensors");
  run_badly(to, 2, "--output");
  const std::string good = with({5, 6, 1}, {1, 3}, {});
  run_badly(good.substr(0, good.find("--output")) + "--tensors in.safetensors --output /dev/full", 1, "/dev/full");
  run_badly(good.substr(0, good.find("--output")) + "--tensors in.safetensors --output " + scratch().string(), 1,
            "is a directory");
}
