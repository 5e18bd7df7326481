// Tokens one by one after an input of 512: each reads every weight of the decoder and of the head once, so that the
// limit is the memory's speed.
#include "products.hpp"

using namespace bench;

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  const int tokens = options.smoke ? 32 : 512;
  for (const Shape& shape : published_shapes(options.smoke)) {
    anser::T5Config c = shape.config;
    c.layers = 1;  // the encoder only brings states
    auto bytes = [&] {
      return 4.0 * (c.decoder_layers * weights(decoder_products(c)) + double(c.vocabulary) * c.d_model);
    };
    if (bytes() + 8.0 * c.decoder_layers * c.heads * c.d_kv * c.d_model + 8.0 * c.vocabulary * c.d_model > 8e9)
      c.decoder_layers = 2;
    for (int examples : {1, 8})
      add("decode/" + shape.name + '/' + std::to_string(examples), options, 0.15 + bytes() / expected_read,
          [c, examples, tokens, read = bytes(), name = shape.name](benchmark::State& state) {
            using Model = anser::T5Model<anser::Cpu<float>>;
            auto& model = shared<Model>(name, [&] {
              auto m = make_model(device(), c);
              m->pack();
              return m;
            });
            const anser::Context<anser::Cpu<float>> cx{device()};
            auto session = model.encode(cx, random_tokens(c, examples, tokens));
            std::uint64_t step = 0;
            const auto next = [&] { model.decode(cx, session, random_tokens(c, examples, 1, ++step), true); };
            const double cross = 8.0 * c.decoder_layers * examples * tokens * c.heads * c.d_kv;
            char note[120];
            std::snprintf(note, sizeof note,
                          "%d layers; %.0f MB of weights, and %.0f MB of keys and values not counted", c.decoder_layers,
                          read / 1e6, cross / 1e6);
            measure(state, Limit::read, read, next, note);
          });
  }
  return run(argc, argv);
}
