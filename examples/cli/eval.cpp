#include <fmt/core.h>
#include <anser/io/hf.hpp>
#include <anser/io/output_file.hpp>

#include <filesystem>

#include "evaluation.hpp"
#include "experts.hpp"
#include "jsonl.hpp"
#include "options.hpp"
#include "score_table.hpp"
#include "text.hpp"

namespace anser::cli {
namespace {

struct EvalOptions {
  EngineOptions engine;
  EvaluationOptions evaluation;
  std::vector<std::string> routers{"phatgoose"};
  std::string tasks, output;
  int limit = 0, resamples = 2000;
  std::uint64_t seed = 0;
};

/// What the results depend on, apart from the machine.
std::string settings_text(const EvalOptions& o, const Pool& pool) {
  const auto& e = o.engine;
  std::vector<std::string> experts;
  for (const Expert& expert : pool.experts) experts.push_back(expert.name);
  std::string text = fmt::format("{{\n    \"model\": {},\n    \"model_hash\": {}", quote(last_folder(e.model)),
                                 quote(ModelDirectory::open(e.model)->hash()));
  if (!e.pool.empty()) {
    text += fmt::format(",\n    \"pool\": {},\n    \"experts\": {},\n    \"top_k\": {}", quote(last_folder(e.pool)),
                        json_list(experts), e.router.top_k);
    if (!e.router.expert.empty()) text += ",\n    \"expert\": " + quote(e.router.expert);
    if (!e.router.weights.empty()) text += ",\n    \"weights\": " + read_json(e.router.weights).written();
    if (!e.router.tasks.empty()) text += ",\n    \"tasks_to_experts\": " + read_json(e.router.tasks).written();
    if (!e.router.settings.empty()) text += ",\n    \"router_options\": " + json_list(e.router.settings);
  }
  return text + fmt::format(
                    ",\n    \"backend\": {},\n    \"dtype\": {},\n    \"batch_size\": {},\n    "
                    "\"max_new_tokens\": {},\n    \"teacher_forced\": {},\n    \"limit\": {},\n    "
                    "\"resamples\": {}\n  }}",
                    quote(e.backend), quote(e.dtype), o.evaluation.batch_size, o.evaluation.max_new_tokens,
                    o.evaluation.teacher_forced, o.limit, o.resamples);
}

std::string exam_text(const std::vector<Task>& tasks) {
  std::string text;
  for (const Task& t : tasks)
    text += fmt::format("{}    {}: {{\"group\": {}, \"examples\": {}, \"sha256\": {}}}", text.empty() ? "" : ",\n",
                        quote(t.name), quote(t.group), t.examples.size(), quote(t.hash));
  return "{\n" + text + "\n  }";
}

std::string in_percent(double share) { return fmt::format("{:.1f}", 100 * share); }

/// A group's table with what it is of.
std::string table_with_caption(const Results& results, const std::string& group, const std::vector<Task>& tasks) {
  std::size_t examples = 0, n = 0;
  for (const Task& t : tasks)
    if (t.group == group) {
      examples += t.examples.size();
      ++n;
    }
  if (n == 0) return {};
  return fmt::format("{}: mean of {} task{}, {} examples, in % [95 % interval over examples]\n{}\n",
                     group == "held_in" ? "held in" : "held out", n, n == 1 ? "" : "s", grouped(examples),
                     metric_table(results, group));
}

/// Tasks down, methods across.
std::string task_table(const Results& results, const std::vector<Task>& tasks) {
  std::vector<std::string> head{"task", "", "metric"};
  for (const auto& m : results.methods()) head.push_back('>' + m.name);
  Table table(head);
  for (const Task& t : tasks)
    for (const auto& [metric, e] : results.methods()[0].by_seed[0].tasks.at(t.name)) {
      std::vector<std::string> row{t.name, t.group == "held_in" ? "held in" : "held out", metric};
      for (const auto& m : results.methods()) row.push_back(in_percent(m.by_seed[0].tasks.at(t.name).at(metric).value));
      table.add(row);
    }
  return table.text();
}

void run(EvalOptions o) {
  const bool is_file = o.output.ends_with(".json");
  const std::string results_file = o.output.empty() || is_file ? o.output : o.output + "/results.json";
  std::vector<std::pair<std::string, std::string>> read;
  std::error_code none;
  for (std::filesystem::directory_iterator it(o.tasks, none), end; it != end; it.increment(none))
    read.emplace_back("--tasks", it->path().string());
  check_output(results_file, read, o.engine);
  if (o.engine.pool.empty()) o.routers = {"none"};
  auto& metrics = o.evaluation.metrics;
  if (metrics.empty()) {
    metrics = {"exact_match", "token_accuracy", "accuracy"};
    if (!o.evaluation.teacher_forced) metrics.insert(metrics.begin() + 1, {"token_f1", "rouge_l"});
  }
  check_routers(o.routers, o.engine.router);
  const Tokenizer tokenizer = open_tokenizer(o.engine.model);
  const Exam exam = make_exam(read_tasks(o.tasks, o.limit), tokenizer);
  check_metrics(o.evaluation, exam.tasks);
  std::vector<std::size_t> lengths;
  for (const auto& q : exam.questions) lengths.push_back(q.input.size());
  warn_of_long(exam.records, lengths, o.engine.model);

  EngineOptions first = o.engine;
  first.router = options_of(o.routers[0], o.engine.router);
  const auto engine = open_engine(first);
  // Each router looks at the pool once before any computes: what it lacks is told at the start.
  std::vector<std::vector<int>> experts;
  for (std::size_t i = 0; i < o.routers.size(); ++i) {
    const RouterOptions router = options_of(o.routers[i], o.engine.router);
    if (i) engine->route(router);
    experts.push_back(experts_for(exam.records, engine->pool(), router, o.engine.threads));
  }
  std::unique_ptr<OutputFile> file;
  if (!o.output.empty()) file = std::make_unique<OutputFile>(results_file);

  Results results({o.seed});
  results.note("version", quote(ANSER_VERSION));
  results.note("settings", settings_text(o, engine->pool()));
  results.note("tasks", exam_text(exam.tasks));
  {
    Progress progress("evaluating", exam.questions.size() * o.routers.size());
    for (std::size_t i = 0; i < o.routers.size(); ++i) {
      if (o.routers.size() > 1) engine->route(options_of(o.routers[i], o.engine.router));
      const auto scores = evaluate(*engine, tokenizer, exam, experts[i], o.evaluation, progress, o.routers[i]);
      results.add(o.routers[i], summarise(scores, o.resamples, o.seed));
    }
  }
  const std::string text = results.json();
  print(task_table(results, exam.tasks) + '\n');
  for (const char* group : {"held_in", "held_out"}) print(table_with_caption(results, group, exam.tasks));
  if (!file) return;
  file->write(text);
  file->commit();
}

}  // namespace

void add_eval(Command& program) {
  auto o = std::make_shared<EvalOptions>();
  Command& c = program.add_subcommand(
      "eval",
      "Measures how well routers do on tasks: each router of a list on the same model, pool and questions. Multiple "
      "choice is answered by rank classification, everything else by greedy decoding. A table goes to stdout, values "
      "with their intervals to results.json.");
  add_model_options(c, o->engine);
  add_pool_options(c, o->engine, false, &o->routers);
  c.add_option("--tasks", o->tasks,
               "Directory of tasks, a file <task>.jsonl each: lines of {\"input\": TEXT, \"target\": TEXT} or "
               "{\"input\": TEXT, \"choices\": [TEXT, ...], \"label\": N}. Those in its folder held_in are what the "
               "experts were trained on, those in held_out, or beside it, are not")
      ->required()
      ->type_name("DIR");
  c.add_option("--output", o->output,
               "Where the results go, whole or not at all: a directory that gets results.json, or a name that ends in "
               ".json; missing folders are made")
      ->type_name("DIR|FILE.json");
  std::vector<std::string> names(std::begin(metric_names), std::end(metric_names));
  c.add_option("--metric", o->evaluation.metrics,
               "Of answers: exact_match (the whole text), squad_exact_match, token_f1 (both as SQuAD), rouge_l, "
               "token_accuracy (with the target before the decoder); of multiple choice: accuracy. All but "
               "squad_exact_match where not given")
      ->delimiter(',')
      ->check(Among(names))
      ->type_name("NAMES");
  c.add_flag("--teacher-forced", o->evaluation.teacher_forced,
             "Generate nothing: an answer matches exactly where each token of the target is the likeliest after those "
             "before it");
  add_limit_option(c, o->limit);
  c.add_option("--max-new-tokens", o->evaluation.max_new_tokens, "Tokens per answer at most")
      ->check(Between(1, 1 << 20))
      ->type_name("N")
      ->capture_default_str();
  c.add_option("--resamples", o->resamples, "Bootstrap samples of each interval")
      ->check(Between(100, 1 << 20))
      ->type_name("N")
      ->capture_default_str();
  c.add_option("--seed", o->seed, "Of the bootstrap samples, and the name of this run in the results")
      ->check(Between(std::uint64_t(0), ~std::uint64_t(0)))
      ->type_name("N")
      ->capture_default_str();
  add_batch_option(c, o->evaluation.batch_size);
  add_examples(c,
               {"anser eval --model t5 --pool experts --routers phatgoose,uniform,none --tasks tasks --output results",
                "anser eval --model t5 --tasks tasks --limit 100",
                "anser eval --model t5 --pool experts --router single --expert food --tasks tasks"});
  c.callback([o] { run(*o); });
}

}  // namespace anser::cli
