#pragma once
/// T5 with a pool of experts, from files to text. The floors below can be used alone.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "io/hf.hpp"
#include "io/pool.hpp"
#include "io/tokenizer.hpp"
#include "module/adapter.hpp"
#include "module/ia3.hpp"
#include "module/lora.hpp"
#include "module/none.hpp"
#include "router/ada_mix.hpp"
#include "router/dselect_k.hpp"
#include "router/ensemble.hpp"
#include "router/given.hpp"
#include "router/hash.hpp"
#include "router/latent_skills.hpp"
#include "router/mean_input.hpp"
#include "router/none.hpp"
#include "router/phatgoose.hpp"
#include "router/random.hpp"
#include "router/reinforce.hpp"
#include "router/sigmoid_gate.hpp"
#include "router/smear.hpp"
#include "router/spectr.hpp"
#include "router/st_gumbel.hpp"
#include "router/tag.hpp"
#include "router/top1.hpp"
#include "router/uniform.hpp"
#include "router/weights.hpp"
#include "t5/attach.hpp"
#include "t5/generate.hpp"
#include "t5/initialise.hpp"
#include "t5/score.hpp"

namespace anser {

/// The numbers of config.json. Throws Error naming the field for what is missing, or is no T5 that runs here.
T5Config read_config(const ModelDirectory& files);
/// The same of a config.json alone, for a model that has no weights yet.
T5Config read_config(const Json& config);

/// The linears of a model and its sub-layers by path, as a pool is checked against.
template <Backend B>
std::vector<LinearSizes> linears(T5Model<B>& model) {
  std::vector<LinearSizes> all;
  model.each_place([&](const Site& s, const auto&) { all.push_back({s.name, s.out, s.in}); });
  return all;
}

/// Gives a router that was trained with its pool what it learned: `pool`/router.safetensors, whose other tensors are
/// weights of the model that learned along; these are taken whatever the router. After attach, before pack. Throws
/// Error naming the file and the tensor where one is missing, misshapen or unknown, and where the pool's experts are
/// not those that it was trained with.
template <Backend B>
void load_router(T5Model<B>& model, const Pool& pool) {
  std::vector<std::pair<std::string, Real<B>>> wanted;
  experts_of(model)([&](const std::string& name, Real<B>& t) {
    if (name.find(".router.") != name.npos) wanted.emplace_back(name, t);
  });
  const std::string path = pool.origin + "/router.safetensors";
  std::error_code ignored;
  const bool there = std::filesystem::exists(path, ignored);
  if (wanted.empty() && !there) return;
  check(there, path, " is missing: this router is trained together with its pool ",
        "(`anser train joint`), and this one was not; choose another router");
  const auto file = Safetensors::open(path);
  for (const auto& name : file->names()) check_finite(file->get(name, file->find(name)->shape));
  std::string experts;
  for (const Expert& e : pool.experts) experts += e.name + '\n';
  const auto with = file->metadata().find("experts");
  check(wanted.empty() || (with != file->metadata().end() && with->second == experts), path,
        ": the router was trained with other experts than those that are in the pool now, or they were renamed");
  std::set<std::string> known;
  for (const auto& [name, t] : wanted) {
    check(bool(file->find(name)), path, ": ", name, " is missing: the pool was trained with another router");
    std::vector<typename B::real> v(t.shape().size());
    convert(file->get(name, t.shape()), v.data());
    t.assign(v);
    known.insert(name);
  }
  weights_of(model)([&](const std::string& name, auto& t) {
    if (!file->find(name)) return;
    t.bind(file->get(name, t.shape()));
    known.insert(name);
  });
  for (const auto& name : file->names())
    check(known.contains(name) || (wanted.empty() && name.find(".router.") != name.npos), path, ": ", name,
          " is no part of this model or of its router");
}

/// A model, its vocabulary and a routed pool: what it reads and writes is text.
template <Backend B, class Module = NoModule, class R = None>
class T5 {
 public:
  /// `pool` may be empty: the model alone. The device must outlive the T5. Throws Error naming the file at fault.
  T5(B& device, const std::string& model, const std::string& pool = "", Module module = {}, R router = {})
      : files_(ModelDirectory::open(model)),
        tokenizer_(Tokenizer::load(model)),
        model_(std::make_unique<T5Model<B>>(device, read_config(*files_))) {
    model_->load(*files_);
    if (!pool.empty()) {
      if constexpr (std::is_same_v<Module, NoModule>)
        fail("T5: the experts of a pool are heard through a module and a router, such as Lora{} and PhatGoose{}");
      pool_ = load_pool(pool, {.skip_broken = false, .base_hash = files_->hash()});
      check_against(pool_, linears(*model_));
      attach(*model_, std::span<const Expert>(pool_.experts), module, router);
      if constexpr (!std::is_same_v<R, None>) load_router(*model_, pool_);  // nobody heard is the base model
    }
    model_->pack();
  }

  /// The answer to one text; for several, each of its own.
  std::string generate(const std::string& text, const Generation& o = {}) const {
    return generate(std::vector{text}, o)[0];
  }
  std::vector<std::string> generate(const std::vector<std::string>& texts, const Generation& o = {}) const {
    auto session = model_->encode({model_->device()}, tokens(texts));
    std::vector<std::string> out;
    for (const auto& g : anser::generate(*model_, session, o))
      out.push_back(tokenizer_.decode(g.tokens, true, model_->config().vocabulary));
    return out;
  }
  /// Per choice the mean log-likelihood over its tokens, eos included.
  std::vector<double> score(const std::string& text, const std::vector<std::string>& choices) const {
    std::vector<std::vector<std::int32_t>> ids;
    for (const auto& c : choices) ids.push_back(tokenizer_.encode(c));
    return score_choices(*model_, Context<B>{model_->device()}, tokens({text}), {ids})[0];
  }

  Tokens tokens(const std::vector<std::string>& texts) const {
    std::vector<std::vector<std::int32_t>> rows;
    for (const auto& t : texts) rows.push_back(tokenizer_.encode(t));
    return Tokens::pad(rows, model_->config().pad);
  }
  T5Model<B>& model() { return *model_; }
  const Tokenizer& tokenizer() const { return tokenizer_; }
  /// The experts; what is odd about them, such as another base model's, is in its warnings.
  const Pool& pool() const { return pool_; }

 private:
  std::shared_ptr<const ModelDirectory> files_;
  Tokenizer tokenizer_;
  std::unique_ptr<T5Model<B>> model_;
  Pool pool_;
};

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "t5-inl.hpp"
#endif
