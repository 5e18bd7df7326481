#pragma once
#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "../nn/embedding.hpp"
#include "../nn/tokens.hpp"
#include "stack.hpp"

namespace anser {

/// An input read once: the encoder's output and, per decoder layer, its keys and values. What decoding adds joins it.
template <Backend B>
struct Session {
  Batch<B> source;   // examples, mask, ids, encoded
  Tensor<B> states;  // [examples * tokens, d_model], after the final norm
  std::vector<LayerState<B>> layers;
  std::vector<std::shared_ptr<const void>> plans;  // by site index
  int length = 0;                                  // decoded so far
};

/// A T5: embedding, encoder, decoder, head. Instantiated once per backend; routed sites are called through SiteExperts.
template <Backend B>
class T5Model {
 public:
  /// Weights are declared, and come with load.
  T5Model(B& device, const T5Config& config);
  T5Model(const T5Model&) = delete;
  T5Model& operator=(const T5Model&) = delete;

  static void visit(auto& self, auto&& f) {
    f("shared", self.shared_);
    f("encoder", self.encoder_);
    f("decoder", self.decoder_);
    if (!self.config_.tied) LinearGroup<B>::visit(self.head_, f);
  }

  const T5Config& config() const { return config_; }
  B& device() const { return *device_; }

  /// Take the weights from a source of tensors under Hugging Face's names. Throws Error for what is missing or
  /// misshapen. Returns the names of tensors that no T5 of these sizes has a place for.
  std::vector<std::string> load(const Source& source);

  /// Freeze for inference: weights into the form that GEMM likes best, one copy of each. After experts were attached.
  void pack();

  /// Back to plain weights: before experts are attached anew, or weights learn.
  void unpack();

  /// Calls f(site, place) for every linear site; place is a std::unique_ptr<SiteExperts<B>>&. Encoder first, in order.
  template <class F>
  void each_site(F&& f) {
    each_group([&](const std::string&, LinearGroup<B>& g, Stack, Stack) {
      for (auto& m : g.members()) f(m.site, m.experts);
    });
  }

  /// The same for every sub-layer's output, where adapters stand: encoder.block.0.layer.0.adapter. Numbered after the
  /// linears.
  template <class F>
  void each_sublayer(F&& f) {
    auto site = sublayers_.begin();
    for (TransformerStack<B>* stack : {&encoder_, &decoder_})
      for (auto& block : stack->blocks())
        for (int n = 0; n < block.sublayers(); ++n) f(*site++, block.adapter(n));
  }
  /// All of them.
  template <class F>
  void each_place(F&& f) {
    each_site(f);
    each_sublayer(f);
  }

  /// Read an input. Throws Error for ids outside the vocabulary and for examples without a token.
  Session<B> encode(const Context<B>& cx, const Tokens& input, Batch<B> batch = {},
                    std::vector<Real<B>>* hidden = nullptr) const;

  /// The next tokens of every hypothesis -> logits [hypotheses * tokens, vocabulary]. Hypotheses are a multiple of the
  /// session's examples, those of one example together. Without `cached`: a whole target at once, nothing kept.
  Real<B> decode(const Context<B>& cx, Session<B>& s, const Tokens& target, bool cached,
                 std::vector<Real<B>>* hidden = nullptr, Tensor<B>* states = nullptr) const;

  /// Beam search: hypothesis i goes on from hypothesis source[i].
  void select(const Context<B>& cx, Session<B>& s, const std::vector<std::int32_t>& source) const;

 private:
  template <class F>
  void each_group(F&& f) {
    for (TransformerStack<B>* stack : {&encoder_, &decoder_}) {
      const bool encoder = stack == &encoder_;
      for (std::size_t i = 0; i < stack->blocks().size(); ++i) {
        const std::string path = (encoder ? "encoder.block." : "decoder.block.") + std::to_string(i) + '.';
        stack->blocks()[i].each_group([&](const char* place, LinearGroup<B>& g, Stack rows) {
          f(path + place, g, encoder ? Stack::encoder : Stack::decoder, rows);
        });
      }
    }
  }
  void check_tokens(const Tokens& t, const char* what) const;

