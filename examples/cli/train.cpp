#include <fmt/core.h>
#include <anser/io/output_file.hpp>
#include <filesystem>
#include <fstream>

#include "options.hpp"
#include "plot.hpp"
#include "routers.hpp"
#include "settings.hpp"
#include "signals.hpp"
#include "text.hpp"
#include "train_options.hpp"

namespace anser::cli {
namespace {
using TrainingKind = TrainerOptions::Kind;

/// What /proc/self/status says under a key such as "VmRSS:", in bytes; 0 where the system does not say. (getrusage's
/// peak is that of whoever started this process, too.)
std::uint64_t memory(const char* key) {
  std::ifstream file("/proc/self/status");
  for (std::string word; file >> word;)
    if (std::uint64_t kib = 0; word == key && file >> kib) return kib * 1024;
  return 0;
}

void describe(const TrainerOptions& o, const TrainingFacts& facts) {
  for (const auto& warning : facts.warnings) warn(warning);
  tell(fmt::format("{} numbers learn, of a model with {}; {} steps of {} examples{}", grouped(facts.learned),
                   grouped(facts.parameters), grouped(std::uint64_t(o.training.steps)), grouped(std::uint64_t(o.batch)),
                   facts.validation ? fmt::format(", validated on {} every {} steps", grouped(facts.validation),
                                                  grouped(std::uint64_t(o.training.validate_every)))
                                    : ""));
  if (o.kind == TrainingKind::expert && facts.done && std::filesystem::exists(o.output + "/gate.safetensors"))
    warn(o.output + "/gate.safetensors belongs to the expert as it was; train the gate anew (anser train gate)");
  if (o.kind == TrainingKind::gate && !facts.done && std::filesystem::exists(o.output + "/gate.safetensors"))
    warn(o.output + "/gate.safetensors is there already; the new gate will take its place");
  if (o.training.resume && !facts.done) tell("nothing to resume in " + o.output + ": the training begins");
  if (facts.done) tell(fmt::format("going on after step {}", grouped(std::uint64_t(facts.done))));
}

/// Shows each step's loss as a running mean, with tokens per second and memory.
class Watch {
 public:
  Watch(const TrainerOptions& o, long long done)
      : progress_("training", std::size_t(o.training.steps), std::size_t(done)), steps_(o.training.steps) {}

  bool operator()(const Metric& m) {
    if (m.validation) {
      validation_ = fmt::format(", validation {:.4g}", *m.validation);
      return !signalled();
    }
    loss_ = begun_ ? 0.9 * loss_ + 0.1 * m.loss : m.loss;
    rate_ = begun_ ? 0.9 * rate_ + 0.1 * double(m.tokens) / m.seconds : double(m.tokens) / m.seconds;
    begun_ = true;
    progress_.advance(1, fmt::format("loss {:.4g}{}, {} tokens/s, {}", loss_, validation_,
                                     grouped(std::uint64_t(rate_)), show_bytes(memory("VmRSS:"))));
    return !signalled() || m.step == steps_;
  }

