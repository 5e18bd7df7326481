// Model, expert and pool files cut and changed anywhere: each is read rightly, or refused with one Error.
#include <anser/io/hf.hpp>
#include <anser/io/pool.hpp>
#include <anser/io/torch_file.hpp>
#include <boost/test/unit_test.hpp>
#include <functional>

#include "mutator.hpp"

namespace {

using namespace fuzz_test;

/// Every number of every tensor that can be computed with, and none beyond the file.
void use(const anser::Source& source) {
  for (const std::string& name : source.names()) {
    const auto t = source.find(name);
    anser::check(t.has_value(), source.origin(), ": ", name, " is listed and not there");
    unsigned sum = 0;
    for (std::size_t i = 0; i < t->bytes(); ++i) sum += unsigned(t->data[i]);
    anser::find_non_finite(*t);
    if (t->dtype == anser::DType::f32 && t->shape.size() > 0) {
      std::vector<float> numbers(t->shape.size());
      anser::convert(*t, numbers.data());
    }
    if (t->evict && sum % 3 == 0) t->evict();
  }
}

void use(const anser::Expert& e) {
  use(*e.tensors);
  if (e.gates) use(*e.gates);
  for (const std::string& site : e.sites)
    if (e.scale) e.scale(site, 4);
}

const std::string q = "encoder.block.0.layer.0.SelfAttention.q", wo = "encoder.block.0.layer.1.DenseReluDense.wo";

void write_model(const Folder& folder) {
  folder.write("m/config.json", R"({
  "model_type": "t5", "d_model": 8, "num_layers": 2, "feed_forward_proj": "gated-gelu", "layer_norm_epsilon": 1e-06,
  "tie_word_embeddings": false, "task_specific_params": {"a": {"prefix": "x: ", "max_length": 300}}, "ids": [1, 2, null]
})");
  io_test::write_tensors(folder.path("m/model.safetensors"),
                         {{"shared.weight", {16, 8}}, {"a.weight", {8, 8}}, {"b", {8}}}, {{"format", "pt"}});
}

void write_shards(const Folder& folder) {
  folder.write("s/config.json", "{}");
  io_test::write_tensors(folder.path("s/a.safetensors"), {{"shared.weight", {16, 8}}});
  io_test::write_tensors(folder.path("s/b.safetensors"), {{"a.weight", {8, 8}}, {"b", {8}}});
  folder.write("s/model.safetensors.index.json", R"({"metadata": {"total_size": 800}, "weight_map":
    {"shared.weight": "a.safetensors", "a.weight": "b.safetensors", "b": "b.safetensors"}})");
}

void write_expert(const Folder& folder) {
  folder.write("p/e/adapter_config.json", R"({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "use_rslora": false,
    "target_modules": ["q", "wo"], "exclude_modules": null, "rank_pattern": {"wo": 2}, "alpha_pattern": {".*\\.wo": 3},
    "layers_to_transform": [0, 1], "layers_pattern": "layer", "bias": "none", "use_dora": false, "lora_dropout": 0.1,
    "modules_to_save": null, "init_lora_weights": true, "base_model_name_or_path": "t5-small"})");
  const std::string p = "base_model.model.";
  io_test::write_tensors(folder.path("p/e/adapter_model.safetensors"), {{p + q + ".lora_A.weight", {4, 8}},
                                                                        {p + q + ".lora_B.weight", {8, 4}},
                                                                        {p + wo + ".lora_A.weight", {2, 8}},
                                                                        {p + wo + ".lora_B.weight", {8, 2}}});
  io_test::write_tensors(folder.path("p/e/gate.safetensors"), {{q, {8}}, {wo, {8}}});
  folder.write("p/e/expert.json", R"({"name": "e", "base_model": "t5-small", "base_hash": "00ff",
    "training_data": "data.jsonl", "steps": 1000})");
}

/// Changes one file a few thousand times, and cuts it everywhere.
void fuzz(const Folder& folder, const std::string& file, const std::function<void()>& read) {
  const LittleMemory little;
  const std::size_t seed = from_environment("ANSER_FUZZ_SEED", 1),
                    rounds = 2000 * from_environment("ANSER_FUZZ_ROUNDS", 1);
  const std::string whole = io_test::read(folder.path(file));
  const bool json = file.ends_with(".json"), torch = file.ends_with(".bin");
  std::vector<std::pair<std::string, std::string>> inside;
  if (torch) {
    const anser::ZipFile zip(folder.path(file));
    for (const auto& e : zip.entries()) inside.emplace_back(e.name, zip.text(e));
  }
  Outcome sound, changed, cuts;
  attempt(folder, file, read, sound);
  BOOST_TEST(sound.read == 1u);
  Mutator mutator(seed);
  for (std::size_t i = 0; i < rounds; ++i) {
    const bool form = mutator.below(2);
    folder.write(file, !form   ? mutator.bytes(whole)
                       : json  ? mutator.json(whole)
                       : torch ? mutator.pickle(inside)
                               : mutator.header(whole));
    attempt(folder, anser::concat(file, ", seed ", seed, ", mutant ", i), read, changed);
  }
  BOOST_TEST_MESSAGE(file << ": " << changed.read << " read, " << changed.refused << " refused");
  BOOST_TEST(changed.refused > rounds / 10);

  // A text that ends after its last brace is whole, whatever blanks are missing behind it.
  const std::size_t end = json ? whole.rfind('}') + 1 : whole.size(), step = 1 + end / 1000;
  for (std::size_t n = 0; n < end; n += step) {
    folder.write(file, whole.substr(0, n));
    attempt(folder, anser::concat(file, " cut to ", n), read, cuts);
  }
  BOOST_TEST(cuts.read == 0u);
  folder.write(file, whole);
}

