#pragma once
#include <anser/eval/results.hpp>
#include <anser/eval/tasks.hpp>
#include <anser/io/tokenizer.hpp>
#include <string>
#include <vector>

#include "engine.hpp"
#include "text.hpp"

namespace anser::cli {

/// Tasks as a model reads them, in the order of the tasks.
struct Exam {
  struct Question {
    std::size_t task, example;  // places in `tasks`
    std::vector<std::int32_t> input, target;
    std::vector<std::vector<std::int32_t>> choices;  // empty: the answer is generated
  };
  std::vector<Task> tasks;
  std::vector<Question> questions;
  std::vector<Json>
      records;  // per question {"input", "choices", "task"}, for routers; the task's name where none is said
};
Exam make_exam(std::vector<Task> tasks, const Tokenizer& tokenizer);

/// The metrics of generated answers, and of multiple choice "accuracy".
inline constexpr const char* metric_names[] = {"exact_match", "squad_exact_match", "token_f1",
                                               "rouge_l",     "token_accuracy",    "accuracy"};

struct EvaluationOptions {
  std::vector<std::string> metrics;
  /// Nothing is generated: an answer matches exactly where each token of the target is the likeliest after those before
  /// it. The same as greedy decoding where a text has one way to be cut into tokens, and quicker.
  bool teacher_forced = false;
  int max_new_tokens = 128, batch_size = 16;
};
/// Throws Error for a metric that needs what is not computed, and for a task that none of the metrics is for.
void check_metrics(const EvaluationOptions& o, const std::vector<Task>& tasks);

/// Every question once, by the router that the engine has: `experts` as experts_for gives them. Multiple choice by the
/// mean log-likelihood over a choice's tokens, else greedy decoding.
std::vector<TaskScores> evaluate(Engine& engine, const Tokenizer& tokenizer, const Exam& exam,
                                 const std::vector<int>& experts, const EvaluationOptions& o, Progress& progress,
                                 const std::string& method);

/// Of the options of several routers those that concern one.
RouterOptions options_of(const std::string& router, RouterOptions all);
/// Throws Error where an option concerns none of the routers, or a router is named twice.
void check_routers(const std::vector<std::string>& routers, const RouterOptions& all);

}  // namespace anser::cli