 private:
  Progress progress_;
  long long steps_;
  double loss_ = 0, rate_ = 0;
  bool begun_ = false;
  std::string validation_;
};

void report(const TrainerOptions& o, const Trainer& trainer, long long step) {
  double seconds = 0;
  const Metric *last = nullptr, *best = nullptr;
  for (const Metric& m : trainer.metrics()) {
    seconds += m.seconds;
    if (!m.validation) last = &m;
    if (m.validation && (!best || *m.validation < *best->validation)) best = &m;
  }
  const std::string plot = o.training.directory + "/loss.svg";
  write_file(plot, plot_loss(trainer.metrics(), o.output + ": loss of training"));
  const char* what = o.kind == TrainingKind::full    ? "model"
                     : o.kind == TrainingKind::gate  ? "gate"
                     : o.kind == TrainingKind::joint ? "pool"
                                                     : "expert";
  print(fmt::format("{} of step {} written to {}\n", what, grouped(std::uint64_t(step)), visible(o.output)));
  if (last) print(fmt::format("loss {:.4g} in the last step", last->loss));
  if (best)
    print(fmt::format(", validation {:.4g} at its best, after step {}", *best->validation,
                      grouped(std::uint64_t(best->step))));
  print(fmt::format("; {} of training, {} of memory at the peak\n{} shows how it went\n", duration_text(seconds),
                    show_bytes(memory("VmHWM:")), plot));
}

void run(TrainerOptions o, const Command& command) {
  const bool gate = o.kind == TrainingKind::gate;
  if (gate && o.output.empty()) o.output = o.expert;
  o.training.directory = o.output + (gate ? "/training-gate" : "/training");
  std::error_code ignored;
  if (o.kind == TrainingKind::expert && !std::filesystem::exists(o.training.directory + "/last.safetensors", ignored))
    check(!std::filesystem::exists(o.output + "/adapter_config.json", ignored), o.output,
          " holds an expert already, without a training to go on with; name another --output");
  if (o.name.empty()) o.name = last_folder(o.output);
  if (o.kind == TrainingKind::full) {
    check(!std::filesystem::equivalent(o.engine.model, o.output, ignored), o.output,
          " is the model that is trained from, which would be written over; name another --output");
    check(!o.engine.model.empty() || (!o.config.empty() && !o.vocabulary.empty()),
          "train full: give --model DIR to go on from, or --config FILE and --vocab FILE to begin with random weights");
  }
  if (o.validation.empty() && o.mixing.held_out == 0) o.training.validate_every = 0;
  if (o.loss_name == "mc") o.loss.choice.emplace();
  o.mixing.seed = o.training.seed;
  const auto trainer = make_trainer(o);
  const auto facts = trainer->facts();
  describe(o, facts);
  write_file(o.training.directory + "/settings.json", settings_of(command));
  note_signals();
  bool done = false;
  {
    Watch watch(o, facts.done);
    done = trainer->run([&](const Metric& m) { return watch(m); }, [](const std::string& plan) { tell(plan); });
  }
  if (!done) fail("stopped by a signal, and saved; the same command with --resume goes on");
  report(o, *trainer, trainer->finish());
}

Command& add_kind(Command& train, const char* name, const char* description, std::shared_ptr<TrainerOptions> o) {
  Command& c = train.add_subcommand(name, description);
  c.callback([o, &c] { run(*o, c); });
  return c;
}

void add_expert(Command& train) {
  auto o = std::make_shared<TrainerOptions>();
  Command& c =
      add_kind(train, "expert",
               "Trains a new expert on your examples, the model itself frozen, and writes it as a directory that PEFT "
               "loads too (but for adapters, which PEFT does not have). The defaults are PHATGOOSE's published "
               "settings; --output goes into a pool as it is, and gets its "
               "gate from `anser train gate`.",
               o);
  add_model_options(c, o->engine);
  c.add_option("--output", o->output, "The expert's directory; its last folder is the expert's name")
      ->required()
      ->type_name("DIR");
  c.add_option("--name", o->name, "The name that expert.json keeps; where not given, that of the folder")
      ->type_name("NAME")
      ->group("Experts");
  add_module_options(c, *o);
  add_training_options(c, *o);
  add_examples(c, {"anser train expert --model t5 --data questions.jsonl --held-out 0.05 --output experts/questions",
                   "anser train expert --model t5 --data a.jsonl b.jsonl --steps 200 --batch 32 --output experts/ab",
                   "anser train expert --resume --output experts/questions"});
}

void add_gate(Command& train) {
  auto o = std::make_shared<TrainerOptions>();
  o->kind = TrainingKind::gate;
  o->training.steps = 100;
  Command& c = add_kind(train, "gate",
                        "Trains an expert's gate, by which PHATGOOSE routes to it: model and expert frozen, on the "
                        "expert's own data. Writes gate.safetensors into the expert's directory.",
                        o);
  add_model_options(c, o->engine);
  c.add_option("--expert", o->expert, "The expert's directory: ours, or one that PEFT wrote")
      ->required()
      ->type_name("DIR");
  c.add_option("--output", o->output, "Another place for gate.safetensors")->type_name("DIR");
  add_training_options(c, *o);
  add_examples(c, {"anser train gate --model t5 --expert experts/questions --data questions.jsonl"});
}

void add_joint(Command& train) {
  auto o = std::make_shared<TrainerOptions>();
  o->kind = TrainingKind::joint;
  o->engine.router.name = "smear";
  o->rate = 3e-4, o->warmup = 2000, o->batch = 128;
  o->limits = {128, 128};
  o->loss.smoothing = 0.1;
  o->training.steps = 10'000;
  o->training.save_every = 1000;
  Command& c = add_kind(
      train, "joint",
      "Trains a pool of new experts together with the router that decides among them, and writes the pool with "
      "router.json and router.safetensors. The defaults are SMEAR's published optimizer settings; --module "
      "adapter makes its experts, and --learn-along adds the layer norms that it trained too.",
      o);
  add_model_options(c, o->engine);
  c.add_option("--output", o->output, "The pool's directory")->required()->type_name("DIR");
  std::string what = "Who decides which experts are heard:";
  std::vector<std::string> known;
  each_joint_router({}, [&](const char* name, const char* does, auto) {
    known.push_back(name);
    what += fmt::format("\n{}: {}", name, does);
  });
  known.push_back("uniform");
  c.add_option("--router", o->engine.router.name, what + "\nuniform: all of them alike")
      ->check(Among(known))
      ->type_name("NAME")
      ->capture_default_str()
      ->group("Experts");
  c.add_option("--tasks-to-experts", o->engine.router.tasks,
               "The router tag: {\"task\": \"expert-0\", ...}, with as many digits as the last expert's number has; "
               "where not given, tasks take the experts in turn")
      ->type_name("FILE.json")
      ->group("Experts");
  c.add_option("--experts", o->experts, "How many")
      ->check(Between(1, 1 << 16))
      ->type_name("N")
      ->capture_default_str()
      ->group("Experts");
  add_module_options(c, *o);
  c.add_option("--learn-along", o->learn_along,
               "Weights of the model that learn with the experts, a regular expression of whole names: "
               ".*layer_norm.* as SMEAR does")
      ->type_name("REGEX")
      ->group("Experts");
  add_training_options(c, *o);
  add_examples(c, {"anser train joint --model t5 --data a.jsonl b.jsonl --held-out 0.05 --output pool",
                   "anser generate --model t5 --pool pool --router smear --prompt \"...\""});
}

void add_full(Command& train) {
  auto o = std::make_shared<TrainerOptions>();
  o->kind = TrainingKind::full;
  o->optimizer = "adafactor";
  o->rate = 1e-3, o->warmup = 0, o->clip = 0;
  o->batch = 128;
  o->training.steps = 1 << 18;
  o->training.save_every = 1000;
  Command& c = add_kind(
      train, "full",
      "Trains all weights of a model, or those whose names match --learn, and writes a model directory as Hugging Face "
      "keeps it. Goes on from --model; or begins with random weights, with --config and --vocab. The defaults are how "
      "T5 was fine-tuned (Raffel et al. 2020): Adafactor at a constant rate of 0.001.",
      o);
  add_model_options(c, o->engine, false);
  c.add_option("--config", o->config, "The config.json of a model that begins with random weights")
      ->excludes(c.find_option("--model"))
      ->type_name("FILE")
      ->group("Model");
  c.add_option("--vocab", o->vocabulary, "Its vocabulary: a spiece.model or tokenizer.json")
      ->excludes(c.find_option("--model"))
      ->type_name("FILE")
      ->group("Model");
  c.add_option(
       "--initial", o->initial,
       "How far random weights spread: names (a regular expression of whole ones) and a standard deviation, the "
       "first that matches; the others begin as transformers' T5")
      ->excludes(c.find_option("--model"))
      ->type_name("NAMES=X ...")
      ->group("Model");
  c.add_option("--learn", o->learn, "A regular expression of whole names of weights; the others stay frozen")
      ->type_name("REGEX")
      ->capture_default_str()
      ->group("Model");
  auto* spans = c.add_flag("--span-corruption", o->plain_text,
                           "The data files are plain text, one document a line: spans of it are left out and learned, "
                           "as T5 was pretrained")
                    ->group("Data");
  c.add_option("--span-density", o->spans.density, "Share of the tokens that are left out")
      ->needs(spans)
      ->check(Between(0.001, 0.999))
      ->type_name("X")
      ->capture_default_str()
      ->group("Data");
  c.add_option("--mean-span", o->spans.mean_span, "Tokens of a span, on average")
      ->needs(spans)
      ->check(Between(1.0, 1e6))
      ->type_name("X")
      ->capture_default_str()
      ->group("Data");
  c.add_option("--output", o->output, "The model's directory")->required()->type_name("DIR");
  add_training_options(c, *o);
  add_examples(c, {"anser train full --model t5 --data all.jsonl --steps 1000 --output t5-all",
                   "anser train full --config config.json --vocab spiece.model --data books.txt --span-corruption "
                   "--schedule inverse-sqrt --learning-rate 0.01 --warmup 10000 --output own-t5"});
}

}  // namespace

void add_train(Command& program) {
  Command& train = program.add_subcommand(
      "train",
      "Trains experts, gates and whole models: on JSONL files, safe to interrupt, with a log, a plot of the loss, and "
      "checkpoints that resume to the same bits.");
  train.require_subcommand();
  add_expert(train);
  add_gate(train);
  add_joint(train);
  add_full(train);
}

}  // namespace anser::cli
