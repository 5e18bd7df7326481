#include "shapes.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace bench {

using anser::Random;
using anser::Stored;

std::vector<Shape> published_shapes(bool smoke) {
  auto make = [](const char* name, int d_model, int d_ff, int layers, int heads, bool gated) {
    anser::T5Config c;
    c.d_model = d_model;
    c.d_ff = d_ff;
    c.layers = c.decoder_layers = layers;
    c.heads = heads;
    c.gated = gated;
    c.tied = c.scaled_output = !gated;
    return Shape{name, c};
  };
  if (smoke) {
    Shape tiny = make("tiny", 128, 256, 2, 2, false);
    tiny.config.vocabulary = 1000;
    return {tiny};
  }
  return {make("t5-small", 512, 2048, 6, 8, false), make("t5-base", 768, 3072, 12, 12, false),
          make("t5-large", 1024, 4096, 24, 16, false), make("t5-xl", 2048, 5120, 24, 32, true)};
}

std::vector<Product> encoder_products(const anser::T5Config& c) {
  const int inner = c.heads * c.d_kv;
  return {{"qkv", 3 * inner, c.d_model},
          {"o", c.d_model, inner},
          {"wi", (c.gated ? 2 : 1) * c.d_ff, c.d_model},
          {"wo", c.d_model, c.d_ff}};
}

std::vector<Product> decoder_products(const anser::T5Config& c) {
  auto all = encoder_products(c);
  const int inner = c.heads * c.d_kv;
  all.insert(all.begin() + 2, {{"cross q", inner, c.d_model}, {"cross o", c.d_model, inner}});
  return all;
}

double weights(const std::vector<Product>& products) {
  double sum = 0;
  for (const Product& p : products) sum += double(p.n) * p.k;
  return sum;
}

double encoder_operations(const anser::T5Config& c, int examples, int tokens) {
  const double attention = 4.0 * tokens * c.heads * c.d_kv;  // of one token
  return double(examples) * tokens * c.layers * (2 * weights(encoder_products(c)) + attention);
}

namespace {
constexpr std::size_t slack = 1 << 20;  // windows begin within so many numbers

std::shared_ptr<const std::vector<float>> random_block(std::size_t n, float width) {
  auto block = std::make_shared<std::vector<float>>(n);
  constexpr std::size_t drawn = 1 << 20;  // numbers that are drawn; the rest repeats them
  const Random random{7};
  for (std::size_t i = 0; i < std::min(n, drawn); ++i) (*block)[i] = width * (2 * random.uniform(i) - 1);
  for (std::size_t i = drawn; i < n; i += drawn - 4099)  // not in step with any size of a matrix
    std::memcpy(block->data() + i, block->data(), std::min(drawn - 4099, n - i) * sizeof(float));
  return block;
}

std::size_t place_of(std::string_view name) { return std::hash<std::string_view>{}(name) % slack / 64 * 64; }
}  // namespace

RandomTensors::RandomTensors(std::map<std::string, anser::Shape, std::less<>> shapes, std::size_t largest)
    : shapes_(std::move(shapes)) {
  for (const auto& [name, shape] : shapes_) largest = std::max(largest, shape.size());
  block_ = random_block(largest + slack, 0.05f);
  small_ = random_block(largest + slack, 1e-4f);
  ones_ = std::make_shared<const std::vector<float>>(std::size_t(1) << 16, 1.f);
}

std::optional<Stored> RandomTensors::find(std::string_view name) const {
  const auto it = shapes_.find(name);
  if (it == shapes_.end()) return {};
  const bool vector = it->second.rank() == 1;
  const bool adds = name.ends_with(".o.weight") || name.ends_with(".wo.weight");
  const auto& block = vector ? ones_ : adds ? small_ : block_;
  Stored s;
  s.shape = it->second;
  s.data = reinterpret_cast<const std::byte*>(block->data() + (vector ? 0 : place_of(name)));
  s.keep = block;
  s.origin = std::string("random weights: ").append(name);
  return s;
}

std::vector<std::string> RandomTensors::names() const {
  std::vector<std::string> all;
  for (const auto& [name, shape] : shapes_) all.push_back(name);
  return all;
}

