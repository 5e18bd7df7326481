#include <anser/io/safetensors.hpp>

#include <limits>

#include "experts.hpp"
#include "options.hpp"
#include "text.hpp"

namespace anser::cli {
namespace {

struct ForwardOptions {
  EngineOptions engine;
  std::string tensors, output;
  bool routing = false;
};

/// Integers of a file as int32: [examples, tokens].
std::vector<std::int32_t> integers(const Stored& t) {
  check(t.dtype == DType::i64 || t.dtype == DType::i32, t.origin, " holds ", name_of(t.dtype), "; convert it to I64");
  check(t.shape.rank() == 2, t.origin, " has the shape ", t.shape, "; make it [examples, tokens]");
  std::vector<std::int64_t> wide(t.shape.size());
  convert(t, wide.data());
  for (std::int64_t v : wide)
    check(v == std::int32_t(v), t.origin, " holds ", v,
          ", which is neither a token id nor a mask; rewrite that tensor");
  return {wide.begin(), wide.end()};
}

Tokens read_tokens(const Safetensors& file, const char* name) {
  const auto t = file.find(name);
  if (!t)
    fail(file.origin(), ": the tensor ", name,
         " is missing; anser forward reads input_ids, attention_mask and "
         "decoder_input_ids");
  return {t->shape.rows(), t->shape.cols(), integers(*t), {}};
}

void run(const ForwardOptions& o) {
  check_output(o.output, {{"--tensors", o.tensors}}, o.engine);
  const Safetensors file(o.tensors);
  Tokens input = read_tokens(file, "input_ids");
  const Tokens target = read_tokens(file, "decoder_input_ids");
  check(input.examples == target.examples, file.origin(), ": input_ids has ", input.examples,
        " rows and decoder_input_ids ", target.examples, "; give both as many");
  if (const auto mask = file.find("attention_mask")) {
    check(mask->shape == Shape{input.examples, input.tokens}, mask->origin, " has the shape ", mask->shape,
          "; make it that of input_ids, [", input.examples, ", ", input.tokens, "]");
    input.mask = integers(*mask);
  }
  const std::string& router = o.engine.router.name;
  check(o.engine.pool.empty() || !(router == "oracle" || router == "retrieval" || names_tasks(router)), "--router ",
        router, " decides by texts or tasks, which tensors are not");
  const auto engine = open_engine(o.engine);
  const auto r = [&] {
    try {
      return engine->forward(input, target, o.routing, {});
    } catch (const NotFinite&) {  // no fault of the tensors that went in
      throw;
    } catch (const Error& error) {
      fail(file.origin(), ": ", error.what());
    }
  }();

  const T5Config& config = engine->config();
  std::vector<NamedTensor> out;
  out.emplace_back("logits", stored_view(r.logits.data(), {target.examples, target.tokens, config.vocabulary}));
  out.emplace_back("encoder_last_hidden_state",
                   stored_view(r.encoded.data(), {input.examples, input.tokens, config.d_model}));
  for (const Decision& d : r.routing) {
    const Shape shape{int(d.expert.size()) / d.k, d.k};
    out.emplace_back("routing." + d.site + ".expert", stored_view(d.expert.data(), shape));
    out.emplace_back("routing." + d.site + ".weight", stored_view(d.weight.data(), shape));
  }
  std::map<std::string, std::string> metadata;
  if (o.routing) {
    std::string names;
    for (const Expert& e : engine->pool().experts) names += (names.empty() ? "" : "\n") + e.name;
    metadata["experts"] = names;
  }
  write_safetensors(o.output, std::move(out), metadata);
}

}  // namespace

void add_forward(Command& program) {
  auto o = std::make_shared<ForwardOptions>();
  Command& c = program.add_subcommand(
      "forward",
      "Makes one pass from token ids to logits, for comparison with other software. Reads input_ids [B,S], "
      "attention_mask [B,S] (all ones where absent) and decoder_input_ids [B,T], all I64; writes logits "
      "[B,T,V] and encoder_last_hidden_state [B,S,d] in F32. With --routing also, per site, "
      "routing.<site>.expert (I32, numbers of experts in the pool's order) and routing.<site>.weight (F32), "
      "both [rows,k], rows as the site reads them.");
  add_model_options(c, o->engine);
  add_pool_options(c, o->engine);
  c.add_option("--tensors", o->tensors, "What goes in")->required()->type_name("IN.safetensors");
  c.add_option("--output", o->output, "What comes out, whole or not at all; missing folders are made")
      ->required()
      ->type_name("OUT.safetensors");
  c.add_flag("--routing", o->routing, "Write every site's decisions too");
  add_examples(c,
               {"anser forward --model t5 --tensors in.safetensors --output out.safetensors",
                "anser forward --model t5 --pool experts --tensors in.safetensors --output out.safetensors --routing"});
  c.callback([o] { run(*o); });
}

}  // namespace anser::cli
