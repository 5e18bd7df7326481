#pragma once
#include <anser/module/adapter.hpp>
#include <anser/router/smear.hpp>
#include <anser/router/spectr.hpp>

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
    std::size_t sites = 0;
    for (const auto& n : g.names()) sites += n.rfind(set + ".routing.", 0) == 0 && n.ends_with(".expert");
    if (sites == 0) continue;  // a fixture without decisions
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
        for (std::size_t s = r * k; s < r * k + k; ++s) {  // the order among those kept has no margin
          std::size_t at = r * k;
          while (at < r * k + k && got_expert[at] != expert[s]) ++at;
          same = same && at < r * k + k;
          if (same) error = std::fmax(error, std::fabs(weight[s] - got_weight[at]));
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
  return {agree, rows};
}

/// A pool that was trained with its router Smear, against the transcription: probabilities per example and site, and
/// what the one merged expert gives.
template <Backend B, class Module>
void check_smear(const std::string& name) {
  const auto pool = load_pool(golden("pool/" + name));
  const auto model = golden_model<B>("v1_1");
  attach<B, Module, Smear>(*model, pool.experts);
  load_router(*model, pool);
  model->pack();
  const Golden g("pool/" + name + ".safetensors");
  const Context<B> cx{model->device()};
  for (const std::string set : {"single", "padded"}) {
    const auto input = g.tokens(set, "input_ids");
    std::vector<TraceEntry<B>> trace;
    Batch<B> batch;
    batch.trace = &trace;
    auto session = model->encode(cx, input, batch);
    const auto logits = model->decode(cx, session, g.tokens(set, "decoder_input_ids"), false);
    check_close(doubles(logits.host()), g.values(set + ".logits"), parity<B>, name + ' ' + set + " logits");
    check_close(doubles(session.states.host()), g.values(set + ".encoder_last_hidden_state"), parity<B>,
                name + ' ' + set + " encoder", input.mask);
    std::size_t sites = 0;
    for (const auto& n : g.names()) sites += n.rfind(set + ".routing.", 0) == 0;
    BOOST_CHECK_EQUAL(trace.size(), sites);
    for (const auto& t : trace) {
      const auto expected = g.values(set + ".routing." + t.site.name + ".weight");  // [examples, experts]
      const auto got = doubles(t.weight.host());                                    // [rows, experts]
      const std::size_t n = pool.experts.size(), rows = got.size() / n, of_one = rows * n / expected.size();
      BOOST_REQUIRE_EQUAL(of_one * expected.size(), got.size());
      double error = 0;
      for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t e = 0; e < n; ++e) {
          BOOST_TEST_REQUIRE(t.expert.host()[r * n + e] == int(e));
          error = std::fmax(error, std::fabs(got[r * n + e] - expected[r / of_one * n + e]));
        }
      BOOST_CHECK_MESSAGE(error <= 1e-5,
                          name << ' ' << set << ' ' << t.site.name << ": probabilities differ by " << error);
    }
  }
}

/// Adapters that PEFT saved, against what PEFT computed with them.
template <Backend B>
void check_lora() {
  for (const auto& entry : std::filesystem::directory_iterator(golden("lora"))) {
    const std::string name = "lora/" + entry.path().filename().string();
    const std::vector<Expert> one{load_expert(golden(name))};
    const auto model = golden_pool<B>(read_json(golden(name + "/golden.json")).text("base"), one, Uniform{}, true);
    const Golden g(name + "/golden.safetensors");
    const Context<B> cx{model->device()};
    for (const std::string set : {"single", "padded"}) {
      auto session = model->encode(cx, g.tokens(set, "input_ids"));
      check_close(doubles(model->decode(cx, session, g.tokens(set, "decoder_input_ids"), false).host()),
                  g.values(set + ".logits"), 1e-4, name + ' ' + set);
    }
  }
}

/// Calls f(name, tensor) for every parameter of every site.
template <Backend B>
void walk_experts(T5Model<B>& model, const std::function<void(const std::string&, const std::string&, Real<B>&)>& f) {
  model.each_site([&](const Site& site, std::unique_ptr<SiteExperts<B>>& place) {
    if (place) place->visit([&](const std::string& name, Real<B>& t) { f(site.name, name, t); });
  });
}

template <Backend B>
void check_lora_gradients() {
  const std::vector<Expert> one{load_expert(golden("lora/all"))};
  const Golden g("lora/all/golden.safetensors");
  for (bool packed : {true, false}) {
    const auto model = golden_pool<B>("v1_1", one, Uniform{}, packed);
    walk_experts<B>(*model, [](const std::string&, const std::string&, Real<B>& t) { t.require_grad(); });
    Tape tape;
    const Context<B> cx{model->device(), &tape};
    auto session = model->encode(cx, g.tokens("padded", "input_ids"));
    const auto loss = mean_loss(cx, *model, session, g.tokens("padded", "labels"));
    check_close(doubles(loss.host()), g.values("padded.loss"), 1e-4, "lora loss");
    tape.backward<B>(loss);
    int compared = 0;
    walk_experts<B>(*model, [&](const std::string& site, const std::string& name, Real<B>& t) {
      const std::string matrix = name.substr(0, 6);  // lora_A or lora_B, then the expert's name
      check_close(doubles(t.host_grad()), g.values("padded.grad.base_model.model." + site + '.' + matrix + ".weight"),
                  1e-4, "d " + site + '.' + matrix);
      ++compared;
    });
    BOOST_CHECK_GT(compared, 20);
  }
}

template <Backend B>
void check_gate_gradients() {
  const auto pool = load_pool(golden("pool/even"));
  std::vector<Expert> one;
  for (const auto& e : pool.experts)
    if (e.name == read_json(golden("pool/even.sigmoid_gate.json")).text("expert")) one.push_back(e);
  BOOST_REQUIRE_EQUAL(one.size(), 1u);
  check_pool<B>("even", "even.sigmoid_gate", SigmoidGate{}, true, 0, 0, one);
  const auto model = golden_pool<B>("v1_1", one, SigmoidGate{}, false);
  const Golden g("pool/even.sigmoid_gate.safetensors");
  Tape tape;
  const Context<B> cx{model->device(), &tape};
  auto session = model->encode(cx, g.tokens("padded", "input_ids"));
  const auto loss = mean_loss(cx, *model, session, g.tokens("padded", "labels"));
  check_close(doubles(loss.host()), g.values("padded.loss"), 1e-4, "gate loss");
  tape.backward<B>(loss);
  int compared = 0;
  walk_experts<B>(*model, [&](const std::string& site, const std::string& name, Real<B>& t) {
    if (name.rfind("gate.", 0) != 0) return;
    check_close(doubles(t.host_grad()), g.values("padded.grad." + site), 1e-4, "d gate " + site);
    ++compared;
  });
  BOOST_CHECK_GT(compared, 20);
}

}  // namespace anser::test
