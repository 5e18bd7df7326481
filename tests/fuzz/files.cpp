// Model, expert and pool files cut and changed anywhere: each is read rightly, or refused with one Error.
#include <sys/resource.h>

#include <anser/io/hf.hpp>
#include <anser/io/pool.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <random>

#include "../io/temporary.hpp"

namespace {

using io_test::Folder;

/// ANSER_FUZZ_ROUNDS multiplies the numbers of mutants; ANSER_FUZZ_SEED changes them.
std::size_t from_environment(const char* name, std::size_t otherwise) {
  const char* given = std::getenv(name);
  return given ? std::size_t(std::max(1, std::atoi(given))) : otherwise;
}

/// Less address space, so that an allocation without bound fails here and not on a user's machine.
/// Sanitizers reserve terabytes of it for themselves.
class LittleMemory {
 public:
  LittleMemory() {
    getrlimit(RLIMIT_AS, &before_);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    const rlimit little{rlim_t(4) << 30, before_.rlim_max};
    setrlimit(RLIMIT_AS, &little);
#endif
  }
  ~LittleMemory() { setrlimit(RLIMIT_AS, &before_); }

 private:
  rlimit before_{};
};

class Mutator {
 public:
  explicit Mutator(std::size_t seed) : random_(seed) {}
  std::size_t below(std::size_t n) { return n ? random_() % n : 0; }

  /// One to three changes, anywhere in the bytes.
  std::string bytes(std::string s) {
    for (std::size_t changes = 1 + below(3); changes-- > 0 && !s.empty();) {
      const std::size_t at = below(s.size()), from = below(s.size());
      const std::size_t run = std::min({1 + below(12), s.size() - at, s.size() - from});
      switch (below(6)) {
        case 0: s[at] = char(s[at] ^ (1 << below(8))); break;
        case 1: s[at] = char(below(256)); break;
        case 2: s.replace(at, run, s.substr(from, run)); break;
        case 3: s.erase(at, run); break;
        case 4: s.insert(at, s.substr(from, run)); break;
        default: s.resize(at);
      }
    }
    return s;
  }

  /// One or two changes that leave it JSON, or nearly: a value or a name becomes another.
  std::string json(std::string s) {
    for (std::size_t changes = 1 + below(2); changes-- > 0;) {
      const auto [at, length] = token(s);
      s.replace(at, length, pick());
    }
    return s;
  }

  /// A safetensors file whose header was changed and whose length still says where it ends.
  std::string header(const std::string& s) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 8; ++i) length |= std::size_t(static_cast<unsigned char>(s[i])) << (8 * i);
    const std::string text = s.substr(8, length), changed = below(4) ? json(text) : bytes(text);
    return io_test::safetensors(changed, 0) + s.substr(8 + length);
  }

 private:
  /// A number, a word or a text between quotes.
  std::pair<std::size_t, std::size_t> token(const std::string& s) {
    std::vector<std::pair<std::size_t, std::size_t>> all;
    for (std::size_t i = 0; i < s.size();) {
      std::size_t end = i + 1;
      if (s[i] == '"') {
        while (end < s.size() && s[end] != '"') ++end;
        end = std::min(end + 1, s.size());
      } else if (std::isalnum(static_cast<unsigned char>(s[i])) || s[i] == '-') {
        while (end < s.size() && (std::isalnum(static_cast<unsigned char>(s[end])) || s[end] == '.')) ++end;
      } else {
        ++i;
        continue;
      }
      all.emplace_back(i, end - i);
      i = end;
    }
    return all.empty() ? std::pair<std::size_t, std::size_t>(0, 0) : all[below(all.size())];
  }
  std::string pick() {
    static const std::vector<std::string> values = {
        "0",
        "1",
        "-1",
        "2",
        "3",
        "64",
        "2147483647",
        "2147483648",
        "4294967296",
        "4611686018427387904",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "1e308",
        "1e999",
        "0.5",
        "-0",
        "true",
        "false",
        "null",
        "[]",
        "{}",
        "[[[[[[[]]]]]]]",
        "\"\"",
        "\"F32\"",
        "\"F16\"",
        "\"BF16\"",
        "\"F64\"",
        "\"I64\"",
        "\"U8\"",
        "\"F8_E4M3\"",
        "\"BOOL\"",
        "\"NEW\"",
        "\"q\"",
        "\".*\"",
        "\"(a*)*\"",
        "\"(\"",
        "\"(?=.*)*(.*)*(.*)*x\"",
        "\"all-linear\"",
        "\"LORA\"",
        "\"IA3\"",
        "\"ANSER_ADAPTER\"",
        "\"a.safetensors\"",
        "\"../m/model.safetensors\"",
        "\"\\u0000\"",
        "\"shape\"",
        "\"dtype\"",
        "\"data_offsets\"",
        "\"__metadata__\"",
        "\"r\"",
        "\"lora_alpha\"",
        "\"rank_pattern\"",
        "\"base_model.model.encoder.block.0.layer.0.SelfAttention.q.lora_A.weight\""};
    return values[below(values.size())];
  }

  std::mt19937_64 random_;
};

struct Outcome {
  std::size_t read = 0, refused = 0;
};

/// Runs `read`, which may throw Error alone: one line that names a file below the folder.
void attempt(const Folder& folder, const std::string& what, const std::function<void()>& read, Outcome& outcome) {
  BOOST_TEST_CHECKPOINT(what);
  const auto start = std::chrono::steady_clock::now();
  try {
    read();
    ++outcome.read;
  } catch (const anser::Error& e) {
    ++outcome.refused;
    const std::string said = e.what();
    if (said.find(folder.path()) == said.npos || said.size() > 4000)
      BOOST_ERROR(what + ": an error of another form: " + said);
  } catch (const std::exception& e) {
    BOOST_ERROR(what + ": another exception: " + e.what());
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (seconds > 20) BOOST_ERROR(what + " took " + std::to_string(seconds) + " s");
}

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
  const bool json = file.ends_with(".json");
  Outcome sound, changed, cuts;
  attempt(folder, file, read, sound);
  BOOST_TEST(sound.read == 1u);
  Mutator mutator(seed);
  for (std::size_t i = 0; i < rounds; ++i) {
    const bool form = mutator.below(2);
    folder.write(file, form ? json ? mutator.json(whole) : mutator.header(whole) : mutator.bytes(whole));
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
    }
  }
  // Eight zeros are a header of no bytes, which is no object either.
  BOOST_TEST(outcome.read == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
