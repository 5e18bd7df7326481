// anser reproduce measure: what routers and single experts get on each question of a seed's tasks.
#include <fmt/format.h>
#include <anser/io/examples.hpp>
#include <anser/io/output_file.hpp>

#include "evaluation.hpp"
#include "experts.hpp"
#include "jsonl.hpp"
#include "options.hpp"
#include "reproduce_phatgoose.hpp"

namespace anser::cli {
namespace {

struct MeasureOptions {
  EngineOptions engine;
  EvaluationOptions evaluation{{"exact_match", "token_accuracy"}, true, 128, 64};
  std::vector<std::string> routers, single;
  std::string tasks, nearest, output;
  int limit = 0;
  bool generate = false;
};

/// {"task": write(values of its examples)}, the questions being in the order of the tasks.
template <class Write>
std::string by_task(const std::vector<Task>& tasks, Write&& write) {
  std::string text;
  std::size_t first = 0;
  for (const Task& t : tasks) {
    text += (text.empty() ? "" : ",\n") + ("    " + quote(t.name) + ": ") + write(t, first);
    first += t.examples.size();
  }
  return "{\n" + text + "}";
}

std::string scores_text(const std::vector<TaskScores>& scores) {
  std::string text;
  for (const auto& s : scores) {
    std::string metrics;
    for (const auto& [metric, values] : s.values)
      metrics += fmt::format(", {}: [{}]", quote(metric), fmt::join(values, ","));
    text +=
        fmt::format("{}    {}: {{\"group\": {}{}}}", text.empty() ? "" : ",\n", quote(s.task), quote(s.group), metrics);
  }
  return "{\n" + text + "}";
}

/// The base encoder's outputs, a mean over each text's tokens.
std::vector<float> mean_outputs(Engine& engine, const std::vector<std::vector<std::int32_t>>& texts, int batch_size) {
  const std::size_t width = std::size_t(engine.config().d_model);
  std::vector<float> means(texts.size() * width);
  std::vector<std::size_t> lengths;
  for (const auto& t : texts) lengths.push_back(t.size());
  for (const auto& batch : batches_by_length(lengths, batch_size)) {
    std::vector<std::vector<std::int32_t>> rows;
    for (const std::size_t i : batch) rows.push_back(texts[i]);
    const Tokens input = Tokens::pad(rows, engine.config().pad);
    const std::vector<std::vector<std::int32_t>> start(rows.size(), {std::int32_t(engine.config().start)});
    const auto encoded = engine.forward(input, Tokens::pad(start, engine.config().pad), false, {}).encoded;
    for (std::size_t j = 0; j < batch.size(); ++j)
      for (std::size_t t = 0; t < rows[j].size(); ++t)
        for (std::size_t d = 0; d < width; ++d)
          means[batch[j] * width + d] +=
              encoded[(j * std::size_t(input.tokens) + t) * width + d] / float(rows[j].size());
  }
  return means;
}

/// "retrieval" and "retrieval-bow": per question the expert who was trained on the nearest line.
std::string nearest_text(const MeasureOptions& o, Engine& engine, const Tokenizer& tokenizer, const Exam& exam) {
  std::vector<std::string> names, questions;
  std::vector<std::vector<std::string>> lines;
  std::vector<std::vector<std::int32_t>> line_ids, question_ids;
  std::vector<std::size_t> counts;
  for (const Expert& e : engine.pool().experts) {
    names.push_back(e.name);
    const ExampleFile file(o.nearest + '/' + e.name + ".jsonl");
    lines.emplace_back();
    counts.push_back(file.size());
    for (std::size_t i = 0; i < file.size(); ++i) {
      lines.back().push_back(file[i].input);
      line_ids.push_back(tokenizer.encode(lines.back().back()));
    }
  }
  for (const auto& q : exam.questions) {
    questions.push_back(exam.tasks[q.task].examples[q.example].input);
    question_ids.push_back(q.input);
  }
  engine.route(options_of("none", o.engine.router));
  const auto chosen = [&](const std::vector<int>& experts) {
    return by_task(exam.tasks, [&](const Task& t, std::size_t first) {
      std::string list;
      for (std::size_t i = 0; i < t.examples.size(); ++i)
        list += (i ? ", " : "") + quote(names[std::size_t(experts[first + i])]);
      return '[' + list + ']';
    });
  };
  const int size = o.evaluation.batch_size;
  return fmt::format(
      "{{\n  \"retrieval\": {},\n  \"retrieval-bow\": {}}}",
      chosen(nearest_by_vectors(mean_outputs(engine, line_ids, size), counts, mean_outputs(engine, question_ids, size),
                                std::size_t(engine.config().d_model))),
      chosen(nearest_by_words(lines, questions)));
}

void run(MeasureOptions o) {
  const Tokenizer tokenizer = open_tokenizer(o.engine.model);
  const Exam exam = make_exam(read_tasks(o.tasks, o.limit), tokenizer);
  o.evaluation.teacher_forced = !o.generate;
  check_metrics(o.evaluation, exam.tasks);
  o.engine.router = options_of(o.routers.empty() ? "none" : o.routers[0], o.engine.router);
  const auto engine = open_engine(o.engine);
  Progress progress("measuring", exam.questions.size() * (o.routers.size() + o.single.size()));
  std::string scores;
  const auto measure = [&](const std::string& method, const RouterOptions& router) {
    if (!o.engine.pool.empty() || router.name != "none") engine->route(router);
    scores += fmt::format("{}  {}: {}", scores.empty() ? "" : ",\n", quote(method),
                          scores_text(evaluate(*engine, tokenizer, exam,
                                               experts_for(exam.records, engine->pool(), router, o.engine.threads),
                                               o.evaluation, progress, method)));
  };
  for (const auto& name : o.routers) measure(name, options_of(name, o.engine.router));
  for (const auto& name : o.single) {
    RouterOptions router = o.engine.router;
    router.name = "single";
    router.expert = name;
    measure("single/" + name, router);
  }
  std::string text = "{\"scores\": {\n" + scores + "}";
  if (!o.nearest.empty()) text += ",\n\"chosen\": " + nearest_text(o, *engine, tokenizer, exam);
  write_file(o.output, text + "}\n");
}

}  // namespace

std::map<std::string, std::vector<TaskScores>> measured_scores(const Json& file) {
  std::map<std::string, std::vector<TaskScores>> scores;
  for (const auto& method : file.at("scores").keys())
    for (const auto& task : file.at("scores").at(method).keys()) {
      const Json entry = file.at("scores").at(method).at(task);
      TaskScores t{task, entry.text("group"), {}};
      for (const auto& metric : entry.keys())
        if (metric != "group")
          for (const auto& v : entry.at(metric).items()) t.values[metric].push_back(v.real());
      scores[method].push_back(std::move(t));
    }
  return scores;
}

void add_reproduce_measure(Command& reproduce) {
  auto o = std::make_shared<MeasureOptions>();
  Command& c = reproduce.add_subcommand("measure",
                                        "A step of the others: what routers, and experts alone, get on each question.");
  add_model_options(c, o->engine);
  c.add_option("--pool", o->engine.pool, "Directory of expert directories; not needed by the router none")
      ->type_name("DIR");
  c.add_option("--tasks", o->tasks, "Directory of tasks, as eval reads it")->required()->type_name("DIR");
  c.add_option("--routers", o->routers, "These decide, one after the other")->delimiter(',')->type_name("NAMES");
  c.add_option("--single", o->single, "These experts alone, one after the other")->delimiter(',')->type_name("NAMES");
  c.add_option("--top-k", o->engine.router.top_k, "Experts that a router keeps per token and site")
      ->check(Between(1, 1 << 20))
      ->type_name("K")
      ->capture_default_str();
  c.add_option("--allow", o->engine.router.allow, "These experts alone are in the pool")
      ->delimiter(',')
      ->check(Trimmed{})
      ->type_name("NAMES");
  c.add_option("--router-option", o->engine.router.settings, "KEY=VALUE of a router, as eval takes it")
      ->type_name("KEY=VALUE");
  c.add_option("--metric", o->evaluation.metrics, "As eval has them")
      ->delimiter(',')
      ->check(Among({std::begin(metric_names), std::end(metric_names)}))
      ->type_name("NAMES")
      ->capture_default_str();
  c.add_flag("--generate", o->generate, "Generate answers; else the target is before the decoder");
  c.add_option("--max-new-tokens", o->evaluation.max_new_tokens, "Tokens per answer at most")
      ->check(Between(1, 1 << 20))
      ->type_name("N")
      ->capture_default_str();
  add_limit_option(c, o->limit);
  c.add_option("--nearest", o->nearest,
               "Say also whose line is nearest to each question, by the base encoder and by words; <expert>.jsonl in "
               "this directory has each expert's lines")
      ->type_name("DIR");
  c.add_option("--output", o->output, "Where that goes")->required()->type_name("FILE.json");
  add_batch_option(c, o->evaluation.batch_size);
  add_examples(c, {"anser reproduce measure --model base --pool experts --tasks data --routers phatgoose,uniform "
                   "--output scores.json"});
  c.callback([o] { run(*o); });
}

}  // namespace anser::cli
