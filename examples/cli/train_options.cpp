#include "train_options.hpp"

namespace anser::cli {

void add_training_options(Command& c, TrainerOptions& o) {
  c.add_option("--data", o.data,
               "Lines of {\"input\": TEXT, \"target\": TEXT}, or with \"choices\" and \"label\"; of several files "
               "examples are mixed")
      ->required()
      ->type_name("FILE.jsonl ...")
      ->group("Data");
  c.add_option("--validation", o.validation, "A file of examples that the loss is validated on")
      ->type_name("FILE.jsonl")
      ->group("Data");
  c.add_option("--held-out", o.mixing.held_out, "Or: the share of each data file that is kept for validation")
      ->excludes(c.find_option("--validation"))
      ->check(Between(0.0, 0.99))
      ->type_name("X")
      ->capture_default_str()
      ->group("Data");
  c.add_option("--validation-examples", o.validation_examples, "Examples that are validated on at most")
      ->check(Between(1, 1 << 30))
      ->type_name("N")
      ->capture_default_str()
      ->group("Data");
  c.add_option("--mixing-temperature", o.mixing.temperature,
               "Several files are drawn from in proportion to size^(1/X): 1 as they are, large all alike")
      ->check(Between(1e-3, 1e9))
      ->type_name("X")
      ->capture_default_str()
      ->group("Data");
  c.add_option("--mixing-limit", o.mixing.limit, "A file counts as at most so many examples; 0: no limit")
      ->check(Between(0.0, 1e18))
      ->type_name("N")
      ->capture_default_str()
      ->group("Data");
  c.add_option("--max-input", o.limits.input, "Tokens of an input; longer ones are cut")
      ->check(Between(1, 1 << 20))
      ->type_name("N")
      ->capture_default_str()
      ->group("Data");
  c.add_option("--max-target", o.limits.target, "Tokens of a target; longer ones are cut")
      ->check(Between(1, 1 << 20))
      ->type_name("N")
      ->capture_default_str()
      ->group("Data");

  c.add_option("--steps", o.training.steps, "Steps in all")
      ->check(Between(1ll, (1ll << 31) - 1))
      ->type_name("N")
      ->capture_default_str()
      ->group("Training");
  c.add_option("--batch", o.batch, "Examples to a step")
      ->check(Between(1, 1 << 24))
      ->type_name("N")
      ->capture_default_str()
      ->group("Training");
  c.add_option("--micro-batch", o.micro_batch,
               "Of these so many are computed at once, and their gradients added up: memory grows with it. It divides "
               "--batch")
      ->check(Between(1, 1 << 24))
      ->type_name("N")
      ->capture_default_str()
      ->group("Training");
  c.add_option(
       "--micro-tokens", o.micro_tokens,
       "And at most so many tokens, padding included, in inputs and in targets each; 0: no limit. Batches of long "
       "texts then have fewer examples")
      ->check(Between(0ll, 1ll << 40))
      ->type_name("N")
      ->capture_default_str()
      ->group("Training");
  c.add_flag("--checkpointing", o.training.checkpointing,
             "Keep the inputs of blocks alone and compute the rest again for the gradient: much less memory, for one "
             "more forward pass")
      ->group("Training");
  c.add_option("--optimizer", o.optimizer,
               "How parameters follow their gradients: adamw, adafactor or sgd (momentum 0.9)")
      ->check(Among({"adamw", "adafactor", "sgd"}))
      ->type_name("NAME")
      ->capture_default_str()
      ->group("Training");
  c.add_option("--learning-rate", o.rate, "Its highest")
      ->check(Between(1e-12, 1e6))
      ->type_name("X")
      ->capture_default_str()
      ->group("Training");
  c.add_option("--schedule", o.schedule,
               "How it goes on after the warm-up: constant, linear or cosine (down to --final-rate), inverse-sqrt")
      ->check(Among({"constant", "linear", "cosine", "inverse-sqrt"}))
      ->type_name("NAME")
      ->capture_default_str()
      ->group("Training");
  c.add_option("--final-rate", o.final_rate, "Where linear and cosine end: a share of the highest rate")
      ->check(Between(0.0, 1.0))
      ->type_name("X")
      ->capture_default_str()
      ->group("Training");
  c.add_option("--beta1", o.beta1, "adamw: what it keeps of the mean gradient in a step")
      ->check(Between(0.0, 0.999999))
      ->type_name("X")
      ->capture_default_str()
      ->group("Training");
  c.add_option("--beta2", o.beta2, "adamw: and of the mean square")
      ->check(Between(0.0, 0.999999))
      ->type_name("X")
      ->capture_default_str()
      ->group("Training");
  c.add_option("--warmup", o.warmup, "Steps in which the rate rises to it; below 1: a share of all steps")
      ->check(Between(0.0, 1e12))
      ->type_name("X")
      ->capture_default_str()
      ->group("Training");
  c.add_option("--weight-decay", o.decay, "Per step, times the rate")
      ->check(Between(0.0, 1e3))
      ->type_name("X")
      ->capture_default_str()
      ->group("Training");
  c.add_option("--clip", o.clip, "The gradient's greatest norm; 0: no limit")
      ->check(Between(0.0, 1e9))
      ->type_name("X")
      ->capture_default_str()
      ->group("Training");
  c.add_option("--label-smoothing", o.loss.smoothing, "Share of the probability that is spread over all tokens")
      ->check(Between(0.0, 0.99))
      ->type_name("X")
      ->capture_default_str()
      ->group("Training");
  c.add_option("--dropout", o.dropout, "The base model's, while it trains; where not given, that of its config.json")
      ->check(Between(0.0, 0.99))
      ->type_name("X")
      ->group("Training");
  c.add_option("--loss", o.loss_name,
               "lm: cross-entropy of the target; mc: over the choices too, and against the wrong ones, as T-Few")
      ->check(Among({"lm", "mc"}))
      ->type_name("NAME")
      ->capture_default_str()
      ->group("Training");
  c.add_option("--seed", o.training.seed, "Of what is drawn: the order of the data, dropout, first weights")
      ->check(Between(std::uint64_t(0), ~std::uint64_t(0)))
      ->type_name("N")
      ->capture_default_str()
      ->group("Training");

  c.add_option("--save-every", o.training.save_every, "Steps from one checkpoint to the next; 0: only after the last")
      ->check(Between(0ll, 1ll << 40))
      ->type_name("N")
      ->capture_default_str()
      ->group("Safety");
  o.training.validate_every = 100;
  c.add_option("--validate-every", o.training.validate_every, "Steps from one validation to the next")
      ->check(Between(1ll, 1ll << 40))
      ->type_name("N")
      ->capture_default_str()
      ->group("Safety");
  c.add_flag("--keep-last", o.keep_last, "Write the last step's parameters, not those of the best validation")
      ->group("Safety");
  c.add_flag("--resume", o.training.resume,
             "Go on after the last checkpoint, to the same bits as if never stopped; options are those that the "
             "training was started with")
      ->group("Safety");
  c.add_option("--settings", "A JSON file of these options, such as {\"steps\": 100}; the command line goes before it")
      ->type_name("FILE.json")
      ->group("Safety");
}

void add_module_options(Command& c, TrainerOptions& o) {
  c.add_option(
       "--module", o.module,
       "What the experts are: lora (low-rank corrections), ia3 (scalings), adapter (bottlenecks after sub-layers)")
      ->check(Among({"lora", "ia3", "adapter"}))
      ->type_name("NAME")
      ->capture_default_str()
      ->group("Experts");
  c.add_option("--rank", o.rank, "Lora: of its matrices")
      ->check(Between(1, 1 << 16))
      ->type_name("N")
      ->capture_default_str()
      ->group("Experts");
  c.add_option("--alpha", o.alpha, "Lora: its products count alpha / rank times")
      ->check(Between(1e-9, 1e9))
      ->type_name("X")
      ->capture_default_str()
      ->group("Experts");
  c.add_option(
       "--targets", o.targets,
       "Lora and ia3: which linears get it, endings of their names or a regular expression of whole names; where "
       "not given all of them, for ia3 k,v,wo")
      ->type_name("LIST")
      ->group("Experts");
  c.add_option("--bottleneck", o.bottleneck, "Adapter: numbers between its two products")
      ->check(Between(1, most_bottleneck))
      ->type_name("N")
      ->capture_default_str()
      ->group("Experts");
  c.add_option("--activation", o.activation, "Adapter: the function between them")
      ->check(Among({"silu", "relu", "gelu_new", "none"}))
      ->type_name("NAME")
      ->capture_default_str()
      ->group("Experts");
  c.add_flag(
       "--no-norm", o.no_norm,
       "Adapter: no LayerNorm after it. Pools of adapters that were trained apart need this: experts share a site's "
       "norm")
      ->group("Experts");
}

}  // namespace anser::cli
