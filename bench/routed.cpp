// What a pool costs: PHATGOOSE with the two best of 8 to 1,024 experts of rank 16 on every linear, against the model
// alone, in turn. Also the same with experts that are chosen but not heard: what remains is the price of choosing.
#include <algorithm>

#include "products.hpp"

using namespace bench;
using Device = anser::Cpu<float>;
using Model = anser::T5Model<Device>;

namespace {

constexpr int top_k = 2;

/// The model alone, with scores, and with experts, over one pool.
struct Contest {
  std::vector<anser::Site> sites;
  std::vector<anser::Expert> experts;
  std::unique_ptr<Model> plain, scored, routed;

  Contest(const anser::T5Config& c, int pool) {
    plain = make_model(device(), c);
    plain->each_site([&](const anser::Site& s, auto&) { sites.push_back(s); });
    experts = make_experts(sites, pool);
    plain->pack();
    const std::span<const anser::Expert> all(experts);
    scored = make_model(device(), c);
    anser::attach(*scored, all, anser::NoModule{}, anser::PhatGoose{top_k});
    scored->pack();
    routed = make_model(device(), c);
    anser::attach(*routed, all, anser::Lora{}, anser::PhatGoose{top_k});
    routed->pack();
  }

  /// Operations of the experts heard by one row at every site of the stack.
  double expert_operations(anser::Stack stack) const {
    double sum = 0;
    for (const auto& s : sites)
      if (s.stack == stack) sum += 2.0 * top_k * 16 * (double(s.in) + s.out);
    return sum;
  }
  /// Bytes of the experts that one row of the decoder reads.
  double decoder_expert_bytes() const {
    double sum = 0;
    for (const auto& s : sites)
      if (s.rows == anser::Stack::decoder) sum += 4.0 * top_k * 16 * (double(s.in) + s.out);
    return sum;
  }
};

/// "rows per expert and site: least, median, most", over all of the encoder's sites.
std::string spread(const Contest& contest, const anser::Tokens& input, int pool) {
  std::vector<anser::TraceEntry<Device>> trace;
  anser::Batch<Device> batch;
  batch.trace = &trace;
  contest.routed->encode({device()}, input, batch);
  std::vector<int> rows;
  for (const auto& entry : trace) {
    if (entry.site.stack != anser::Stack::encoder) continue;
    std::vector<int> of(std::size_t(pool), 0);
    for (const std::int32_t e : entry.expert.host())
      if (e >= 0) ++of[std::size_t(e)];
    rows.insert(rows.end(), of.begin(), of.end());
  }
  if (rows.empty()) return "no decisions";
  std::sort(rows.begin(), rows.end());
  const auto at = [&](double q) { return std::to_string(rows[std::size_t(q * double(rows.size() - 1))]); };
  return "rows per expert " + at(0) + " to " + at(1) + ", tenths " + at(0.1) + " and " + at(0.9) + ", median " +
         at(0.5);
}

double pool_bytes(const anser::T5Config& c, int pool) {
  Model model(device(), c);
  std::vector<anser::Site> sites;
  model.each_site([&](const anser::Site& s, auto&) { sites.push_back(s); });
  return pool * expert_bytes(sites);
}

/// Two layers where the pool and the three models would pass 8 GB.
anser::T5Config fit(anser::T5Config c, int pool) {
  const double linears = 4.0 * (c.layers * weights(encoder_products(c)) +
                                c.decoder_layers * (weights(decoder_products(c)) + 2.0 * c.heads * c.d_kv * c.d_model));
  if (pool_bytes(c, pool) + 3 * linears + 16.0 * c.vocabulary * c.d_model > 8e9) {
    c.layers = std::min(c.layers, 2);
    c.decoder_layers = std::min(c.decoder_layers, 2);
  }
  return c;
}

void add_cases(const Options& options, const Shape& shape, int pool) {
  const int tokens = options.smoke ? 32 : 512;
  const std::string name = shape.name + '/' + std::to_string(pool);
  anser::T5Config encoder = shape.config;
  encoder.decoder_layers = 0;
  encoder = fit(encoder, pool);
  for (int examples : {1, 8})
    add("routed/encoder/" + name + '/' + std::to_string(examples) + 'x' + std::to_string(tokens), options,
        3.5 * encoder_operations(encoder, examples, tokens) / expected_rate,
        [c = encoder, pool, examples, tokens, name](benchmark::State& state) {
          auto& all = shared<Contest>("encoder " + name, [&] { return std::make_unique<Contest>(c, pool); });
          const anser::Context<Device> cx{device()};
          const auto input = random_tokens(c, examples, tokens);
          const double plain = encoder_operations(c, examples, tokens);
          const double more = double(examples) * tokens * all.expert_operations(anser::Stack::encoder);
          for (int i = 0; i < 3; ++i) all.routed->encode(cx, input);  // experts that are used again are packed
          compare(state, Limit::fma,
                  {{"plain", plain, [&] { all.plain->encode(cx, input); }},
                   {"scoring", plain, [&] { all.scored->encode(cx, input); }},
                   {"routed", plain + more, [&] { all.routed->encode(cx, input); }}},
                  std::to_string(c.layers) + " layers; " + spread(all, input, pool));
        });

  anser::T5Config decoder = shape.config;
  decoder.layers = 1;
  decoder = fit(decoder, pool);
  for (int examples : {1, 8})
    add("routed/decode/" + name + '/' + std::to_string(examples), options, 1,
        [c = decoder, pool, examples, tokens, name](benchmark::State& state) {
          // A pool of its own, so that its experts are as new as those of the other case.
          auto& all = shared<Contest>("decoder " + name + '/' + std::to_string(examples),
                                      [&] { return std::make_unique<Contest>(c, pool); });
          const anser::Context<Device> cx{device()};
          const double read =
              4.0 * (c.decoder_layers * weights(decoder_products(c)) + double(c.vocabulary) * c.d_model);
          // Rows share few experts in a large pool, so each reads its own; at most the whole pool is read.
          const double most = pool / double(top_k);
          const double more = std::min(double(examples), most) * all.decoder_expert_bytes();
          struct Run {
            const Model* model;
            anser::Session<Device> session;
            std::uint64_t step = 0;
          };
          std::vector<Run> runs;
          for (const Model* m : {all.plain.get(), all.scored.get(), all.routed.get()})
            runs.push_back({m, m->encode(cx, random_tokens(c, examples, tokens))});
          auto next = [&](Run& r) { r.model->decode(cx, r.session, random_tokens(c, examples, 1, ++r.step), true); };
          compare(state, Limit::read,
                  {{"plain", read, [&] { next(runs[0]); }},
                   {"scoring", read, [&] { next(runs[1]); }},
                   {"routed", read + more, [&] { next(runs[2]); }}},
                  std::to_string(c.decoder_layers) + " layers");
        });
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  for (const Shape& shape : published_shapes(options.smoke))
    for (int pool : options.smoke ? std::vector{8} : std::vector{8, 36, 166, 1024})
      if (shape.name != "t5-xl" || pool == 166) add_cases(options, shape, pool);
  return run(argc, argv);
}