BOOST_AUTO_TEST_SUITE(files)

BOOST_AUTO_TEST_CASE(model_directories) {
  const Folder folder;
  write_model(folder);
  const auto read = [&] {
    const anser::ModelDirectory m(folder.path("m"));
    use(m);
    m.hash();
    m.config().text("model_type", "");
    m.config().integer("d_model", 1, 1 << 20, 512);
    m.config().real("layer_norm_epsilon", 0);
    m.config().boolean("tie_word_embeddings", true);
    m.config().written();
  };
  fuzz(folder, "m/model.safetensors", read);
  fuzz(folder, "m/config.json", read);
}

BOOST_AUTO_TEST_CASE(indexes_of_shards) {
  const Folder folder;
  write_shards(folder);
  const auto read = [&] {
    const anser::ModelDirectory m(folder.path("s"));
    use(m);
    m.hash();
  };
  fuzz(folder, "s/model.safetensors.index.json", read);
  fuzz(folder, "s/b.safetensors", read);
}

BOOST_AUTO_TEST_CASE(experts) {
  const Folder folder;
  write_expert(folder);
  const auto read = [&] {
    anser::PoolOptions options;
    options.base_hash = "ff00";
    const anser::Pool pool = anser::load_pool(folder.path("p"), options);
    for (const anser::Expert& e : pool.experts) use(e);
    anser::check_against(pool, {{q, 8, 8}, {wo, 8, 8}});
  };
  for (const char* file : {"adapter_config.json", "adapter_model.safetensors", "gate.safetensors", "expert.json"})
    fuzz(folder, std::string("p/e/") + file, read);
}

/// An expert as PEFT wrote it before safetensors.
void write_pickled_expert(const Folder& folder) {
  folder.write("t/e/adapter_config.json", R"({"peft_type": "LORA", "r": 2, "lora_alpha": 8, "target_modules": ["q"]})");
  const std::string at = "base_model.model." + q;
  const std::string pickle = "\x80\x02}q" + io_test::little(0, 1) + "(" + io_test::pickled(at + ".lora_A.weight") +
                             io_test::pickled_tensor({0, {2, 8}, {1, 2}, "FloatStorage", "0", 16}) + "q\1" +
                             io_test::pickled(at + ".lora_B.weight") +
                             io_test::pickled_tensor({4, {8, 2}, {2, 1}, "HalfStorage", "1", 20}) +
                             io_test::pickled("epoch") + "K\7" + io_test::pickled("settings") + "](N}e" + "u.";
  folder.write("t/e/adapter_model.bin", io_test::torch_file(pickle, {std::string(64, '\1'), std::string(40, '\2')}));
}

BOOST_AUTO_TEST_CASE(experts_that_torch_saved) {
  const Folder folder;
  write_pickled_expert(folder);
  fuzz(folder, "t/e/adapter_model.bin", [&] {
    const anser::Pool pool = anser::load_pool(folder.path("t"));
    for (const anser::Expert& e : pool.experts) use(e);
    anser::check_against(pool, {{q, 8, 8}});
  });
}

// With check sums compared, a changed file is refused, or its change was none of what was saved.
BOOST_AUTO_TEST_CASE(files_of_torch_that_pass_their_check_sums_are_what_was_saved) {
  const LittleMemory little;
  const Folder folder;
  write_pickled_expert(folder);
  for (const std::string& whole : {io_test::read(folder.path("t/e/adapter_model.bin")),
                                   io_test::read(std::string(ANSER_TEST_GOLDEN_DIR) + "/torch/views.pt")}) {
    BOOST_TEST_REQUIRE(!whole.empty(), "a golden file is missing; make it: tests/golden/make.py torch");
    const auto contents = [](const std::string& path) {
      const anser::TorchFile file(path);
      file.check_sums();
      std::map<std::string, std::string> all;
      for (const std::string& name : file.names()) {
        const auto t = *file.find(name);
        all[anser::concat(name, anser::name_of(t.dtype), t.shape)].assign(reinterpret_cast<const char*>(t.data),
                                                                          t.bytes());
      }
      return all;
    };
    const auto sound = contents(folder.write("sound.pt", whole));
    Outcome outcome;
    Mutator mutator(from_environment("ANSER_FUZZ_SEED", 1));
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < 2000 * from_environment("ANSER_FUZZ_ROUNDS", 1); ++i) {
      const std::string path = folder.write("changed.pt", mutator.bytes(whole));
      attempt(
          folder, anser::concat("check sums, mutant ", i), [&] { wrong += contents(path) != sound; }, outcome);
    }
    BOOST_TEST(wrong == 0u);
    BOOST_TEST(outcome.read > 0u);  // such as a date
    BOOST_TEST(outcome.refused > outcome.read);
  }
}

BOOST_AUTO_TEST_CASE(files_of_zeros_and_of_noise) {
  const Folder folder;
  Mutator mutator(from_environment("ANSER_FUZZ_SEED", 1));
  Outcome outcome;
  for (std::size_t size : {0, 1, 7, 8, 9, 16, 100, 4096, 100'000}) {
    std::string noise(size, '\0');
    for (const bool zeros : {true, false}) {
      if (!zeros)
        for (char& c : noise) c = char(mutator.below(256));
      const std::string path = folder.write("x", noise);
      attempt(
          folder, anser::concat("noise of ", size), [&] { anser::Safetensors::open(path); }, outcome);
      attempt(
          folder, anser::concat("noise of ", size), [&] { anser::read_json(path); }, outcome);
      attempt(
          folder, anser::concat("noise of ", size), [&] { anser::TorchFile::open(path); }, outcome);
    }
  }
  // Eight zeros are a header of no bytes, which is no object either.
  BOOST_TEST(outcome.read == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
