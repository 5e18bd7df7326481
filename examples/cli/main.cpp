// The program `anser`: see docs/cli.md. Exit status 0: done; 1: the input or the run failed; 2: wrong usage.
#include <fmt/core.h>
#include <anser/core/error.hpp>

#include <cstdlib>
#include <new>

#include "options.hpp"
#include "text.hpp"

namespace {
using namespace anser::cli;

constexpr int failed = 1, wrong_usage = 2;

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

/// The command that the words lead to, as far as they do.
const CLI::App& command_of(const CLI::App& program, int argc, char** argv) {
  const CLI::App* app = &program;
  for (int i = 1; i < argc; ++i) {
    const auto names = command_names(*app);
    if (std::find(names.begin(), names.end(), argv[i]) == names.end()) break;
    app = app->get_subcommand(argv[i]);
  }
  return *app;
}

std::string full_name(const CLI::App& app) {
  return app.get_parent() ? full_name(*app.get_parent()) + ' ' + app.get_name() : app.get_name();
}

int complain_of_usage(const CLI::App& program, const CLI::ParseError& error, int argc, char** argv) {
  const CLI::App& app = command_of(program, argc, argv);
  std::string what = error.what(), hint;
  std::vector<std::string> options;
  for (const auto* option : app.get_options())
    for (const auto& name : option->get_lnames()) options.push_back("--" + name);
  for (int i = 1; i < argc && hint.empty(); ++i) {
    const std::string word = argv[i];
    if (what.find(word) == what.npos || std::find(options.begin(), options.end(), word) != options.end()) continue;
    const auto near = nearest(word, word.starts_with("--") ? options : command_names(app));
    if (!near.empty()) hint = "; did you mean " + near + '?';
  }
  for (char& c : what)
    if (c == '\n') c = ' ';
  fmt::print(stderr, "anser: error: {}{} (see {} --help)\n", what, hint, full_name(app));
  return wrong_usage;
}

int fail_with(const char* what) {
  fmt::print(stderr, "anser: error: {}\n", what);
  return failed;
}
}  // namespace

int main(int argc, char** argv) {
  CLI::App program("Runs T5 with pools of specialised experts, and routes among them.", "anser");
  program.set_version_flag("--version", "anser " ANSER_VERSION);
  program.require_subcommand(1);
  program.get_formatter()->column_width(34);
  program.option_defaults()->group("Options");
  program.footer(
      "Every command explains itself: anser generate --help\n"
      "Exit status: 0 done; 1 the input or the run failed, one line on stderr says what; 2 wrong usage.\n");
  add_generate(program);
  add_score(program);
  add_forward(program);
  add_trace(program);
  add_pool(program);
  add_inspect(program);
  add_demo(program);
  try {
    if (argc < 2) {
      fmt::print(stderr, "{}", program.help());
      return wrong_usage;
    }
    if (const std::string word = argv[1]; !word.starts_with('-')) {
      const auto names = command_names(program);
      if (std::find(names.begin(), names.end(), word) == names.end()) {
        const auto near = nearest(word, names);
        fmt::print(stderr, "anser: error: there is no command '{}'{} (see anser --help)\n", word,
                   near.empty() ? "" : "; did you mean '" + near + "'?");
        return wrong_usage;
      }
    }
    program.parse(argc, argv);
    finish_output();
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return program.exit(error);
    return complain_of_usage(program, error, argc, argv);
  } catch (const anser::Error& error) {
    return fail_with(error.what());
  } catch (const std::bad_alloc&) {
    return fail_with("out of memory; a smaller --batch-size or --dtype bf16 needs less");
  } catch (const std::exception& error) {
    return fail_with(error.what());
  }
  return 0;
}
