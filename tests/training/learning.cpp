// From scratch to an expert and its gate, on strings of letters that were never trained on.
#include <anser/cpu.hpp>
#include <anser/t5/initialise.hpp>
#include <anser/train/adamw.hpp>
#include <anser/train/fit.hpp>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "../gradient.hpp"

namespace anser::test {
namespace {

using B = Cpu<float>;
using Ids = std::vector<std::int32_t>;

constexpr std::uint64_t seed = 1;
constexpr std::int32_t pad = 0, eos = 1, first_letter = 6;
constexpr int letters = 8, shortest = 3, longest = 5, examples = 64;
/// What to do with a string; the number is the token that asks for it. The base never sees `rotate`.
enum Task : std::int32_t { copy = 2, reverse, sort, rotate };
const std::vector<Task> known{copy, reverse, sort};

Ids answer(Task task, Ids s) {
  switch (task) {
    case copy: break;
    case reverse: std::reverse(s.begin(), s.end()); break;
    case sort: std::sort(s.begin(), s.end()); break;
    case rotate: std::rotate(s.begin(), s.begin() + 1, s.end()); break;
  }
  s.push_back(eos);
  return s;
}

/// A string of those that are trained on, or of the eighth that is held out.
Ids draw_string(Random random, bool held_out) {
  for (std::uint64_t trial = 0;; ++trial) {
    const Random own = random.fork(trial);
    Ids s(std::size_t(shortest) + own.draw(0)[0] % unsigned(longest - shortest + 1));
    std::uint64_t number = s.size();
    for (std::size_t i = 0; i < s.size(); ++i) {
      s[i] = first_letter + std::int32_t(own.draw(i + 1)[0] % unsigned(letters));
      number = number * 31 + std::uint64_t(s[i]);
    }
    if ((Random{77}.draw(number)[0] % 8 == 0) == held_out) return s;
  }
}

struct Strings {
  std::vector<Ids> inputs, targets;
};
Strings draw_strings(const std::vector<Task>& tasks, int count, Random random, bool held_out) {
  Strings d;
  for (std::size_t i = 0; i < std::size_t(count); ++i) {
    const Task task = tasks[i % tasks.size()];
    const Ids s = draw_string(random.fork(i), held_out);
    d.inputs.push_back({task});
    d.inputs.back().insert(d.inputs.back().end(), s.begin(), s.end());
    d.inputs.back().push_back(eos);
    d.targets.push_back(answer(task, s));
  }
  return d;
}

void train(const T5Model<B>& model, const std::vector<Task>& tasks, const std::vector<Parameter<B>>& parameters,
           const Schedule& schedule, std::uint64_t stream) {
  Fit<B, AdamW> fit(AdamW{.beta2 = 0.98}, parameters, schedule);
  for (int step = 0; step < schedule.steps; ++step) {
    const auto d = draw_strings(tasks, examples, Random{seed, stream}.fork(std::uint64_t(step)), false);
    fit.step([&](const Context<B>& cx, int) {
      auto session = model.encode(cx, Tokens::pad(d.inputs, pad));
      return mean_loss(cx, model, session, Tokens::pad(d.targets, pad));
    });
  }
}

/// The share of held-out strings whose answer is right to the last token.
double exact_match(const T5Model<B>& model, Task task) {
  const auto d = draw_strings({task}, 200, Random{seed, 10}, true);
  auto session = model.encode({model.device()}, Tokens::pad(d.inputs, pad));
  const auto out = generate(model, session, {.max_new_tokens = longest + 2});
  double right = 0;
  for (std::size_t i = 0; i < out.size(); ++i) right += out[i].tokens == d.targets[i];
  return right / double(out.size());
}

/// sigmoid(v . u), averaged over the tokens of held-out strings and over all sites.
double gate_score(const T5Model<B>& model, Task task) {
  const auto d = draw_strings({task}, 200, Random{seed, 10}, true);
  const auto input = Tokens::pad(d.inputs, pad), target = Tokens::pad(d.targets, pad);
  std::vector<TraceEntry<B>> trace;
  Batch<B> batch;
  batch.trace = &trace;
  const Context<B> cx{model.device()};
  auto session = model.encode(cx, input, batch);
  token_losses(cx, model, session, target);
  double score = 0;
  for (const auto& entry : trace) {
    const auto weight = entry.weight.host();
    const auto& mask = entry.site.rows == Stack::encoder ? input.mask : target.mask;
    BOOST_REQUIRE_EQUAL(mask.size(), weight.size());
    double total = 0, tokens = 0;
    for (std::size_t i = 0; i < weight.size(); ++i) {
      total += mask[i] * double(weight[i]);
      tokens += mask[i];
    }
    score += total / tokens / double(trace.size());
  }
  return score;
}

/// Steps of milliseconds gain nothing by a second thread, and wait for it where the machine is busy.
struct OneThread {
#if defined(_OPENMP)
  int before = omp_get_max_threads();
  OneThread() { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before); }
#endif
};

void check_above(double value, double least, const char* what) {
  BOOST_TEST_MESSAGE(what << ": " << value);
  BOOST_CHECK_MESSAGE(value > least, what << ": " << value << " is not above " << least);
}

}  // namespace

