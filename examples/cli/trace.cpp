#include "trace.hpp"

#include <fmt/core.h>
#include <anser/io/tokenizer.hpp>
#include <anser/t5/score.hpp>

#include <filesystem>

#include "evaluation.hpp"
#include "experts.hpp"
#include "jsonl.hpp"
#include "options.hpp"
#include "routing.hpp"
#include "text.hpp"

namespace anser::cli {
namespace {

struct TraceOptions {
  EngineOptions engine;
  std::string input, tasks, output;
  int limit = 0, shown = 1;
  int max_new_tokens = 128, beams = 1;
  bool leave_one_out = false;
};

std::vector<std::string> pieces_of(const Tokenizer& tokenizer, const std::vector<std::int32_t>& ids) {
  std::vector<std::string> out;
  for (const std::int32_t id : ids)
    out.push_back(id < tokenizer.size() ? tokenizer.piece(id) : fmt::format("<{}>", id));
  return out;
}

/// What is scored again while experts are left out.
struct Answer {
  Tokens input;
  std::vector<std::int32_t> target;
};

/// Which experts each site gave the tokens of one input to, the decoder reading its start token and then the target.
/// `expert`: where the router leaves the decision to whoever knows, as Engine takes it.
TracedInput trace_input(Engine& engine, const Tokenizer& tokenizer, const std::vector<std::int32_t>& source,
                        const std::vector<std::int32_t>& target, const std::vector<int>& expert) {
  const T5Config& c = engine.config();
  const Tokens decoder = shift_right(Tokens::pad({target}, c.pad), c.start, c.pad);
  TracedInput traced;
  traced.read = pieces_of(tokenizer, source);
  traced.written = pieces_of(tokenizer, decoder.ids);
  for (const Decision& d : engine.forward(Tokens::pad({source}, c.pad), decoder, true, expert).routing) {
    TracedSite s{d.stack == Stack::encoder ? "encoder" : "decoder", d.site, d.rows == Stack::encoder, {}, {}};
    for (std::size_t at = 0; at < d.expert.size(); at += std::size_t(d.k)) {
      s.experts.emplace_back();
      s.weights.emplace_back();
      for (std::size_t i = at; i < at + std::size_t(d.k); ++i) {
        if (d.expert[i] < 0) continue;  // nobody
        s.experts.back().push_back(d.expert[i]);
        s.weights.back().push_back(d.weight[i]);
      }
    }
    traced.sites.push_back(std::move(s));
  }
  return traced;
}

/// A line of the input. The decoder reads its start token and then the target, or else the winning hypothesis.
/// `expert`: where the router leaves the decision to whoever knows, as Engine takes it.
TracedInput trace_line(Engine& engine, const Tokenizer& tokenizer, const Json& record, const std::vector<int>& expert,
                       const TraceOptions& o, Answer& answer) {
  const T5Config& c = engine.config();
  const auto source = tokenizer.encode(record.text("input"));
  answer.input = Tokens::pad({source}, c.pad);
  if (record.has("target")) {
    answer.target = tokenizer.encode(record.text("target"));
  } else {
    Generation g;
    g.max_new_tokens = o.max_new_tokens;
    g.beam.beams = o.beams;
    answer.target = engine.generate(answer.input, g, expert)[0].tokens;
  }
  TracedInput traced = trace_input(engine, tokenizer, source, answer.target, expert);
  traced.text = record.text("input");
  traced.target = record.has("target") ? record.text("target") : tokenizer.decode(answer.target, true, c.vocabulary);
  return traced;
}

std::string line_of(const TracedInput& input, const TracedSite& s, const std::vector<std::string>& names) {
  const auto name = [&](int e) { return quote(names[std::size_t(e)]); };
  const auto number = [](float v) { return fmt::format("{}", v); };
  return fmt::format(
      "{{\"input\": {}, \"tokens\": {}, \"stack\": \"{}\", \"site\": {}, \"experts\": {}, \"weights\": {}}}",
      quote(input.text), json_list(s.reads_source ? input.read : input.written, quote), s.stack, quote(s.site),
      json_list(s.experts, [&](const auto& row) { return json_list(row, name); }),
      json_list(s.weights, [&](const auto& row) { return json_list(row, number); }));
}

std::string line_of(const TracedInput& input, const std::vector<std::string>& names) {
  std::string without;
  for (std::size_t e = 0; e < names.size(); ++e)
    without += fmt::format("{}{}: {}", e ? ", " : "", quote(names[e]), input.without[e]);
  return fmt::format("{{\"input\": {}, \"target\": {}, \"log_likelihood\": {}, \"without\": {{{}}}}}",
                     quote(input.text), quote(input.target), input.whole, without);
}

/// Whom each input's expert, decided outside, gives way to when expert `e` is left out: an oracle's to nobody, the
/// nearest text's owner to the next nearest. Empty where the router decides by itself.
std::vector<int> experts_without(int e, std::vector<int> experts, const std::vector<Json>& records, const Pool& pool,
                                 const TraceOptions& o) {
  std::vector<Json> orphaned;
  for (std::size_t i = 0; i < experts.size(); ++i)
    if (experts[i] == e) orphaned.push_back(records[i]);
  std::vector<int> others(orphaned.size(), -1);
  if (o.engine.router.name == "retrieval" && !orphaned.empty() && pool.experts.size() > 1) {
    Pool rest = pool;
    rest.experts.erase(rest.experts.begin() + e);
    others = experts_for(orphaned, rest, o.engine.router, o.engine.threads);
    for (int& other : others) other += other >= e;
  }
  auto other = others.begin();
  for (int& expert : experts)
    if (expert == e) expert = *other++;
  return experts;
}

/// The likelihood of each input's answer with all experts, and without each in turn.
void leave_out(Engine& engine, const std::vector<Json>& records, const std::vector<Answer>& answers,
               const std::vector<int>& experts, std::vector<TracedInput>& inputs, const TraceOptions& o) {
  const int n = int(engine.pool().experts.size());
  Progress progress("leaving out", std::size_t(n + 1) * answers.size());
  for (int e = -1; e < n; ++e) {
    if (e >= 0) engine.leave_out(e);
    const auto now = e < 0 ? experts : experts_without(e, experts, records, engine.pool(), o);
    for (std::size_t i = 0; i < answers.size(); ++i) {
      const double score = engine.score(answers[i].input, {{answers[i].target}}, pick(now, {i}))[0][0];
      if (e < 0)
        inputs[i].whole = score;
      else
        inputs[i].without.push_back(score);
      progress.advance();
    }
  }
}

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
  return text;
}

std::string ending(const std::string& path) { return lower(std::filesystem::path(path).extension().string()); }

/// An ending that means neither lines nor a page is more likely a mistake than a wish.
std::string check_ending(const std::string& path) {
  const auto end = ending(path);
  if (end.empty() || end == ".jsonl" || end == ".html" || end == ".json") return {};
  return path + " ends in neither .jsonl (lines), nor .html (a page), nor .json (means of --tasks)";
}

/// --tasks: means over many lines, for a report.
void run_tasks(const TraceOptions& o) {
  check(ending(o.output) == ".json", "--tasks: the means go to one file; name it with --output FILE.json");
  check(!o.leave_one_out, "--tasks: --leave-one-out is of --input's lines");
  const Tokenizer tokenizer = open_tokenizer(o.engine.model);
  const Exam exam = make_exam(read_tasks(o.tasks, o.limit), tokenizer);
  const auto engine = open_engine(o.engine);
  const auto experts = experts_for(exam.records, engine->pool(), o.engine.router, o.engine.threads);
  Routing routing{o.engine.router.name, {}, {}, {}};
  for (const Expert& e : engine->pool().experts) routing.experts.push_back(e.name);
  Progress progress("tracing", exam.questions.size());
  std::size_t at = 0;
  for (const Task& task : exam.tasks) {
    MeanWeights weights(routing.experts.size());
    for (std::size_t i = 0; i < task.examples.size(); ++i, ++at) {
      const auto& q = exam.questions[at];
      TracedInput traced = trace_input(*engine, tokenizer, q.input, q.target, pick(experts, {at}));
      weights.add(traced);
      traced.text = task.examples[i].input;
      traced.target = task.examples[i].target;
      if (i < std::size_t(o.shown)) routing.inputs.emplace_back(task.name, std::move(traced));
      progress.advance();
    }
    routing.tasks.push_back({task.name, task.examples.size(), weights.means()});
  }
  write_file(o.output, routing_text(routing));
}

void run(const TraceOptions& o) {
  check_output(o.output, {{"--input", o.input}}, o.engine);
  if (o.input.empty()) return o.tasks.empty() ? refuse_missing("--input") : run_tasks(o);
  check(ending(o.output) != ".json", o.output, ": lines end in .jsonl; .json is for --tasks");
  const auto records = read_jsonl(o.input);
  const Tokenizer tokenizer = open_tokenizer(o.engine.model);
  std::vector<std::size_t> lengths;
  for (const Json& r : records) {  // complain of a bad line before any work
    lengths.push_back(tokenizer.encode(r.text("input")).size());
    if (r.has("target")) r.text("target");
  }
  warn_of_long(records, lengths, o.engine.model);
  const auto engine = open_engine(o.engine);
  if (o.leave_one_out) engine->leave_out(-1);  // complain before any work where this router cannot
  std::vector<std::string> names;
  for (const Expert& e : engine->pool().experts) names.push_back(e.name);
  const bool page = ending(o.output) == ".html";
  const bool keep = page || o.leave_one_out;
  Lines lines(o.output);
  std::vector<TracedInput> all;
  std::vector<Answer> answers;
  std::size_t sites = 0;
  const auto experts = experts_for(records, engine->pool(), o.engine.router, o.engine.threads);
  {
    Progress progress("tracing", records.size());
    for (std::size_t i = 0; i < records.size(); ++i) {
      Answer answer;
      TracedInput traced = trace_line(*engine, tokenizer, records[i], pick(experts, {i}), o, answer);
      sites += traced.sites.size();
      if (!page)
        for (const TracedSite& s : traced.sites) lines.add(line_of(traced, s, names));
      if (!page) traced.sites.clear();
      if (keep) all.push_back(std::move(traced));
      if (o.leave_one_out) answers.push_back(std::move(answer));
      progress.advance();
    }
  }
  if (o.leave_one_out) leave_out(*engine, records, answers, experts, all, o);
  if (o.leave_one_out && !page)
    for (const TracedInput& traced : all) lines.add(line_of(traced, names));
  if (page) lines.add(trace_page(all, names, o.engine.router.name));
  lines.finish();
  if (!sites) warn("the router " + o.engine.router.name + " hears nobody: there is nothing to trace");
}

}  // namespace

