// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/wait_queue.h>

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <utility>

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

class SignalStream;

namespace detail {

class WaitSignal;

}  // namespace detail

// Waits for one of the signals, and gives which one it was. A cancel ends the wait. Throws ValueError in the call for a
// number that is no signal.
template <std::same_as<int>... More>
detail::WaitSignal wait_signal(int signal, More... more);

// Listens to the signals from this call on. Throws RuntimeError where no loop runs, and as above.
template <std::same_as<int>... More>
SignalStream signals(int signal, More... more);

// ---------------------------------------------------------------------------------------------------------------------

class EventLoop;

namespace detail {

class Signals;

// By number: bit n is signal n + 1.
using SignalSet = std::uint64_t;
SignalSet make_signal_set(std::initializer_list<int> numbers);  // throws ValueError

// Something that a loop tells of signals. It must stop listening before it is destroyed.
class SignalListener : public Link {
 public:
  using Come = void (*)(SignalListener&, int signal) noexcept;
  SignalListener(SignalSet set, Come on_signal) : set_(set), come_(on_signal) {}

  // In the loop that runs. Throws RuntimeError where none does, in another thread than the main one, and for a signal
  // that cannot be caught.
  void listen();
  // Twice is once, as after the end of the loop.
  void stop_listening() noexcept;
  bool listens() const { return signals_ != nullptr; }
  SignalSet set() const { return set_; }

 protected:
  ~SignalListener() = default;

 private:
  friend Signals;
  SignalSet set_;
  Come come_;
  Signals* signals_ = nullptr;
};

// What wait_signal() gives to co_await.
class [[nodiscard("nothing is waited for: write co_await")]] WaitSignal : public lowlevel::Waiter,
                                                                          private SignalListener {
 public:
  explicit WaitSignal(SignalSet set) : Waiter(waiting), SignalListener(set, &come) {}
  WaitSignal(WaitSignal&& other) noexcept : Waiter(std::move(other)), SignalListener(other.set(), &come) {}
  ~WaitSignal() { stop_listening(); }

  bool await_ready() const { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    listen();
    waits_ = true;
    park(self);
  }
  int await_resume() {
    stop_listening();
    check();
    return signal_;
  }

 private:
  static const lowlevel::WaitKind waiting;
  static void come(SignalListener& listener, int signal) noexcept;
  static void leave(Waiter& waiter) noexcept;

  bool waits_ = false;
  int signal_ = 0;
};

}  // namespace detail

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

class [[nodiscard("nothing is waited for: write co_await")]] SignalStream::Next : public lowlevel::QueuedWaiter {
 public:
  static constexpr lowlevel::WaitKind kind = lowlevel::WaitQueue::kind("signals.next");

  explicit Next(SignalStream& owner) : QueuedWaiter(owner.waiters_, kind), owner_(&owner) {}
  bool await_ready();
  int await_resume() {
    QueuedWaiter::await_resume();
    return signal_;
  }

 private:
  friend SignalStream;
  SignalStream* owner_;
  int signal_ = 0;
};

template <std::same_as<int>... More>
detail::WaitSignal wait_signal(int signal, More... more) {
  return detail::WaitSignal(detail::make_signal_set({signal, more...}));
}

template <std::same_as<int>... More>
SignalStream signals(int signal, More... more) {
  return SignalStream(detail::make_signal_set({signal, more...}));
}

inline SignalStream::Next SignalStream::next() { return Next(*this); }

}  // namespace asyncio::inline ASYNCIO_ABI
