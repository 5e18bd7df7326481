#include "evaluation.hpp"

#include <anser/core/error.hpp>
#include <anser/eval/metrics.hpp>

#include <algorithm>

#include "experts.hpp"
#include "jsonl.hpp"
#include "text.hpp"

namespace anser::cli {
namespace {

using Ids = std::vector<std::int32_t>;

bool is_of_text(const std::string& metric) {
  return metric == "squad_exact_match" || metric == "token_f1" || metric == "rouge_l";
}
double compare(const std::string& metric, const std::string& answer, const std::string& target) {
  return metric == "exact_match"         ? exact_match(answer, target)
         : metric == "squad_exact_match" ? squad_exact_match(answer, target)
         : metric == "token_f1"          ? token_f1(answer, target)
                                         : rouge_l(answer, target);
}

/// Some questions, as the engine takes them.
struct Round {
  Tokens input;
  std::vector<int> experts;
};

/// What is asked of one engine, and where the answers go.
class Asking {
 public:
  Asking(Engine& engine, const Tokenizer& tokenizer, const Exam& exam, const std::vector<int>& experts,
         const EvaluationOptions& o)
      : engine_(engine), tokenizer_(tokenizer), exam_(exam), experts_(experts), o_(o) {
    for (const Task& t : exam.tasks) {
      scores_.push_back({t.name, t.group, {}});
      for (const auto& metric : o.metrics)
        if ((metric == "accuracy") == t.choices) scores_.back().values[metric].resize(t.examples.size());
    }
  }

  void choose(const std::vector<std::size_t>& batch) {
    const Round round = read(batch);
    std::vector<std::vector<Ids>> choices;
    for (const std::size_t i : batch) choices.push_back(exam_.questions[i].choices);
    const auto scores = engine_.score(round.input, choices, round.experts);
    for (std::size_t j = 0; j < batch.size(); ++j) {
      const auto best = std::max_element(scores[j].begin(), scores[j].end()) - scores[j].begin();  // ties: the first
      set(batch[j], "accuracy", example(batch[j]).label == best);
    }
  }

  void answer(const std::vector<std::size_t>& batch) {
    bool of_text = false;
    for (const auto& metric : o_.metrics) of_text = of_text || is_of_text(metric) || metric == "exact_match";
    if (of_text && !o_.teacher_forced) generate(batch);
    if (!contains(o_.metrics, "token_accuracy") && !o_.teacher_forced) return;
    constexpr std::size_t rows_at_once = 4096;  // logits of a row are a vocabulary wide
    for (std::size_t first = 0; first < batch.size();) {
      std::size_t n = 0, longest = 0;
      for (; first + n < batch.size(); ++n) {
        longest = std::max(longest, exam_.questions[batch[first + n]].target.size());
        if (n && (n + 1) * longest > rows_at_once) break;
      }
      force({batch.begin() + std::ptrdiff_t(first), batch.begin() + std::ptrdiff_t(first + n)});
      first += n;
    }
  }

  std::vector<TaskScores> take() { return std::move(scores_); }

 private:
  const Example& example(std::size_t question) const {
    const auto& q = exam_.questions[question];
    return exam_.tasks[q.task].examples[q.example];
  }
  void set(std::size_t question, const std::string& metric, double value) {
    const auto& q = exam_.questions[question];
    const auto values = scores_[q.task].values.find(metric);
    if (values != scores_[q.task].values.end()) values->second[q.example] = value;
  }
  Round read(const std::vector<std::size_t>& batch) const {
    std::vector<Ids> rows;
    for (const std::size_t i : batch) rows.push_back(exam_.questions[i].input);
    return {Tokens::pad(rows, engine_.config().pad), pick(experts_, batch)};
  }
  void generate(const std::vector<std::size_t>& batch) {
    const Round round = read(batch);
    Generation g;
    g.max_new_tokens = o_.max_new_tokens;
    const auto out = engine_.generate(round.input, g, round.experts);
    for (std::size_t j = 0; j < batch.size(); ++j) {
      const auto text = tokenizer_.decode(out[j].tokens, true, engine_.config().vocabulary);
      for (const auto& metric : o_.metrics)
        if (is_of_text(metric) || metric == "exact_match")
          set(batch[j], metric, compare(metric, text, example(batch[j]).target));
    }
  }
  void force(const std::vector<std::size_t>& batch) {
    const Round round = read(batch);
    std::vector<Ids> targets;
    for (const std::size_t i : batch) targets.push_back(exam_.questions[i].target);
    const auto likeliest = engine_.force(round.input, targets, round.experts);
    for (std::size_t j = 0; j < batch.size(); ++j) {
      std::size_t right = 0;
      for (std::size_t k = 0; k < targets[j].size(); ++k) right += likeliest[j][k] == targets[j][k];
      set(batch[j], "token_accuracy", double(right) / double(targets[j].size()));
      if (o_.teacher_forced) set(batch[j], "exact_match", right == targets[j].size());
    }
  }