  T5Config config_;
  B* device_;
  Embedding<B> shared_;
  TransformerStack<B> encoder_, decoder_;
  LinearGroup<B> head_;
  std::vector<Site> sublayers_;
};

template <Backend B>
T5Model<B>::T5Model(B& device, const T5Config& c)
    : config_(c),
      device_(&device),
      shared_{Tensor<B>(device, {c.vocabulary, c.d_model})},
      encoder_(device, c, Stack::encoder),
      decoder_(device, c, Stack::decoder),
      head_(device, c.d_model, {{"lm_head", c.vocabulary}}) {
  if (c.tied) head_.members()[0].linear.weight = shared_.weight;
  int index = 0;
  each_group([&](const std::string& path, LinearGroup<B>& g, Stack stack, Stack rows) {
    for (auto& m : g.members())
      m.site = {SiteKind::linear,       path + '.' + m.name,    index++, stack,    rows,
                m.linear.weight.cols(), m.linear.weight.rows(), 0,       c.d_model};
  });
  for (const Stack stack : {Stack::encoder, Stack::decoder}) {
    const auto& blocks = (stack == Stack::encoder ? encoder_ : decoder_).blocks();
    for (std::size_t i = 0; i < blocks.size(); ++i)
      for (int n = 0; n < blocks[i].sublayers(); ++n)
        sublayers_.push_back(
            {SiteKind::sublayer,
             concat(stack == Stack::encoder ? "encoder" : "decoder", ".block.", i, ".layer.", n, ".adapter"), index++,
             stack, stack, c.d_model, c.d_model, 0, c.d_model});
  }
}

template <Backend B>
std::vector<std::string> T5Model<B>::load(const Source& source) {
  // Copies of the embedding, and a table that published files have and no code reads.
  std::set<std::string, std::less<>> known{"shared.weight", "encoder.embed_tokens.weight",
                                           "decoder.embed_tokens.weight",
                                           "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"};
  walk(*this, [&](const std::string& name, auto& tensor) {
    std::string stored = name;
    if (name == "shared.weight")
      for (const char* other : {"decoder.embed_tokens.weight", "encoder.embed_tokens.weight", "shared.weight"})
        if (source.find(other)) stored = other;
    const auto found = source.get(stored, tensor.shape());
    check(is_real(found.dtype), found.origin, " holds ", name_of(found.dtype), "; a weight is F32, F16, BF16 or F64");
    tensor.bind(found);
    known.insert(stored);
  });
  std::vector<std::string> surplus;
  for (auto& name : source.names())
    if (!known.contains(name)) surplus.push_back(std::move(name));
  return surplus;
}

template <Backend B>
void T5Model<B>::pack() {
  each_group([](const std::string&, LinearGroup<B>& g, Stack, Stack) { g.pack(); });
  head_.pack();
}

template <Backend B>
void T5Model<B>::unpack() {
  each_group([](const std::string&, LinearGroup<B>& g, Stack, Stack) { g.unpack(); });
  head_.unpack();
}

template <Backend B>
Session<B> T5Model<B>::encode(const Context<B>& cx, const Tokens& input, Batch<B> batch,
                              std::vector<Real<B>>* hidden) const {
  check_tokens(input, "input");
  Session<B> s;
  batch.examples = input.examples;
  batch.tokens = input.tokens;
  batch.dropout = batch.training ? float(config_.dropout) : 0.f;
  batch.input_ids = Index<B>(*device_, {input.examples, input.tokens}, input.ids);
  if (!input.mask.empty()) batch.mask = Index<B>(*device_, {input.examples, input.tokens}, input.mask);
  batch.encoder_mask = batch.mask;
  batch.text = input.hashes();
  s.states = encoder_.forward(cx, shared_.forward(cx, batch.input_ids), batch, nullptr, nullptr, false, hidden);
  s.source = std::move(batch);
  s.source.encoded = cast<typename B::real>(cx, s.states);
  const_cast<T5Model*>(this)->each_place([&](const Site& site, const std::unique_ptr<SiteExperts<B>>& experts) {
    s.plans.resize(std::size_t(site.index) + 1);
    if (experts && site.stack == Stack::decoder) s.plans.back() = experts->plan(cx, s.source);
  });
  s.source.plans = &s.plans;
  s.layers.resize(decoder_.blocks().size());
  for (std::size_t i = 0; i < s.layers.size(); ++i)
    s.layers[i].keys_values = decoder_.blocks()[i].read(cx, s.states, s.source);
  return s;
}

template <Backend B>
Real<B> T5Model<B>::decode(const Context<B>& cx, Session<B>& s, const Tokens& target, bool cached,
                           std::vector<Real<B>>* hidden, Tensor<B>* states) const {
  check_tokens(target, "decoder input");
  check(target.examples % s.source.examples == 0, "decode: ", target.examples, " hypotheses for ", s.source.examples,
        " examples");
  check(!cached || target.mask.empty(), "decode: a cache takes no mask; give hypotheses without padding");
  Batch<B> batch = s.source;
  batch.plans = &s.plans;
  batch.examples = target.examples;
  batch.tokens = target.tokens;
  batch.step = s.length;
  batch.mask = target.mask.empty() ? Index<B>{} : Index<B>(*device_, {target.examples, target.tokens}, target.mask);
  s.source.plans = &s.plans;
  const Index<B> ids(*device_, {target.examples, target.tokens}, target.ids);
  const auto out = decoder_.forward(cx, shared_.forward(cx, ids), batch, &s.source, &s.layers, cached, hidden);
  if (cached) s.length += target.tokens;
  if (states) *states = out;
  const double scaled = config_.scaled_output ? 1 / std::sqrt(double(config_.d_model)) : 1;
  const auto read = scaled == 1 ? out : map<typename B::element>(cx, out, function::Scale{scaled});
  return head_.forward(cx, read, batch)[0];
}

template <Backend B>
void T5Model<B>::select(const Context<B>& cx, Session<B>& s, const std::vector<std::int32_t>& source) const {
  const std::size_t beams = source.size() / std::size_t(s.source.examples);
  for (std::size_t i = 0; i < source.size(); ++i)
    check(beams * std::size_t(s.source.examples) == source.size() && source[i] >= 0 &&
              std::size_t(source[i]) / beams == i / beams,
          "select: hypothesis ", i, " cannot go on from ", source[i], ", which is none of its example");
  const Index<B> from(*device_, {int(source.size())}, source);
  for (auto& layer : s.layers) {
    layer.past.k.select(cx, from);
    layer.past.v.select(cx, from);
  }
}

template <Backend B>
void T5Model<B>::check_tokens(const Tokens& t, const char* what) const {
  check(t.examples > 0 && t.tokens > 0, what, ": no tokens");
  const std::size_t n = std::size_t(t.examples) * std::size_t(t.tokens);
  check(t.ids.size() == n && (t.mask.empty() || t.mask.size() == n), what, ": ids and mask do not fill ", t.examples,
        " x ", t.tokens);
  for (std::size_t i = 0; i < n; ++i)
    check(t.ids[i] >= 0 && t.ids[i] < config_.vocabulary, what, ": the id ", t.ids[i], " in row ",
          i / std::size_t(t.tokens), " is not among the model's, 0 to ", config_.vocabulary - 1);
  for (int b = 0; !t.mask.empty() && b < t.examples; ++b) {
    int seen = 0;
    for (int j = 0; j < t.tokens; ++j) {
      const auto m = t.mask[std::size_t(b) * std::size_t(t.tokens) + std::size_t(j)];
      check(m == 0 || m == 1, what, ": the mask holds ", m, "; 0 hides a token, 1 shows it");
      seen += m;
    }
    check(seen > 0, what, ": row ", b, " is all padding");
  }
}

}  // namespace anser