BOOST_AUTO_TEST_CASE(from_scratch_to_an_expert_and_its_gate) {
  [[maybe_unused]] const OneThread one_thread{};
  T5Config c{.vocabulary = first_letter + letters, .d_model = 64, .d_kv = 16, .d_ff = 256, .layers = 2};
  c.decoder_layers = 2;
  c.heads = 4;
  c.validate("the test");
  T5Model<B> model(device<B>(), c);
  initialise(model, Random{seed});

  const auto weights = [&](const auto& leaf) { walk(model, leaf); };
  train(model, known, learn_only<B>(Pattern(".*"), weights), {Schedule::Kind::cosine, 3e-3, 50, 700}, 1);
  for (const Task task : known) check_above(exact_match(model, task), 0.95, "a task of the base");
  const double before = exact_match(model, rotate);
  BOOST_TEST(before < 0.4);

  // An expert for what the base does not know.
  walk(model, [](const std::string&, auto& t) { t.require_grad(false); });
  std::vector<Site> sites;
  model.each_site([&](const Site& site, auto&) { sites.push_back(site); });
  const Lora lora{.rank = 16, .alpha = 16};
  std::vector<Expert> expert{create_expert("rotate", sites, lora, Random{seed, 2})};
  attach<B, Lora, Uniform>(model, expert);
  model.pack();
  BOOST_TEST(exact_match(model, rotate) == before);  // it starts as the base
  const auto learned = learn_only<B>(Pattern(".*"), experts_of(model));
  train(model, {rotate}, learned, {Schedule::Kind::constant, 5e-3, 10, 100}, 3);
  check_above(exact_match(model, rotate), 0.9, "the expert's task");

  // Its gate, with the expert as it is now.
  const auto tensors = std::make_shared<MemorySource>("the trained expert");
  for (const auto& p : learned)
    tensors->add(p.name.substr(0, p.name.rfind(".rotate.")) + ".weight", p.value.shape(), p.value.host());
  expert[0].tensors = tensors;
  attach<B, Lora, SigmoidGate>(model, expert);
  model.pack();
  BOOST_TEST(std::fabs(gate_score(model, rotate) - 0.5) < 1e-6);
  train(model, {rotate}, learn_only<B>(Pattern(R"(.*\.gate\..*)"), experts_of(model)),
        {Schedule::Kind::constant, 5e-3, 6, 100}, 4);
  check_above(exact_match(model, rotate), 0.9, "the expert's task behind its gate");
  const double own = gate_score(model, rotate);
  check_above(own, 0.5, "its gate on its own task");
  for (const Task task : known) check_above(own - gate_score(model, task), 0.002, "more than on another task");
}

}  // namespace anser::test
