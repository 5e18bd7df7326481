// The program `anser`: see docs/cli.md. Exit status 0: done; 1: the input or the run failed; 2: wrong usage.
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>
#include <anser/core/error.hpp>

#include <cstdlib>
#include <filesystem>
#include <new>
#include <sstream>

#include "help.hpp"
#include "options.hpp"
#include "settings.hpp"
#include "signals.hpp"
#include "text.hpp"

namespace {
using namespace anser::cli;

constexpr int failed = 1, wrong_usage = 2;

/// libgomp's threads spin for milliseconds at a barrier, so that on a busy machine small products take many times as
/// long (measured: 25 s instead of 0.5 s). It reads its environment before main: the program starts itself once more.
void spin_briefly(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") || std::getenv("GOMP_SPINCOUNT")) return;
  setenv("GOMP_SPINCOUNT", "2000", 1);
  execv("/proc/self/exe", argv);  // returns only where it fails; then they spin
}

/// A stream that was closed before the start would be the first file that is opened, and get what is said to people.
/// What is opened in place of stdout takes nothing, by its number or as /dev/stdout: results that nobody gets are an
/// error.
void open_streams() {
  for (int stream : {0, 1, 2})
    if (fcntl(stream, F_GETFD) < 0 && open(stream == 1 ? "/" : "/dev/null", stream == 2 ? O_WRONLY : O_RDONLY) < 0)
      std::abort();
}

/// What was asked. CLI11 takes the word behind `--name=` for its value: an empty value becomes a word of its own.
std::vector<std::string> words_of(int argc, char** argv) {
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const bool empty = word.starts_with("--") && word.size() > 3 && word.find('=') == word.size() - 1;
    words.emplace_back(empty ? word.substr(0, word.size() - 1) : word);
    if (empty) words.emplace_back();
  }
  return words;
}

int fail_with(const char* what) {
  complain(fmt::format("anser: error: {}\n", visible(what)));
  return failed;
}

/// What was asked of the program itself, such as help, is a result.
int finish(const CLI::App& program, const CLI::ParseError& asked) {
  std::ostringstream out;
  program.exit(asked, out, out);
  print(out.str());
  try {
    finish_output();
  } catch (const anser::Error& error) {
    return fail_with(error.what());
  }
  return 0;
}
}  // namespace

int main(int argc, char** argv) {
  open_streams();
  spin_briefly(argv);
  catch_signals();
  CLI::App program("Runs T5 with pools of specialised experts, and routes among them.", "anser");
  program.set_version_flag("--version", "anser " ANSER_VERSION);
  const auto formatter = std::make_shared<Formatter>();
  formatter->column_width(34);
  program.formatter(formatter);
  program.option_defaults()->group("Options");
  program.footer(
      "Every command explains itself: anser generate --help\n"
      "Exit status: 0 done; 1 the input or the run failed, one line on stderr says what; 2 wrong usage.\n");
  Command commands(program);
  commands.require_subcommand();
  for (const auto add : {add_generate, add_score, add_forward, add_trace, add_pool, add_inspect, add_train, add_eval,
                         add_reproduce, add_report, add_demo})
    add(commands);
  commands.require_names();
  std::vector<std::string> words;
  try {
    if (argc < 2) {
      complain(program.help());
      return wrong_usage;
    }
    words = with_settings(words_of(argc, argv));
    program.parse(std::vector<std::string>(words.rbegin(), words.rend()));  // as CLI11 wants them
    finish_output();
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return finish(program, error);
    complain(fmt::format("anser: error: {}\n", visible(explain_usage(program, error, words))));
    return wrong_usage;
  } catch (const anser::Error& error) {
    return fail_with(error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    return fail_with(anser::concat(error.path1().string(), ": ", error.code().message()).c_str());
  } catch (const std::bad_alloc&) {
    return fail_with("out of memory; a smaller --batch-size or --dtype bf16 needs less");
  } catch (const std::exception& error) {
    return fail_with(error.what());
  }
  return 0;
}
