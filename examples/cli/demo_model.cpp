#include "demo_model.hpp"

#include <anser/cpu.hpp>
#include <anser/io/output_file.hpp>
#include <anser/io/peft.hpp>
#include <anser/io/vocabulary.hpp>

#include <deque>
#include <filesystem>
#include <map>

#include "corpus.hpp"

namespace anser::cli {
namespace {

/// Hears what every site reads, and changes nothing: a router of a few lines.
struct Listener {
  struct Sums {
    std::vector<double> sum;
    std::size_t rows = 0;
  };
  std::shared_ptr<std::map<std::string, Sums>> heard = std::make_shared<std::map<std::string, Sums>>();
  template <Backend B>
  struct On;
};

template <Backend B>
struct Listener::On {
  Listener options;
  std::string site;

  On(B&, Listener o, const Site& s) : options(std::move(o)), site(s.name) {}
  static void visit(auto&, auto&&) {}
  OutputRouting<B> route(const Context<B>& cx, const Tensor<B>& x, const Batch<B>&) const {
    const auto rows = standardise(cx, x).host();
    auto& s = (*options.heard)[site];
    s.sum.resize(std::size_t(x.cols()));
    s.rows += std::size_t(x.rows());
    for (std::size_t i = 0; i < rows.size(); ++i) s.sum[i % s.sum.size()] += rows[i];
    return {};
  }
};
static_assert(Router<Listener>);

std::vector<float> normal(std::size_t n, double deviation, Random random) {
  std::vector<float> v(n);
  for (std::size_t i = 0; i < n; ++i) v[i] = float(deviation) * random.normal(i);
  return v;
}

/// As T5 begins; of the head as of a linear, so that what an untrained model writes is less certain.
double deviation(const std::string& name, const T5Config& c) {
  return name == "lm_head.weight" ? 1 / std::sqrt(double(c.d_model)) : initial_deviation(c, name);
}

T5Config demo_config() {
  T5Config c;
  c.vocabulary = 640;
  c.d_model = 128, c.d_kv = 32, c.d_ff = 256, c.heads = 4;
  c.layers = c.decoder_layers = 2;
  c.gated = true, c.tied = c.scaled_output = false;
  return c;
}

/// config.json as Hugging Face writes it.
std::string config_text(const T5Config& c) {
  return concat(
      "{\n  \"architectures\": [\"T5ForConditionalGeneration\"],\n  \"model_type\": \"t5\",\n  \"vocab_size\": ",
      c.vocabulary, ",\n  \"d_model\": ", c.d_model, ",\n  \"d_kv\": ", c.d_kv, ",\n  \"d_ff\": ", c.d_ff,
      ",\n  \"num_layers\": ", c.layers, ",\n  \"num_decoder_layers\": ", c.decoder_layers,
      ",\n  \"num_heads\": ", c.heads, ",\n  \"relative_attention_num_buckets\": ", c.buckets,
      ",\n  \"relative_attention_max_distance\": ", c.max_distance, ",\n  \"layer_norm_epsilon\": ", c.eps,
      ",\n  \"dropout_rate\": ", c.dropout, ",\n  \"feed_forward_proj\": \"gated-gelu\",\n",
      "  \"tie_word_embeddings\": false,\n  \"is_encoder_decoder\": true,\n  \"pad_token_id\": ", c.pad,
      ",\n  \"eos_token_id\": ", c.eos, ",\n  \"decoder_start_token_id\": ", c.start, "\n}\n");
}
constexpr int pieces = 520;  // and 100 extra ids, of 640: a published T5 pads its embedding too

void make_folder(const std::string& path) {
  std::error_code problem;
  std::filesystem::create_directories(path, problem);
  check(!problem, path, ": the folder cannot be made: ", problem.message(), "; name another --output");
}

}  // namespace

Corpus read_corpus() {
  Corpus c;
  std::istringstream text(corpus);
  for (std::string line; std::getline(text, line);) c.lines.push_back(line);
  constexpr std::size_t each = 18;
  for (const char* name : {"dates", "cooking", "weather", "arithmetic", "capitals", "colours", "french", "spelling"}) {
    const auto begin = c.lines.begin() + std::ptrdiff_t(c.skills.size() * each);
    c.skills.push_back({name, {begin, begin + each}});
  }
  return c;
}

void write_demo_model(const std::string& directory, const std::vector<std::string>& lines, std::uint64_t seed) {
  make_folder(directory);
  train_vocabulary(lines, pieces, directory + "/spiece.model");
  const T5Config config = demo_config();
  write_file(directory + "/config.json", config_text(config));
  Cpu<float> device(1);
  T5Model<Cpu<float>> model(device, config);
  std::deque<std::vector<float>> values;
  std::vector<NamedTensor> tensors;
  walk(model, [&](const std::string& name, auto& tensor) {
    const double spread = deviation(name, config);
    values.push_back(spread == 0 ? std::vector<float>(tensor.shape().size(), 1.f)
                                 : normal(tensor.shape().size(), spread, Random{seed}.fork(values.size())));
    tensors.emplace_back(name, stored_view(values.back().data(), tensor.shape()));
  });
  write_safetensors(directory + "/model.safetensors", tensors, {{"format", "pt"}});
}

void write_demo_pool(const std::string& directory, const std::string& model_directory, const std::vector<Skill>& skills,
                     std::uint64_t seed) {
  const auto files = ModelDirectory::open(model_directory);
  const auto tokenizer = Tokenizer::load(model_directory);
  Cpu<float> device;
  T5Model<Cpu<float>> model(device, read_config(*files));
  model.load(*files);
  Expert everywhere;
  everywhere.name = "everywhere";
  model.each_site([&](const Site& s, const auto&) { everywhere.sites.push_back(s.name); });
  std::sort(everywhere.sites.begin(), everywhere.sites.end());

  // What each skill's sentences look like at every site: read by the encoder, and by the decoder as the target.
  std::vector<std::map<std::string, Listener::Sums>> heard;
  std::map<std::string, Listener::Sums> overall;
  const Context<Cpu<float>> cx{device};
  for (const Skill& skill : skills) {
    const Listener listener;
    attach(model, std::span<const Expert>(&everywhere, 1), NoModule{}, listener);
    for (const auto& sentence : skill.sentences) {
      const auto tokens = Tokens::pad({tokenizer.encode(sentence)}, model.config().pad);
      auto session = model.encode(cx, tokens);
      model.decode(cx, session, shift_right(tokens, model.config().start, model.config().pad), false);
    }
    for (const auto& [site, s] : *listener.heard) {
      auto& all = overall[site];
      all.sum.resize(s.sum.size());
      all.rows += s.rows;
      for (std::size_t i = 0; i < s.sum.size(); ++i) all.sum[i] += s.sum[i];
    }
    heard.push_back(*listener.heard);
  }

  constexpr int rank = 4;
  const std::string hash = files->hash();
  for (std::size_t e = 0; e < skills.size(); ++e) {
    const std::string folder = directory + '/' + skills[e].name;
    const Random random = Random{seed}.fork(1000 + e);
    std::deque<std::vector<float>> values;
    std::vector<NamedTensor> tensors, gates;
    const auto add = [&](std::vector<NamedTensor>& to, const std::string& name, Shape shape, std::vector<float> v) {
      values.push_back(std::move(v));
      to.emplace_back(name, stored_view(values.back().data(), shape));
    };
    model.each_site([&](const Site& s, const auto&) {
      const std::size_t in = std::size_t(s.in), out = std::size_t(s.out);
      add(tensors, s.name + ".lora_A.weight", {rank, s.in},
          normal(rank * in, 1 / std::sqrt(double(in)), random.fork(values.size())));
      add(tensors, s.name + ".lora_B.weight", {s.out, rank}, normal(out * rank, 0.1, random.fork(values.size())));
      const auto &own = heard[e].at(s.name), &all = overall.at(s.name);
      std::vector<float> gate(in);
      for (std::size_t i = 0; i < in; ++i)
        gate[i] = float(own.sum[i] / double(own.rows) - all.sum[i] / double(all.rows));
      add(gates, s.name, {s.in}, std::move(gate));
    });
    LoraDescription description;
    description.rank = rank;
    description.alpha = rank;
    description.targets = Targets::parse("q,k,v,o,wi_0,wi_1,wo");
    description.base_model = "demo";
    make_folder(folder);
    write_expert(folder, description, tensors);
    write_gates(folder, gates);
    write_record(folder, {skills[e].name, "demo", hash, "examples/demo/corpus.txt: " + skills[e].name, 0});
  }
}

}  // namespace anser::cli
