// SPDX-License-Identifier: MIT
#include <asyncio/run.h>

#include "base/names.h"
#include "loop/traceback_recorder.h"

#include <signal.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>

// An exception that leaves main() ends in std::terminate(), which would abort: a core dump for Ctrl-C. The handler here
// calls std::exit() for the two exceptions that mean the end of the program, which any function may do.
//
// A shell that runs a script decides by the way in which a program ended whether the user wanted to stop only that, or
// the script: it must be SIGINT that ends it. But the program's own ending (atexit(), globals, buffers) comes first, so
// that the signal is raised in the last function that exit() calls.

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

namespace {
std::terminate_handler previous = nullptr;
std::atomic<bool> leaving = false;
std::atomic<bool> interrupted = false;

[[noreturn]] void leave(int code) {
  // Terminated while leaving: a destructor of a global threw.
  if (leaving.exchange(true)) std::_Exit(code);
  std::exit(code);
}

[[noreturn]] void on_terminate() {
  if (const std::exception_ptr error = std::current_exception()) {
    const std::shared_ptr<const Traceback> traceback = traceback_for_terminate(error);  // looks at what is handled now
    try {
      std::rethrow_exception(error);
    } catch (const SystemExit& exit) {
      leave(exit.code());
    } catch (const KeyboardInterrupt&) {
      interrupted = true;
      leave(128 + SIGINT);
    } catch (...) {
      std::fflush(stdout);  // what the program has said comes first, and is not lost
      const std::string way = traceback != nullptr ? format(*traceback, "    ") : std::string();
      std::fprintf(stderr, "asyncio: uncaught exception: %s\n%s%s", describe(error).c_str(), way.c_str(),
                   way.empty() ? "" : "\n");
#if defined(__GLIBCXX__)
      if (previous == &__gnu_cxx::__verbose_terminate_handler) std::abort();  // it would say the same again
#endif
    }
  }
  if (previous != nullptr) previous();
  std::abort();
}

// What contains the library may be a plugin, and about to be unloaded.
[[gnu::destructor]] void uninstall_terminate_handler() {
  if (std::get_terminate() == &on_terminate) std::set_terminate(previous);
}

[[gnu::destructor(101)]] void end_by_interrupt() {
  if (!interrupted) return;
  std::fflush(nullptr);
  sigset_t interrupt;
  ::sigemptyset(&interrupt);
  ::sigaddset(&interrupt, SIGINT);
  ::signal(SIGINT, SIG_DFL);
  ::pthread_sigmask(SIG_UNBLOCK, &interrupt, nullptr);
  ::raise(SIGINT);  // returns in a process that the system protects from it, as the first of a container
}
}  // namespace

void detail::install_terminate_handler() noexcept {
  static std::atomic<bool> installed = false;
  if (!installed.exchange(true)) previous = std::set_terminate(&on_terminate);
}

}  // namespace asyncio::inline ASYNCIO_ABI
