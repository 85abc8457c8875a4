// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/signal_listener.h>
#include <asyncio/lowlevel/wait_queue.h>

#include <concepts>

namespace asyncio::inline ASYNCIO_ABI {

// Signals as something to wait for.
//
//   Coro<> async_main() {
//     auto server = co_await start_server(handle, "", 8080);
//     const int signal = co_await wait_signal(SIGTERM, SIGINT);   // of <csignal>
//     std::cout << "signal " << signal << ": closing\n";
//     server.close();
//     co_await server.wait_closed();
//   }
//
//   Coro<> keep_up_to_date(Settings& settings) {
//     auto changes = signals(SIGHUP, SIGUSR1);
//     for (;;) settings.apply(co_await changes.next());
//   }
//
// While something waits for a signal, the system's own way with it (to end the program, as a rule) is off; afterwards
// it is what it was. wait_signal() waits for one: what comes before the co_await, or after it, is not for it. signals()
// is for more than one: it listens as long as its object is there, and keeps what comes while nobody waits.
// Everybody who waits is told, and so is a handler of EventLoop::add_signal_handler(), if there is one.
// Ctrl-C is SIGINT: while it is waited for, run() does not cancel its main task for it, and does so again afterwards.
// So above the first Ctrl-C closes the server, and a second one breaks that off.
// The operating system does not count: of signals of one number that come in quick succession, some may be lost.
// In the main thread only, as in Python: RuntimeError in another one, and for a signal that cannot be caught (SIGKILL,
// SIGSTOP). A virtual clock does not wait for them.
// Python: none; trio.open_signal_receiver, anyio's, tokio::signal.

namespace detail {

class WaitSignal;

}  // namespace detail

// Waits for one of the signals, and gives which one it was. A cancel ends the wait. Throws ValueError in the call for a
// number that is no signal.
template <std::same_as<int>... More>
detail::WaitSignal wait_signal(int signal, More... more);

// What signals() gives.
class [[nodiscard("it listens as long as it is there: keep it in a variable")]] SignalStream
    : private detail::SignalListener {
 public:
  class Next;

  explicit SignalStream(detail::SignalSet set);
  SignalStream(const SignalStream&) = delete;
  SignalStream& operator=(const SignalStream&) = delete;
  ~SignalStream() { stop_listening(); }

  // Waits for the next signal, unless one has come since the last call, and gives it; of several that have come, the
  // one with the least number. Where several tasks wait, the one that came first gets it. A cancelled wait has taken
  // none. Throws RuntimeError where the loop has ended.
  Next next();

 private:
  static void come(SignalListener& listener, int signal) noexcept;
  int take() noexcept;  // a pending one; 0 where there is none

  lowlevel::WaitQueue waiters_;
  detail::SignalSet pending_ = 0;  // that have come; none while somebody waits
};

// Listens to the signals from this call on. Throws RuntimeError where no loop runs, and as above.
template <std::same_as<int>... More>
SignalStream signals(int signal, More... more);

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/signal.h>
