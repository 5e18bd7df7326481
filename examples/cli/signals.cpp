#include "signals.hpp"

#include <anser/io/output_file.hpp>

#include <atomic>
#include <csignal>

namespace anser::cli {
namespace {

std::atomic<bool> noting = false, noted = false;
static_assert(std::atomic<bool>::is_always_lock_free);

/// Ends by the signal as if nothing caught it.
void leave(int signal) {
  if (noting && signal != SIGPIPE && !noted.exchange(true)) return;
  anser::remove_unfinished_files();
  std::signal(signal, SIG_DFL);
  std::raise(signal);  // blocked until this returns
}

}  // namespace

/// oneDNN's products keep numbers below the stack pointer, where a handler's frame would overwrite them (seen: heaps
/// corrupted by one SIGTERM of seven): handlers get a stack of their own.
void give_handlers_a_stack() {
  static char memory[1 << 16];
  stack_t stack{};
  stack.ss_sp = memory;
  stack.ss_size = sizeof memory;
  sigaltstack(&stack, nullptr);
}

void catch_signals() {
  give_handlers_a_stack();
  struct sigaction action {};
  action.sa_handler = leave;
  action.sa_flags = int(SA_RESTART | SA_ONSTACK);
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXCPU}) {
    struct sigaction before {};
    sigaction(signal, nullptr, &before);
    if (before.sa_handler == SIG_DFL) sigaction(signal, &action, nullptr);  // nohup's choice stays
  }
  std::signal(SIGXFSZ, SIG_IGN);  // writing past `ulimit -f` fails as on a full disk, with the file's name
}

void note_signals() {
  noting = true;
  std::signal(SIGPIPE, SIG_IGN);  // whoever reads the progress may go
}
bool signalled() { return noted; }

}  // namespace anser::cli