void add_trace(Command& program) {
  auto o = std::make_shared<TraceOptions>();
  Command& c = program.add_subcommand(
      "trace",
      "Shows which experts each token used at each site: a line per input and site, {\"input\", \"tokens\", "
      "\"stack\", \"site\", \"experts\": [[name] * k] * tokens, \"weights\"}. The decoder reads its start "
      "token and then the line's \"target\", where given, else what the model generates; cross-attention's "
      "k and v read the encoder's tokens. An --output named .html becomes a page to look at instead.");
  add_model_options(c, o->engine);
  add_pool_options(c, o->engine, true);
  c.add_option("--input", o->input, "Lines of {\"input\": TEXT, \"target\": TEXT (optional)}")->type_name("FILE.jsonl");
  c.add_option("--tasks", o->tasks,
               "Instead of lines: a directory of tasks, as eval reads it. The output is each task's mean weights, of "
               "every expert at every site, in a .json that report draws")
      ->excludes(c.find_option("--input"))
      ->type_name("DIR");
  add_limit_option(c, o->limit)->needs(c.find_option("--tasks"));
  c.add_option("--shown", o->shown, "Questions of each task of which every token's experts are written, too")
      ->needs(c.find_option("--tasks"))
      ->check(Between(0, 1000))
      ->type_name("N")
      ->capture_default_str();
  c.add_option("--output", o->output,
               "FILE.jsonl (lines), FILE.html (a page) or FILE.json (of --tasks), whole or not at all; missing folders "
               "are made; lines to stdout "
               "where not given")
      ->check(check_ending)
      ->type_name("FILE");
  c.add_flag(
      "--leave-one-out", o->leave_one_out,
      "Also how likely the target (or the generated text) is with all experts and without each in turn: a line per "
      "input, {\"input\", \"target\", \"log_likelihood\", \"without\": {expert: number}}, mean "
      "log-likelihoods per token; on a page, a chart");
  c.add_option("--max-new-tokens", o->max_new_tokens, "Tokens per generated answer at most")
      ->check(Between(1, 1 << 20))
      ->type_name("N")
      ->capture_default_str()
      ->group("Decoding");
  c.add_option("--num-beams", o->beams, "Hypotheses of the beam search; 1: greedy")
      ->check(Between(1, 4096))
      ->type_name("N")
      ->capture_default_str()
      ->group("Decoding");
  add_examples(
      c, {"anser trace --model t5 --pool experts --input in.jsonl --output routing.jsonl",
          "anser trace --model t5 --pool experts --router phatgoose --top-k 4 --input in.jsonl --output routing.html"});
  c.callback([o] { run(*o); });
}

}  // namespace anser::cli
