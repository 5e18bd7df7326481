#pragma once
#include "../golden.hpp"

namespace anser::test {

/// Logits and hidden states of a golden case; packed as at inference, or not as in training.
template <Backend B>
void check_model(const std::string& name, bool packed) {
  const auto model = golden_model<B>(name);
  if (packed) model->pack();
  const Golden g(name + "/golden.safetensors");
  const Context<B> cx{model->device()};
  const double tolerance = parity<B>;
  for (const std::string set : {"one", "single", "padded", "left", "long"}) {
    const auto input = g.tokens(set, "input_ids");
    std::vector<Real<B>> encoder_hidden, decoder_hidden;
    auto session = model->encode(cx, input, {}, &encoder_hidden);
    Tensor<B> states;
    const auto logits = model->decode(cx, session, g.tokens(set, "decoder_input_ids"), false, &decoder_hidden, &states);
    const std::string what = name + ' ' + set + (packed ? " packed " : " ");
    check_close(doubles(session.states.host()), g.values(set + ".encoder_last_hidden_state"), tolerance,
                what + "encoder_last_hidden_state", input.mask);
    check_close(doubles(logits.host()), g.values(set + ".logits"), tolerance, what + "logits");
    auto compare = [&](const char* key, const std::vector<Real<B>>& hidden, const Tensor<B>& last,
                       const std::vector<std::int32_t>& mask) {
      if (!g.has(set + key + '0')) return;
      for (std::size_t i = 0; i < hidden.size(); ++i)
        check_close(doubles(hidden[i].host()), g.values(set + key + std::to_string(i)), tolerance,
                    what + key + std::to_string(i), mask);
      check_close(doubles(last.host()), g.values(set + key + std::to_string(hidden.size())), tolerance,
                  what + key + std::to_string(hidden.size()), mask);
    };
    compare(".encoder_hidden.", encoder_hidden, session.states, input.mask);
    compare(".decoder_hidden.", decoder_hidden, states, {});
  }
}

/// Gradients of Hugging Face's loss with respect to every parameter.
template <Backend B>
void check_gradients(const std::string& name, double tolerance) {
  const auto model = golden_model<B>(name);
  const Golden g(name + "/golden.safetensors");
  walk(*model, [](const std::string&, auto& t) { t.require_grad(); });
  Tape tape;
  const Context<B> cx{model->device(), &tape};
  auto session = model->encode(cx, g.tokens("padded", "input_ids"));
  const auto loss = mean_loss(cx, *model, session, g.tokens("padded", "labels"));
  check_close(doubles(loss.host()), g.values("padded.loss"), tolerance, name + " loss");
  tape.backward(loss);
  int compared = 0;
  walk(*model, [&](const std::string& parameter, auto& t) {
    check_close(doubles(t.host_grad()), g.values("padded.grad." + parameter), tolerance, name + " d " + parameter);
    ++compared;
  });
  int golden_gradients = 0;
  for (const auto& n : g.names()) golden_gradients += n.rfind("padded.grad.", 0) == 0;
  BOOST_CHECK_EQUAL(compared, golden_gradients);
}

/// Token by token with a cache equals all at once.
template <Backend B>
void check_incremental(const std::string& name, const std::string& set, double tolerance) {
  const auto model = golden_model<B>(name);
  model->pack();
  const Golden g(name + "/golden.safetensors");
  const Context<B> cx{model->device()};
  const auto target = g.tokens(set, "decoder_input_ids");
  auto whole = model->encode(cx, g.tokens(set, "input_ids"));
  const auto expected = doubles(model->decode(cx, whole, target, false).host());
  auto session = model->encode(cx, g.tokens(set, "input_ids"));
  const std::size_t v = std::size_t(model->config().vocabulary), n = std::size_t(target.tokens);
  std::vector<double> stepwise(expected.size());
  for (std::size_t j = 0; j < n; ++j) {
    Tokens step{target.examples, 1, {}, {}};
    for (int b = 0; b < target.examples; ++b) step.ids.push_back(target.ids[std::size_t(b) * n + j]);
    const auto logits = doubles(model->decode(cx, session, step, true).host());
    for (std::size_t b = 0; b < std::size_t(target.examples); ++b)
      std::copy_n(logits.begin() + std::ptrdiff_t(b * v), v, stepwise.begin() + std::ptrdiff_t((b * n + j) * v));
  }
  check_close(stepwise, expected, tolerance, name + ' ' + set + " incremental");
}

}  // namespace anser::test
