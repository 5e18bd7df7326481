// Whole encoders and their products alone, against the FMA peak of the same minutes.
#include "products.hpp"

using namespace bench;

namespace {

/// Linears beyond this would pass 8 GB: two layers stand for all.
void fit(anser::T5Config& c) {
  if (4.0 * c.layers * weights(encoder_products(c)) + 8.0 * c.vocabulary * c.d_model > 8e9) c.layers = 2;
}

struct Held {
  std::unique_ptr<anser::T5Model<anser::Cpu<float>>> model;
  std::unique_ptr<Products> products;
};

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  const int tokens = options.smoke ? 32 : 512;
  for (const Shape& shape : published_shapes(options.smoke)) {
    anser::T5Config c = shape.config;
    c.decoder_layers = 0;
    fit(c);
    const std::string note = std::to_string(c.layers) + " layers";
    auto seconds = [&](int examples) { return encoder_operations(c, examples, tokens) / expected_rate; };
    auto size = [&](int examples) { return std::to_string(examples) + 'x' + std::to_string(tokens); };
    for (int examples : {1, 8})
      add("encoder/whole/" + shape.name + '/' + size(examples), options, seconds(examples),
          [c, examples, tokens, note, name = shape.name](benchmark::State& state) {
            auto& held = shared<Held>("model " + name, [&] {
              auto h = std::make_unique<Held>();
              h->model = make_model(device(), c);
              h->model->pack();
              return h;
            });
            const anser::Context<anser::Cpu<float>> cx{device()};
            const auto input = random_tokens(c, examples, tokens);
            measure(
                state, Limit::fma, encoder_operations(c, examples, tokens), [&] { held.model->encode(cx, input); },
                note);
          });
    for (const auto& [library, word] : {std::pair{Library::onednn, "gemms"}, std::pair{Library::eigen, "eigen-gemms"}})
      for (int examples : {1, 8}) {
        if (library == Library::eigen && shape.name == "t5-xl" && examples == 8) continue;  // minutes a call
        const std::string path = std::string("encoder/") + word + '/' + shape.name + '/';
        add(path + size(examples), options, seconds(examples),
            [c, examples, tokens, path, library = library, note](benchmark::State& state) {
              auto& held = shared<Held>(path, [&] {
                auto h = std::make_unique<Held>();
                h->products = std::make_unique<Products>(encoder_products(c), c.layers, library);
                return h;
              });
              const int rows = examples * tokens;
              measure(
                  state, Limit::fma, held.products->operations(rows), [&] { held.products->run(rows); }, note);
            });
      }
  }
  return run(argc, argv);
}
