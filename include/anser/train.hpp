#pragma once
/// Training T5 and its experts: what joins the model with train/, from batches of texts to the directories that come
/// out.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ops/gather.hpp"
#include "t5.hpp"
#include "train/chosen.hpp"
#include "train/loss.hpp"
#include "train/training.hpp"
#if defined(ANSER_COMPILED)
#include "backend/cpu.hpp"
#if defined(ANSER_HAS_CUDA)
#include "backend/cuda.hpp"
#endif
#endif

namespace anser {

/// What a training lowers.
struct LossOptions {
  double smoothing = 0;              // of labels: this share of the probability is spread over the vocabulary
  std::optional<ChoiceLoss> choice;  // over an example's choices, instead of over its target's tokens alone
  bool consistency = false;          // two passes while training, whose predictions are to agree (AdaMix)
};

/// The mean loss of a batch of texts, with what routers add while training -> [1]. Throws Error for an example without
/// choices where they are asked for.
template <Backend B>
Real<B> batch_loss(const Context<B>& cx, const T5Model<B>& model, const TokenBatch& texts, const Batch<B>& batch,
                   const LossOptions& o) {
  const int pad = model.config().pad, examples = int(texts.inputs.size());
  const Context<B> untaped{cx.device};
  Losses<B> added;
  Batch<B> known = batch;
  known.losses = batch.training ? &added : nullptr;
  const Tokens inputs = Tokens::pad(texts.inputs, pad);
  auto session = model.encode(cx, inputs, known);
  // The weights of what routers add are meant beside the sum over the whole step.
  const auto with_routers = [&](const Real<B>& mean, double counted, auto&& each) {
    return with_losses(cx, mean, added, added.deferred.empty() ? Real<B>{} : each(), counted * batch.parts);
  };
  const auto sums = [&](const Real<B>& losses, int rows) {  // of whole targets -> [rows, 1]
    const int tokens = int(losses.shape().size()) / rows;
    const std::vector<typename B::real> ones(std::size_t(tokens), 1);
    return matmul_t(untaped, losses.as({rows, tokens}), Real<B>(cx.device, {1, tokens}, ones));
  };
  if (!o.choice) {
    const Tokens labels = Tokens::pad(texts.targets, pad);
    const auto counted = counted_labels(labels);
    const double n = double(std::count_if(counted.begin(), counted.end(), [](std::int32_t id) { return id >= 0; }));
    check(n > 0, "loss: no target token counts");
    const bool twice = o.consistency && batch.training;
    Real<B> logits;
    const auto each = token_losses(cx, model, session, labels, o.smoothing, twice ? &logits : nullptr);
    auto loss = scale(cx, sum(cx, each), 1 / n);
    if (twice) {
      known.random = batch.random.fork(std::uint64_t(1) << 60);
      auto again = model.encode(cx, inputs, known);
      const auto other = model.decode(cx, again, shift_right(labels, model.config().start, pad), false);
      added.scalar.push_back(consistency_loss(cx, logits, other, counted));
    }
    return with_routers(loss, n, [&] { return sums(each, examples); });
  }
  check(!o.consistency, "a loss over choices has no second pass; train this router with the loss lm");
  std::size_t most = 0;
  for (std::size_t b = 0; b < texts.choices.size(); ++b) {
    if (texts.labels[b] < 0 || texts.choices[b].empty())
      fail(texts.places[b], ": no \"choices\" with a \"label\"; a loss over choices needs both on every line");
    most = std::max(most, texts.choices[b].size());
  }
  std::vector<std::vector<std::int32_t>> rows;
  std::vector<int> lengths;
  for (const auto& choices : texts.choices)
    for (std::size_t i = 0; i < most; ++i) {
      rows.push_back(i < choices.size() ? choices[i] : std::vector<std::int32_t>{});
      lengths.push_back(int(rows.back().size()));
    }
  const auto losses = token_losses(cx, model, session, Tokens::pad(rows, pad), o.smoothing);
  const auto loss = choice_loss(cx, losses, lengths, texts.labels, *o.choice);
  std::vector<std::int32_t> right;
  double n = 0;
  for (int b = 0; b < examples; ++b) {
    right.push_back(std::int32_t(b * int(most) + texts.labels[std::size_t(b)]));
    n += lengths[std::size_t(right.back())];
  }
  return with_routers(
      loss, n, [&] { return gather(untaped, sums(losses, int(rows.size())), Index<B>(cx.device, {examples}, right)); });
}

/// The linears that a new expert gets. Throws Error where none is meant, or a name means none; wi, wi_0 and wi_1 are
/// never at fault, for a model has the one or the others.
template <Backend B>
std::vector<Site> sites_of(T5Model<B>& model, const Targets& targets) {
  std::vector<Site> sites;
  model.each_site([&](const Site& site, const auto&) {
    if (targets.match(site.name)) sites.push_back(site);
  });
  const auto known = [&] { return model.config().gated ? "q, k, v, o, wi_0, wi_1 and wo" : "q, k, v, o, wi and wo"; };
  check(!sites.empty(), "targets: ", targets.written(), " names no linear of this model; they are called ", known());
  for (const std::string& ending : targets.endings)
    check(ending == "wi" || ending == "wi_0" || ending == "wi_1" ||
              std::any_of(sites.begin(), sites.end(),
                          [&](const Site& site) { return Targets::parse(ending).match(site.name); }),
          "targets: ", ending, " names no linear of this model; they are called ", known());
  return sites;
}
/// The sub-layers' outputs, where adapters stand.
template <Backend B>
std::vector<Site> sublayers_of(T5Model<B>& model) {
  std::vector<Site> sites;
  model.each_sublayer([&](const Site& site, const auto&) { sites.push_back(site); });
  return sites;
}

/// Numbers on the host under the names of a file, ready to be written.
class Written {
 public:
  template <Backend B, class T>
  void add(const std::string& name, const Tensor<B, T>& tensor, const Shape& shape) {
    const auto host = tensor.host();
    std::vector<float> numbers;
    numbers.reserve(host.size());
    for (const T v : host) numbers.push_back(float(v));
    const auto kept = std::make_shared<const std::vector<float>>(std::move(numbers));
    Stored s = stored_view(kept->data(), shape);
    s.keep = kept;
    tensors.emplace_back(name, std::move(s));
  }
  std::vector<NamedTensor> tensors;
};

/// What a parameter is called in an expert's file: of "<site>.lora_A.<expert>.weight" "<site>.lora_A.weight", of a norm
/// that a site's experts share its own name; empty for what is no part of this expert.
inline std::string name_in_expert(const std::string& parameter, const std::string& expert) {
  for (const char* part : {".lora_A", ".lora_B", ".ia3_l", ".down", ".up"}) {
    const std::string mine = part + ('.' + expert);
    const std::size_t at = parameter.find(mine);
    if (at == parameter.npos) continue;
    const std::string rest = parameter.substr(at + mine.size());
    if (rest.empty() || rest[0] == '.') return parameter.substr(0, at) + part + rest;
  }
  const bool norm = parameter.ends_with(".adapter.norm.weight") || parameter.ends_with(".adapter.norm.bias");
  return norm ? parameter : std::string();
}

/// One expert's tensors among parameters, as adapter_model.safetensors names them.
template <Backend B>
std::vector<NamedTensor> expert_tensors(const std::vector<Parameter<B>>& parameters, const std::string& expert) {
  Written w;
  for (const Parameter<B>& p : parameters)
    if (const std::string name = name_in_expert(p.name, expert); !name.empty()) w.add(name, p.value, p.value.shape());
  return std::move(w.tensors);
}

/// One expert's gates among parameters, as gate.safetensors names them.
template <Backend B>
std::vector<NamedTensor> gate_tensors(const std::vector<Parameter<B>>& parameters, const std::string& expert) {
  Written w;
  const std::string end = ".gate." + expert;
  for (const Parameter<B>& p : parameters)
    if (p.name.ends_with(end)) w.add(p.name.substr(0, p.name.size() - end.size()), p.value, {p.value.cols()});
  return std::move(w.tensors);
}

/// What a router learned, and what else learned with it: everything among parameters but these experts'.
template <Backend B>
std::vector<NamedTensor> router_tensors(const std::vector<Parameter<B>>& parameters,
                                        const std::vector<std::string>& experts) {
  Written w;
  for (const Parameter<B>& p : parameters)
    if (std::none_of(experts.begin(), experts.end(),
                     [&](const std::string& e) { return !name_in_expert(p.name, e).empty(); }))
      w.add(p.name, p.value, p.value.shape());
  return std::move(w.tensors);
}

/// A file that goes with a model as it is, and its name there.
struct CopiedFile {
  std::string from, name;
};

/// A model's config.json again, with what the weights that are written now make of it: their type, and whether the head
/// is the embedding.
inline std::string config_of(const Json& config, const T5Config& c) {
  std::vector<std::pair<std::string, std::string>> said{{"torch_dtype", "\"float32\""},
                                                        {"tie_word_embeddings", c.tied ? "true" : "false"}};
  if (config.has("dtype")) said[0].first = "dtype";
  if (config.has("scale_decoder_outputs") || c.scaled_output != c.tied)
    said.push_back({"scale_decoder_outputs", c.scaled_output ? "true" : "false"});
  std::string text;
  const auto add = [&](const std::string& key, const std::string& value) {
    text += (text.empty() ? "{\n  " : ",\n  ") + quote(key) + ": " + value;
  };
  for (const std::string& key : config.keys()) {
    if (key == "torch_dtype" || std::any_of(said.begin(), said.end(), [&](const auto& s) { return s.first == key; }))
      continue;
    const auto value = config.find(key);
    add(key, value ? value->written() : "null");
  }
  for (const auto& [key, value] : said) add(key, value);
  return text + "\n}\n";
}

/// Writes a model directory as Hugging Face keeps it: the weights in f32, the vocabulary's and other files, copied, and
/// the config.json that fits. It comes last, so that a directory which has one is whole. Throws Error where it cannot.
template <Backend B>
void write_model(const std::string& directory, T5Model<B>& model, const Json& config,
                 const std::vector<CopiedFile>& copied) {
  namespace fs = std::filesystem;
  std::error_code problem;
  fs::create_directories(directory, problem);
  check(!problem, directory, ": the folder cannot be made: ", problem.message(), "; name another output");
  Written w;
  walk(model, [&](const std::string& name, auto& tensor) { w.add(name, tensor, tensor.shape()); });
  const std::string text = config_of(config, model.config());
  fs::remove(directory + "/config.json", problem);
  write_safetensors(directory + "/model.safetensors", std::move(w.tensors), {{"format", "pt"}});
  for (const CopiedFile& file : copied) {
    const auto bytes = MappedFile::open(file.from);
    write_file(directory + '/' + file.name, {reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  }
  write_file(directory + "/config.json", text);
}

}  // namespace anser

/// What a compiled library holds of training for one backend.
#define ANSER_TRAIN_INSTANCES(prefix, B)                                                                          \
  prefix template class Training<B, ChosenOptimizer>;                                                             \
  prefix template Real<B> batch_loss<B>(const Context<B>&, const T5Model<B>&, const TokenBatch&, const Batch<B>&, \
                                        const LossOptions&);

#if defined(ANSER_COMPILED)
namespace anser {
ANSER_TRAIN_INSTANCES(extern, Cpu<float>)
ANSER_TRAIN_INSTANCES(extern, Cpu<bf16>)
#if defined(ANSER_HAS_CUDA)
ANSER_TRAIN_INSTANCES(extern, Cuda<float>)
ANSER_TRAIN_INSTANCES(extern, Cuda<bf16>)
#endif
}  // namespace anser
#endif