namespace {

/// Small pages, as a mapped file has; given back at the end.
class Pages {
 public:
  explicit Pages(std::size_t bytes) : bytes_(bytes) {
    void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    anser::check(p != MAP_FAILED, "out of memory: ", bytes >> 20, " MiB for experts");
    madvise(p, bytes, MADV_NOHUGEPAGE);
    data_ = static_cast<float*>(p);
  }
  ~Pages() { munmap(data_, bytes_); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  float* data() const { return data_; }

 private:
  float* data_;
  std::size_t bytes_;
};

/// One expert's tensors, or its gates, in memory of their own.
class OwnTensors : public anser::Source {
 public:
  OwnTensors(const std::vector<std::pair<std::string, anser::Shape>>& shapes, const std::vector<float>& numbers,
             std::size_t first) {
    std::size_t size = 0;
    for (const auto& [name, shape] : shapes) size += round_up(shape.size());
    auto pages = std::make_shared<Pages>(size * sizeof(float));
    std::size_t at = 0;
    for (const auto& [name, shape] : shapes) {
      for (std::size_t done = 0; done < shape.size();) {
        const std::size_t from = (first + at + done) % numbers.size();
        const std::size_t n = std::min(shape.size() - done, numbers.size() - from);
        std::memcpy(pages->data() + at + done, numbers.data() + from, n * sizeof(float));
        done += n;
      }
      Stored s;
      s.shape = shape;
      s.data = reinterpret_cast<const std::byte*>(pages->data() + at);
      s.keep = pages;
      s.origin = "random expert: " + name;
      tensors_.emplace(name, std::move(s));
      at += round_up(shape.size());
    }
  }
  std::optional<Stored> find(std::string_view name) const override {
    const auto it = tensors_.find(name);
    return it == tensors_.end() ? std::nullopt : std::optional(it->second);
  }
  std::vector<std::string> names() const override {
    std::vector<std::string> all;
    for (const auto& [name, tensor] : tensors_) all.push_back(name);
    return all;
  }
  std::string origin() const override { return "random expert"; }

 private:
  static std::size_t round_up(std::size_t n) { return (n + 15) / 16 * 16; }
  std::map<std::string, Stored, std::less<>> tensors_;
};

}  // namespace

std::vector<anser::Expert> make_experts(const std::vector<anser::Site>& sites, int count, int rank) {
  std::vector<std::pair<std::string, anser::Shape>> tensors, gates;
  std::vector<std::string> names;
  for (const auto& s : sites) {
    tensors.push_back({s.name + ".lora_A.weight", {rank, s.in}});
    tensors.push_back({s.name + ".lora_B.weight", {s.out, rank}});
    gates.push_back({s.name, {s.in}});
    names.push_back(s.name);
  }
  std::sort(names.begin(), names.end());
  std::vector<float> normal((1 << 20) + 7);  // as long as no expert's tensors are, so that experts differ
  const Random random{11};
  for (std::size_t i = 0; i < normal.size(); ++i) normal[i] = random.normal(i);
  std::vector<anser::Expert> experts(static_cast<std::size_t>(count));
  for (std::size_t e = 0; e < experts.size(); ++e) {
    experts[e].name = "expert-" + std::to_string(e);
    experts[e].kind = "LORA";
    experts[e].origin = experts[e].name;
    experts[e].tensors = std::make_shared<OwnTensors>(tensors, normal, 7919 * e);
    experts[e].gates = std::make_shared<OwnTensors>(gates, normal, 104729 * e);
    experts[e].scale = [](std::string_view, int) { return 1e-4; };
    experts[e].sites = names;
  }
  return experts;
}

double expert_bytes(const std::vector<anser::Site>& sites, int rank) {
  double sum = 0;
  for (const auto& s : sites) sum += 4.0 * rank * (double(s.in) + s.out) + 4.0 * s.in;
  return sum;
}

anser::Tokens random_tokens(const anser::T5Config& c, int examples, int tokens, std::uint64_t seed) {
  anser::Tokens t{examples, tokens, {}, {}};
  t.ids.resize(std::size_t(examples) * std::size_t(tokens));
  const Random random{seed};
  for (std::size_t i = 0; i < t.ids.size(); ++i)
    t.ids[i] = std::int32_t(2 + random.draw(i)[0] % std::uint32_t(c.vocabulary - 2));
  return t;
}

}  // namespace bench
