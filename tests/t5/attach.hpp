#pragma once
#include "../golden.hpp"
#include "generate.hpp"

namespace anser::test {

/// A golden pool on its base model, heard as the router decides.
template <Backend B, class R>
std::unique_ptr<T5Model<B>> golden_pool(const std::string& base, const std::vector<Expert>& experts, R router,
                                        bool packed) {
  auto model = golden_model<B>(base);
  attach<B, Lora, R>(*model, experts, {}, router);
  if (packed) model->pack();
  return model;
}

/// Logits and routing of a pool against the transcription. Decisions must agree wherever the margin between the k-th
/// and the next weight is above `margin`; returns {rows that agree, rows}.
template <Backend B, class R>
std::pair<int, int> check_pool(const std::string& pool, const std::string& file, R router, bool packed,
                               double tolerance, double margin, std::vector<Expert> experts = {}) {
  if (experts.empty()) experts = load_pool(golden("pool/" + pool)).experts;
  const auto model = golden_pool<B>("v1_1", experts, router, packed);
  const Golden g("pool/" + file + ".safetensors");
  const Context<B> cx{model->device()};
  int rows = 0, agree = 0;
  for (const std::string set : {"single", "padded"}) {
    const auto input = g.tokens(set, "input_ids");
    std::vector<TraceEntry<B>> trace;
    Batch<B> batch;
    batch.trace = &trace;
    auto session = model->encode(cx, input, batch);
    const auto logits = model->decode(cx, session, g.tokens(set, "decoder_input_ids"), false);
    const std::string what = file + ' ' + set + (packed ? " packed" : "");
    check_close(doubles(logits.host()), g.values(set + ".logits"), parity<B>, what + " logits");
    check_close(doubles(session.states.host()), g.values(set + ".encoder_last_hidden_state"), parity<B>,
                what + " encoder", input.mask);
    if constexpr (std::is_same_v<R, PhatGoose>) {
      std::size_t sites = 0;
      for (const auto& n : g.names()) sites += n.rfind(set + ".routing.", 0) == 0 && n.ends_with(".expert");
      BOOST_CHECK_EQUAL(trace.size(), sites);
      for (const auto& t : trace) {
        const std::string key = set + ".routing." + t.site.name;
        const auto expert = g.values<std::int32_t>(key + ".expert");
        const auto weight = g.values(key + ".weight"), margins = g.values(key + ".margin");
        const auto got_expert = t.expert.host();
        const auto got_weight = doubles(t.weight.host());
        BOOST_REQUIRE_EQUAL(got_expert.size(), expert.size());
        const std::size_t k = expert.size() / margins.size();
        for (std::size_t r = 0; r < margins.size(); ++r) {
          if (t.site.rows == Stack::encoder && !input.mask[r]) continue;
          bool same = true;
          double error = 0;
          for (std::size_t s = 0; s < k; ++s) {
            same = same && expert[r * k + s] == got_expert[r * k + s];
            error = std::fmax(error, std::fabs(weight[r * k + s] - got_weight[r * k + s]));
          }
          ++rows;
          agree += same;
          if (margins[r] > margin) {
            BOOST_CHECK_MESSAGE(same, what << ' ' << t.site.name << " row " << r << " chose other experts");
            if (same)
              BOOST_CHECK_MESSAGE(error <= tolerance,
                                  what << ' ' << t.site.name << " row " << r << ": weights differ by " << error);
          }
        }
      }
    }
  }
  return {agree, rows};
}

}  // namespace anser::test
