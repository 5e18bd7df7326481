#pragma once
#include <anser/cpu.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

/// Published sizes with random numbers: what a bench runs when it needs no model of anybody's.
namespace bench {

struct Shape {
  std::string name;
  anser::T5Config config;
};
/// t5-small, t5-base, t5-large (v1.0) and t5-xl (v1.1); only "tiny" where `smoke`.
std::vector<Shape> published_shapes(bool smoke);

/// Matrices of one layer that a packed product holds: y [., n] = x [., k] Wᵀ.
struct Product {
  std::string name;
  int n, k;
};
std::vector<Product> encoder_products(const anser::T5Config& c);
/// Those that a decoder layer runs for every token; the keys and values of the encoder's output are not among them.
std::vector<Product> decoder_products(const anser::T5Config& c);

double weights(const std::vector<Product>& products);
/// Operations of an encoder: its linears, q kᵀ and softmax(.) v; norms, softmax and activations are not counted.
double encoder_operations(const anser::T5Config& c, int examples, int tokens);

/// A source of tensors that needs no memory for them: all are windows, at different places, into one random block.
/// Vectors (norms) are ones. What adds to the residual stream (o, wo) is small, so that states stay as different from
/// token to token as embeddings are.
class RandomTensors : public anser::Source {
 public:
  explicit RandomTensors(std::map<std::string, anser::Shape, std::less<>> shapes, std::size_t largest = 0);
  /// All that a model loads.
  template <class B>
  static RandomTensors of(anser::T5Model<B>& model) {
    std::map<std::string, anser::Shape, std::less<>> shapes;
    anser::walk(model, [&](const std::string& name, auto& tensor) { shapes.emplace(name, tensor.shape()); });
    return RandomTensors(std::move(shapes));
  }
  std::optional<anser::Stored> find(std::string_view name) const override;
  std::vector<std::string> names() const override;
  std::string origin() const override { return "random weights"; }

 private:
  std::map<std::string, anser::Shape, std::less<>> shapes_;
  std::shared_ptr<const std::vector<float>> block_, small_, ones_;
};

/// A model with random weights, packed unless experts are to come.
template <class B>
std::unique_ptr<anser::T5Model<B>> make_model(B& device, const anser::T5Config& c) {
  auto model = std::make_unique<anser::T5Model<B>>(device, c);
  model->load(RandomTensors::of(*model));
  return model;
}

/// Experts of rank 16 on the given sites, each with memory of its own on pages as small as those of a mapped file, and
/// gates of normal numbers: tokens that differ then choose evenly.
std::vector<anser::Expert> make_experts(const std::vector<anser::Site>& sites, int count, int rank = 16);
double expert_bytes(const std::vector<anser::Site>& sites, int rank = 16);

/// examples x tokens random ids.
anser::Tokens random_tokens(const anser::T5Config& c, int examples, int tokens, std::uint64_t seed = 1);

}  // namespace bench