  Engine& engine_;
  const Tokenizer& tokenizer_;
  const Exam& exam_;
  const std::vector<int>& experts_;
  const EvaluationOptions& o_;
  std::vector<TaskScores> scores_;
};

}  // namespace

Exam make_exam(std::vector<Task> tasks, const Tokenizer& tokenizer) {
  Exam exam{std::move(tasks), {}, {}};
  for (std::size_t t = 0; t < exam.tasks.size(); ++t)
    for (std::size_t i = 0; i < exam.tasks[t].examples.size(); ++i) {
      const Example& e = exam.tasks[t].examples[i];
      Exam::Question q{t, i, tokenizer.encode(e.input), tokenizer.encode(e.target), {}};
      std::string choices;
      for (const auto& choice : e.choices) {
        q.choices.push_back(tokenizer.encode(choice));
        choices += (choices.empty() ? "" : ", ") + quote(choice);
      }
      const std::string& task = e.task.empty() ? exam.tasks[t].name : e.task;
      exam.records.push_back(parse_json(
          concat("{\"input\": ", quote(e.input), ", \"choices\": [", choices, "], \"task\": ", quote(task), "}"),
          e.place));
      exam.questions.push_back(std::move(q));
    }
  return exam;
}

void check_metrics(const EvaluationOptions& o, const std::vector<Task>& tasks) {
  for (const auto& metric : o.metrics)
    check(!o.teacher_forced || !is_of_text(metric), "--metric ", metric,
          " is of generated texts, and with --teacher-forced none are generated");
  for (const Task& t : tasks) {
    const bool accuracy = contains(o.metrics, "accuracy");
    check(t.choices ? accuracy : o.metrics.size() > std::size_t(accuracy), t.path, ": none of --metric is for ",
          t.choices ? "multiple choice; add accuracy" : "answers in words; add exact_match");
  }
}

std::vector<TaskScores> evaluate(Engine& engine, const Tokenizer& tokenizer, const Exam& exam,
                                 const std::vector<int>& experts, const EvaluationOptions& o, Progress& progress,
                                 const std::string& method) {
  Asking asking(engine, tokenizer, exam, experts, o);
  for (const bool choices : {true, false}) {
    std::vector<std::size_t> mine, lengths;
    for (std::size_t i = 0; i < exam.questions.size(); ++i)
      if (exam.questions[i].choices.empty() != choices) {
        mine.push_back(i);
        lengths.push_back(exam.questions[i].input.size());
      }
    for (auto& batch : batches_by_length(lengths, o.batch_size)) {
      for (std::size_t& i : batch) i = mine[i];
      choices ? asking.choose(batch) : asking.answer(batch);
      progress.advance(batch.size(), method);
    }
  }
  return asking.take();
}

namespace {
/// Who takes a setting of --router-option.
bool takes(const std::string& router, const std::string& word) {
  if (word.starts_with("temperature=")) return router == "arrow" || router == "spectr";
  return word.starts_with("encoder=") && router == "retrieval";
}
}  // namespace

RouterOptions options_of(const std::string& router, RouterOptions all) {
  all.name = router;
  if (router != "single") all.expert.clear();
  if (router != "weights") all.weights.clear();
  if (router != "oracle") all.tasks.clear();
  std::erase_if(all.settings, [&](const std::string& word) { return !takes(router, word); });
  return all;
}

void check_routers(const std::vector<std::string>& routers, const RouterOptions& all) {
  for (auto at = routers.begin(); at != routers.end(); ++at)
    check(std::find(routers.begin(), at, *at) == at, "--router: ", *at, " is named twice");
  const auto concerns = [&](const char* option, const std::string& value, const char* router) {
    check(value.empty() || contains(routers, router), option, " is a setting of the router ", router,
          ", which is not among --router");
  };
  concerns("--expert", all.expert, "single");
  concerns("--weights", all.weights, "weights");
  concerns("--tasks-to-experts", all.tasks, "oracle");
  for (const auto& word : all.settings)
    check(std::any_of(routers.begin(), routers.end(), [&](const std::string& r) { return takes(r, word); }),
          "--router-option ", word, ": none of the routers has such a setting");
}

}  // namespace anser::cli
