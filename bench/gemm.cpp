// Packed products of t5-base's and t5-large's linears: many rows against the FMA peak, few against the memory's speed.
#include "products.hpp"

using namespace bench;

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  for (const Shape& shape : published_shapes(options.smoke)) {
    if (shape.name == "t5-small" || shape.name == "t5-xl") continue;
    auto products = encoder_products(shape.config);
    products.push_back({"lm_head", shape.config.vocabulary, shape.config.d_model});
    for (const auto& [library, name] : {std::pair{Library::onednn, "packed"}, std::pair{Library::eigen, "eigen"}}) {
      for (const Product& p : products) {
        const std::string path = std::string("gemm/") + name + '/' + shape.name + '/' + p.name + '/';
        for (int rows : {512, 4096}) {
          if (p.name == "lm_head") continue;
          add(path + std::to_string(rows), options, 0.1, [p, rows, library = library](benchmark::State& state) {
            Products one({p}, 1, library);
            measure(state, Limit::fma, one.operations(rows), [&] { one.run(rows); });
          });
        }
        for (int rows : {1, 8}) {
          const double bytes = 4.0 * p.n * p.k;
          const int copies = options.smoke ? 2 : int(5e8 / bytes) + 1;  // together larger than any cache
          add(path + std::to_string(rows), options, 0.15,
              [p, rows, copies, library = library](benchmark::State& state) {
                Products many({p}, copies, library);
                measure(state, Limit::read, many.bytes(), [&] { many.run(rows); });
              });
        }
      }
    }
  }
  return run(argc, argv);
}
